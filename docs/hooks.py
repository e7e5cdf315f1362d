"""Hooks of mkdocs: pages from the root of the repository, links to its files, and equations as MathML."""

import html
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# Pages of the site that are files of the root, so that they are written once.
FROM_ROOT = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|<)([^)#\s]+)")
EQUATION = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are files of the root."""
    for page, source in FROM_ROOT.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=LINK.sub(lambda link: _seen_from_docs(link[1]), text)))
    return files


def _seen_from_docs(target: str) -> str:
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Replace links to files outside docs by links to their pages, or to the repository.

    Raises PluginError for a file that is not there.
    """
    if page.file.src_uri.endswith(".ipynb"):
        return markdown
    folder = posixpath.dirname(page.file.src_uri)

    def replace(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, link[1]))
        if target.startswith("docs/") and files.get_file_from_path(target.removeprefix("docs/")):
            return link[1]
        page_of = {source: name for name, source in FROM_ROOT.items()}
        if target in page_of:
            return posixpath.relpath(page_of[target], folder or ".")
        if not (ROOT / target).exists():
            raise PluginError(f"{page.file.src_uri}: links to {link[1]}, which does not exist")
        return f"{config.repo_url}/blob/main/{target}"

    return LINK.sub(replace, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Replace equations by MathML, which browsers show without a script."""
    return EQUATION.sub(
        lambda found: convert(html.unescape(found[2]), display="block" if found[1] == "div" else "inline"), content
    )
