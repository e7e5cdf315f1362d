"""The walk of docs/workbench.md, run as it is printed: ``python benchmarks/walk.py FOLDER [--pictures docs/pictures]``.

Writes the experiment file of the page to FOLDER/walk, and runs its commands there. During the review a script works in
the place of a person: Chromium shows the first abstract as it was suggested, and all abstracts get the annotations of
``fixtures/abstracts``. Prints how many suggestions were right. Needs playwright and chromium.
"""

import argparse
import io
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from relx.data.example import Example
from relx.data.json_form import example_from_json, example_to_json
from relx.readers import make_reader

ROOT = Path(__file__).resolve().parents[1]
WHOLE = {"type": "brat", "window": 100}
VIEW = {"width": 940, "height": 900}
SAVE = """async ([number, record]) => {
  const answer = await fetch(`/review/${number}`, {method: "POST", body: JSON.stringify(record)});
  if (!answer.ok) throw new Error(await answer.text());
}"""


def walk_of(page: str) -> tuple[str, list[str]]:
    """Return the experiment file of the walk and its commands."""
    section = page.split("\n## From 50 abstracts to a graph\n")[1].split("\n## ")[0]
    (experiment,) = re.findall(r"^```jsonnet\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return experiment, re.findall(r"^    ((?:relx|mkdir|cp) .+)$", section, re.MULTILINE)


def gold() -> dict[str, Example]:
    """Return the abstracts of the sample data by name."""
    folders = [ROOT / "fixtures/abstracts" / split for split in ("train", "dev", "test")]
    examples = [example for folder in folders for example in make_reader(WHOLE).read(folder)]
    return {str((example.meta or {})["document"]): example for example in examples}


def labels(example: Example) -> tuple[set[Any], set[Any]]:
    """Return the mentions and the triples of a text by their characters."""
    place = {entity: (example.characters(entity), entity.type) for entity in example.mentions()}
    return {*place.values()}, {(place[r.head], r.type, place[r.tail]) for r in example.relations}


def review(command: str, folder: Path, pictures: Path | None) -> None:
    """Start the server of a review, review all that it shows, and end it."""
    server = subprocess.Popen([*shlex.split(command), "--port", "0"], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        address = re.findall(r"http://[\d.:]+", server.stderr.readline())[0]
        with sync_playwright() as tool:
            browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport=VIEW, color_scheme="light")
            page.goto(address)
            page.wait_for_selector("article svg")
            picture(page, pictures, "walk_suggested")
            correct(page)
            page.reload()
            page.wait_for_selector("article.done svg")
            page.fill("#number", "1")
            page.dispatch_event("#number", "change")
            page.wait_for_selector("article.done:has-text('a01') svg")
            picture(page, pictures, "walk_reviewed")
            browser.close()
    finally:
        server.terminate()
        server.wait()


def correct(page: Page) -> None:
    """Save each text with its true annotations, and print how many suggestions were right."""
    true, counts = gold(), {"entities": [0, 0, 0], "triples": [0, 0, 0]}
    for number in range(page.evaluate("async () => (await (await fetch('/review')).json()).count")):
        record = page.evaluate("async (n) => (await (await fetch(`/review/${n}`)).json()).record", number)
        own = true[record["meta"]["document"]]
        for count, found, expected in zip(counts.values(), labels(example_from_json(record)), labels(own), strict=True):
            count[:] = [a + b for a, b in zip(count, (len(found & expected), len(found), len(expected)), strict=True)]
        corrected = example_to_json(own)
        page.evaluate(SAVE, [number, {**record, **{key: corrected[key] for key in ("entities", "relations")}}])
    for name, (right, found, expected) in counts.items():
        print(f"suggested {name}: {right} of {found} right; {expected} in the reviewed texts")


def picture(page: Page, folder: Path | None, name: str) -> None:
    """Write a picture of the page as far as its text goes, with few colors."""
    box = page.locator("article").bounding_box()
    if folder is not None and box is not None:
        clip = {"x": 0, "y": 0, "width": VIEW["width"], "height": box["y"] + box["height"] + 8}
        shot = Image.open(io.BytesIO(page.screenshot(clip=clip)))
        shot.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)


def run(commands: Iterable[str], folder: Path, pictures: Path | None) -> None:
    """Run commands in a folder; a review ends when all texts are reviewed."""
    for command in commands:
        print(f"$ {command}", flush=True)
        if command.startswith("relx serve"):
            review(command, folder, pictures)
        else:
            subprocess.run(["bash", "-c", command], cwd=folder, check=True)


def main() -> None:
    """Run the walk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write the pictures of the page there")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve() / "walk"
    folder.mkdir(parents=True)
    (folder.parent / "fixtures").symlink_to(ROOT / "fixtures")
    experiment, commands = walk_of((ROOT / "docs/workbench.md").read_text(encoding="utf-8"))
    (folder / "walk.jsonnet").write_text(experiment, encoding="utf-8")
    run(commands, folder, arguments.pictures and arguments.pictures.resolve())


if __name__ == "__main__":
    main()
