import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relx.commands import main

VALID: dict[str, Any] = {
    "dataset_reader": {"type": "hrl"},
    "train_data_path": "train.json",
    "model": {
        "embedder": {"type": "words", "dim": 8},
        "head": {"type": "hmt", "hidden_size": 8, "signatures": {"born_in": ["PER", "LOC"]}},
    },
    "trainer": {"epochs": 1, "optimizer": {"type": "adam", "lr": 0.01}},
}
FUNCTION = (
    f"function(dim=8, name) {json.dumps(VALID)} {{ train_data_path: name, model+: {{ embedder+: {{ dim: dim }} }} }}"
)

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs ``relx check`` on a file of this content; gives exit code, standard output and error output."""
    monkeypatch.chdir(tmp_path)

    def run(content: Any, *arguments: str, file: str = "a.jsonnet") -> tuple[int, str, str]:
        if content is not None:
            text = content if isinstance(content, str | bytes) else json.dumps(content)
            Path(file).write_bytes(text if isinstance(text, bytes) else text.encode())
        code = main(["check", file, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_valid_file(check: Check) -> None:
    assert check(VALID) == (0, "a.jsonnet: valid\n", "")


def test_full_prints_the_file_with_every_default(check: Check) -> None:
    code, text, _ = check(VALID, "--full")
    full = json.loads(text)
    assert code == 0
    optimizer = full["trainer"]["optimizer"]
    assert (optimizer["type"], optimizer["lr"], optimizer["weight_decay"]) == ("adam", 0.01, 0.0)
    assert full["model"]["head"]["decoding"] == "nearest"
    assert full["seed"] == 13
    assert check(full, "--full", file="full.json") == (0, text, "")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("trainr=1", "trainr: unknown key; did you mean 'trainer'?"),
        ("trainer.epoch=1", "trainer.epoch: unknown key; did you mean 'epochs'?"),
        ("trainer.epochs=true", "trainer.epochs: expected a whole number, got true"),
        ('trainer.epochs="50"', 'trainer.epochs: expected a whole number, got "50" (write 50 without quotes)'),
        ("trainer.epochs=1.5", "trainer.epochs: expected a whole number, got 1.5"),
        ("model.head.type=htm", "model.head.type: 'htm' is not a registered head; did you mean 'hmt'?"),
        ("model.head.type=os.system", "model.head.type: 'os.system' is not a registered head; only registered names"),
        ("model.head.input_dim=8", "model.head.input_dim: is supplied by the program at run time; remove it"),
        ("trainer.optimizer=5", "trainer.optimizer: expected an optimizer (an object with 'type'), got 5"),
        ("model.head=[]", "model.head: expected a head (an object with 'type'), got a list"),
        ("model.head.signatures={}", None),
        ("model.head.signatures=[]", "model.head.signatures: expected an object, got a list"),
        ("model.head.signatures.born_in=PER", 'model.head.signatures.born_in: expected a list, got "PER"'),
        ("model.head.decoding=nearst", "model.head.decoding: \"nearst\" is not a choice; did you mean 'nearest'?"),
        ("model.embedder.dim=3.0", None),
        ("train_data_path=3", "train_data_path: expected a string, got 3"),
        ("model.encodr.type=x", "override model.encodr.type=x: the file gives model no key 'encodr'"),
    ],
)
def test_one_fault(check: Check, override: str, expected: str | None) -> None:
    code, out, err = check(VALID, "-o", override)
    assert code == (2 if expected else 0)
    assert bool(out) is not bool(expected)
    assert (expected or "") in err
    assert len(err.splitlines()) <= 2


def test_several_faults_come_at_once(check: Check) -> None:
    tree = {**VALID, "trainer": {"epochs": "5", "optimiser": {}}, "model": {"head": {"type": "hmt", "hidden": 3}}}
    tree.pop("train_data_path")
    code, _, err = check(tree)
    assert code == 2
    assert err.splitlines() == [
        "error: a.jsonnet: 5 problems",
        "  model.head.hidden: unknown key; did you mean 'hidden_size'?",
        "  model.embedder: missing; expected token_embedder",
        '  trainer.epochs: expected a whole number, got "5" (write 5 without quotes)',
        "  trainer.optimiser: unknown key; did you mean 'optimizer'?",
        "  train_data_path: missing; expected str",
    ]


def test_verbose_shows_where_a_broken_rule_is_defined(check: Check) -> None:
    _, _, err = check(VALID, "-v", "-o", "trainer.epochs=x")
    assert "[Trainer at " in err
    assert "trainer.py:" in err


def test_variables(check: Check) -> None:
    code, out, _ = check(FUNCTION, "--full", "--var", "dim=5", "--var", "name=x")
    assert (code, json.loads(out)["model"]["embedder"]["dim"]) == (0, 5)
    assert "model.embedder.dim: expected a whole number" in check(FUNCTION, "--var", "dim=x", "--var", "name=x")[2]
    mistyped = check(FUNCTION, "--var", "dims=5", "--var", "name=x")[2]
    assert "no variable 'dims'; did you mean 'dim'? Its variables: dim, name" in mistyped
    assert "the variable 'name' has no default; give it with --var name=VALUE" in check(FUNCTION)[2]
    assert check(FUNCTION, "--var", "dim")[2] == "error: --var dim: expected name=value\n"
    assert "--var =3: expected name=value" in check(FUNCTION, "--var", "=3")[2]


@pytest.mark.parametrize(
    ("content", "file", "expected"),
    [
        ("{\n  a: 1\n  b: 2\n}", "a.jsonnet", "a.jsonnet:3:3: expected a comma"),
        ("import 'a.jsonnet'", "a.jsonnet", "a.jsonnet: import cycle: a.jsonnet -> a.jsonnet"),
        ("", "a.jsonnet", "a.jsonnet: the file is empty"),
        (None, "gone.jsonnet", "gone.jsonnet: no such experiment file"),
        (b"{a: '\xff'}", "a.jsonnet", "a.jsonnet:1: not UTF-8 text"),
        ('{"a": NaN}', "a.json", "NaN is not a number"),
        ('{"a": 1, "a": 2}', "a.json", "key 'a' occurs twice in one object"),
        ("[" * 100_000, "a.json", "levels deep"),
        ("[1]", "a.json", "an experiment is an object"),
        ("{}", "a.json", "train_data_path: missing; expected str"),
    ],
)
def test_unusable_files(check: Check, content: Any, file: str, expected: str) -> None:
    code, out, err = check(content, file=file)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert expected in err


PLUGIN = """
from relx.annotators.tokenizers.tokenizer import Tokenizer

