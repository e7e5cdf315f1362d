"""The rules of CONTRIBUTING.md that a linter does not know, read from the source."""

import ast
import re
from collections import defaultdict

from test_architecture import ROOT, imports, module_name, modules

LONGEST_FUNCTION = 60
LONGEST_HEAD = 420
# Files of heads/ and encoders/ behind a head, itself included, apart from faces of packages.
MOST_FILES_OF_HEAD = 8
# What several heads share. Everything else in heads/ is a paper.
SHARED = {"", "faults", "head", "pair_scorers", "schemes", "spans"}
# A module with one importer is better folded into it. These are halves of what would be too long as one file, or the
# work behind one command.
ONE_IMPORTER = {
    "relx.bulk.on_ray",
    "relx.embedders.pretrained",
    "relx.heads.cascade.fusion",
    "relx.heads.interactive.decoding",
    "relx.readers.brat.writer",
    "relx.readers.webanno.writer",
    "relx.serving.app",
    "relx.tuning.search",
}

# Private idiom that a reader would not understand, and what to write instead.
IDIOM = {
    r"\b(unless|is|are|was|were) told\b|\btold (it|them|of|by|to)\b": "given, receives",
    r"\bbears\b": "has",
    r"\bhears?\b": "reads, receives",
    r"\bwants\b": "needs, expects",
    r"\b(is|are) content with\b": "works with",
    r"\b(stands?|stood)\b(?! (for|alone)\b)": "is in, is at, occurs",
    r"\banew\b": "again",
    r"\blearnt\b": "learned",
    r"\bgo(es|ing)? on (with|from|after|under|where)\b": "continue",
    r"\b(is|are) strange to\b": "has not learned from",
    r"\bbeside it stand\b": "its folder has",
    r"\bof like (length|size)\b": "of similar length",
}


def paper(module: str) -> str | None:
    """The paper of a module of heads/: the file or the folder; None for what several heads share."""
    name = module.removeprefix("relx.heads").removeprefix(".").partition(".")[0]
    return None if name in SHARED else name


def test_no_head_imports_another_head() -> None:
    of_heads = [path for path in modules() if path.is_relative_to(ROOT / "heads")]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in of_heads
        for name, line in imports(path)
        if name.startswith("relx.heads") and paper(name) not in (None, paper(module_name(path)))
    ]
    assert wrong == [], "what several heads share belongs into schemes/, spans/ or pair_scorers/"


def test_a_paper_is_one_file_or_one_folder() -> None:
    registering = [path for path in modules() if re.search(r"^@Head\.register\(", path.read_text("utf-8"), re.M)]
    assert registering
    for path in registering:
        assert paper(module_name(path)) is not None, f"{path}: a head is a file or a folder of its own"
        own = [path] if path.parent == ROOT / "heads" else list(path.parent.glob("*.py"))
        long = [file.name for file in own if len(file.read_text("utf-8").splitlines()) > LONGEST_HEAD]
        assert long == [], f"{path}: {long} have more than {LONGEST_HEAD} lines"


def test_few_files_are_behind_a_head() -> None:
    """What a reader of a model opens: the modules of heads and encoders that it imports, directly or through others."""
    rooms = ("relx.heads.", "relx.encoders.")
    named = {module_name(path): {name for name, _ in imports(path)} for path in modules()}
    faces = {module_name(path) for path in modules() if path.stem == "__init__"}
    heads = [module_name(path) for path in modules() if re.search(r"^@Head\.register\(", path.read_text("utf-8"), re.M)]
    for head in heads:
        behind = [head]
        for module in behind:
            behind += sorted(name for name in named[module] if name.startswith(rooms) and name not in behind)
        files = [module for module in behind if module not in faces]
        assert len(files) <= MOST_FILES_OF_HEAD, f"{head} needs {len(files)} files: {files}"


def test_a_module_has_two_importers_or_registers_something() -> None:
    importers = defaultdict(set)
    for path in modules():
        for name, _ in imports(path):
            if module_name(path) != name.rpartition(".")[0] or path.stem != "__init__":  # the face of its own package
                importers[name].add(module_name(path))
    lonely = {
        name
        for path in modules()
        if len(importers[name := module_name(path)]) == 1
        and path.stem != "__init__"
        and not name.startswith("relx.commands")
        and not re.search(r"^@\w+\.register\(", path.read_text("utf-8"), re.M)
    }
    assert lonely - ONE_IMPORTER == set(), "fold each of these into its importer"
    assert ONE_IMPORTER - lonely == set(), "these are exceptions no more"


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def test_the_prose_has_no_private_idiom() -> None:
    project = ROOT.parent
    pages = [*project.glob("*.md"), *(project / "docs").rglob("*.md")]
    found = [
        f"{path.relative_to(project)}:{number}: {match[0]!r}; write: {instead}"
        for path in sorted([*pages, *ROOT.rglob("*.py")])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for idiom, instead in IDIOM.items()
        if (match := re.search(idiom, line, re.IGNORECASE))
    ]
    assert found == []


def test_contributing_says_what_each_room_holds() -> None:
    rooms = {folder.parent.name for folder in ROOT.glob("*/__init__.py")}
    page = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert rooms - set(re.findall(r"`(\w+)/`", page)) == set()
