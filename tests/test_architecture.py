"""Who may import whom, read from the source; and what must not be loaded when the command line starts."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import relx

ROOT = Path(relx.__file__).parent
HEAVY = {
    "torch",
    "transformers",
    "stanza",
    "accelerate",
    "numpy",
    "safetensors",
    "tqdm",
    "optuna",
    "matplotlib",
    "rdflib",
    "networkx",
    "rapidfuzz",
    "fastapi",
    "uvicorn",
    "prometheus_client",
    "spacy",
    "pandas",
    "pyarrow",
    "ray",
}

# What each room of relx may import besides itself. A room is a package, a part of one that is named here, or a module
# at the top; commands know all.
BELOW: dict[str, set[str]] = {
    "": {"api", "data", "version"},
    "errors": set(),
    "version": set(),
    "utils": {"errors"},
    "plugins": {"errors", "utils"},
    "registry": {"errors", "plugins", "utils"},
    "config": {"errors", "registry", "utils"},
}
BASE = {"errors", "registry", "utils", "version"}
ABOVE: dict[str, set[str]] = {
    "annotators.stanza_models": set(),
    "annotators.tokenizers": {"annotators.stanza_models"},
    "annotators.sentence_splitters": {"annotators.stanza_models", "annotators.tokenizers"},
    "data": {"annotators.tokenizers"},
    "annotators": {"data"},
    "readers": {"annotators.sentence_splitters", "annotators.tokenizers", "config", "data"},
    "kernels": set(),
    "limits": {"data"},
    "encoders": {"data", "kernels"},
    "embedders": {"data", "encoders.seq2vec"},
    "heads": {"data", "embedders", "encoders", "kernels", "limits"},
    "model": {"data", "embedders", "encoders", "heads"},
    "schema": {"data"},
    "graph": {"data", "readers"},
    "scoring": {"data"},
    "calibration": {"data", "heads", "model", "scoring"},
    "challenge": {"data", "scoring"},
    "reports": {"archive_file", "calibration", "data", "scoring"},
    "quantization": {"data", "embedders"},
    "archive_file": {"calibration", "data", "quantization"},
    "archive": {
        "annotators",
        "archive_file",
        "calibration",
        "config",
        "data",
        "model",
        "plugins",
        "quantization",
        "readers",
    },  # fmt: skip
    "training": {
        "annotators",
        "archive",
        "archive_file",
        "calibration",
        "challenge",
        "config",
        "data",
        "embedders",
        "heads",
        "limits",
        "model",
        "readers",
        "reports",
        "scoring",
    },  # fmt: skip
    "testing": {"archive", "config", "data", "heads", "model", "scoring", "training"},
    "predictors": {
        "annotators",
        "archive",
        "archive_file",
        "calibration",
        "challenge",
        "data",
        "heads",
        "model",
        "quantization",
        "readers",
        "reports",
        "schema",
        "scoring",
    },  # fmt: skip
    "serving": {"annotators", "calibration", "data", "predictors", "readers"},
    "bulk": {"annotators", "calibration", "data", "plugins", "predictors", "readers", "schema"},
    "api": {"calibration", "config", "data", "plugins", "predictors", "scoring", "training"},
    "integrations": {"annotators.sentence_splitters", "data", "predictors"},
    "comparison": {"predictors", "readers", "scoring", "training"},
    "tuning": {"comparison", "config", "training"},
}
MAY_IMPORT = {**BELOW, **{room: known | BASE for room, known in ABOVE.items()}, "__main__": {"commands"}}
CORE = ("", "errors", "plugins", "registry", "config", "commands", "__main__")


def room_of(path: Path) -> str:
    """The room of a module: the longest name of a room that its own begins with."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").removesuffix(".")
    rooms = [room for room in (*MAY_IMPORT, "commands") if room and (name == room or name.startswith(f"{room}."))]
    return max(rooms, key=len, default=name)


def imports(path: Path, module_level: bool = False) -> Iterator[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _at_module_level(tree) if module_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            yield from ((_imported(node.module, alias.name), node.lineno) for alias in node.names)


def _at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported; not functions, and not what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        for_checkers = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not for_checkers and not isinstance(child, ast.FunctionDef):
            yield child
            yield from _at_module_level(child)


def _imported(module: str, name: str) -> str:
    """``from relx import archive`` imports the module ``relx.archive``."""
    inner = ROOT.parent.joinpath(*module.split("."), name)
    return f"{module}.{name}" if inner.is_dir() or inner.with_suffix(".py").is_file() else module


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def test_every_room_has_its_rule() -> None:
    assert {room_of(path) for path in modules()} <= {*MAY_IMPORT, "commands"}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_go_downwards(room: str) -> None:
    allowed = [f"relx.{other}" for other in (room, *MAY_IMPORT[room])]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules()
        if room_of(path) == room
        for name, line in imports(path)
        if name.startswith("relx.") and not any(name == other or name.startswith(f"{other}.") for other in allowed)
    ]
    assert wrong == []


def test_the_rules_form_no_cycle() -> None:
    assert set(TopologicalSorter(MAY_IMPORT).static_order()) <= {*MAY_IMPORT, "commands", "encoders.seq2vec"}


def test_no_files_import_each_other_in_a_circle() -> None:
    known = {module_name(path): {name for name, _ in imports(path)} for path in modules()}
    assert set(TopologicalSorter(known).static_order()) >= {*known}


@pytest.mark.parametrize("room", CORE)
def test_the_core_loads_nothing_heavy(room: str) -> None:
    heavy = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules()
        if room_of(path) == room
        for name, line in imports(path, module_level=True)
        if name.partition(".")[0] in HEAVY
    ]
    assert heavy == []


def test_no_command_loads_anything_heavy_before_it_runs(tmp_path: Path) -> None:
    names = [module_name(path) for path in modules() if room_of(path) == "commands"]
    code = f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in run.stdout.split()} & {*HEAVY, "jinja2"}


def test_the_list_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    code = "import sys\nfrom relx.commands import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    imported = {name for name in run.stdout.splitlines()[-1].split() if name.startswith("relx.commands.")}
    assert imported == {"relx.commands.output"}


def loaded(*arguments: str, cwd: Path) -> set[str]:
    """The top-level modules that a run of the command line leaves loaded."""
    code = (
        "import json, sys\nfrom relx.commands import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["components", "head", "hmt"]])
def test_help_and_listings_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert not loaded(*arguments, cwd=tmp_path) & HEAVY


def test_check_loads_nothing_heavy(tmp_path: Path) -> None:
    experiment = {
        "dataset_reader": {"type": "hrl"},
        "train_data_path": "train.json",
        "model": {"embedder": {"type": "words", "dim": 8}, "head": {"type": "hmt", "hidden_size": 8}},
        "trainer": {"optimizer": {"type": "adam"}},
    }
    (tmp_path / "a.jsonnet").write_text(json.dumps(experiment))
    names = loaded("check", "a.jsonnet", cwd=tmp_path)
    assert "_jsonnet" in names
    assert not names & HEAVY


def test_a_bare_import_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, relx, relx.config, relx.registry, relx.plugins; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in run.stdout.split()} & HEAVY


def test_no_two_files_of_tests_have_one_name() -> None:
    """Pytest imports them by their names."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