@Tokenizer.register("{name}")
class Mine(Tokenizer):
    def __init__(self, {arguments}) -> None: ...
"""


@pytest.mark.usefixtures("registry")
class TestPlugins:
    def test_a_component_of_a_plugin_is_checked(self, check: Check) -> None:
        Path("mine.py").write_text(PLUGIN.format(name="mine", arguments="size: int = 1"))
        tree = {**VALID, "tokenizer": {"type": "mine", "siz": 2}}
        assert "'mine' is not a registered tokenizer" in check(tree)[2]
        assert "tokenizer.siz: unknown key; did you mean 'size'?" in check(tree, "--include", "mine.py")[2]
        assert check({**VALID, "tokenizer": {"type": "mine", "size": 2}}, "--include", "mine.py")[0] == 0

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (PLUGIN.format(name="loose", arguments="**options: int"), "Mine, argument 'options': a component names"),
            (PLUGIN.format(name="whitespace", arguments="size: int"), "'whitespace' is registered twice: at /"),
            ("import nowhere_to_be_found", "failed to import: ModuleNotFoundError"),
        ],
    )
    def test_an_unusable_plugin(self, check: Check, text: str, expected: str) -> None:
        Path("mine.py").write_text(text)
        code, out, err = check(VALID, "--include", "mine.py")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("error: plugin 'mine.py'")
        assert expected in err

    def test_a_plugin_that_does_not_exist(self, check: Check) -> None:
        assert "plugin 'no_such': no such module" in check(VALID, "--include", "no_such")[2]


def test_from_a_shell(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({**VALID, "seed": "x"}))
    command = [sys.executable, "-m", "relx"]
    run = subprocess.run([*command, "check", "a.json"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == 'error: a.json: 1 problem\n  seed: expected a whole number, got "x"\n'
    debug = subprocess.run([*command, "--debug", "check", "a.json"], cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" in debug.stderr
    assert debug.stderr.endswith(run.stderr)
