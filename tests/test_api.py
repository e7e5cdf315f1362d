"""``import relx``: what a Python program, or a notebook, trains, loads and evaluates with."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny as sample
from forks import python

import relx
from relx.data.example import Entity, Example, Relation
from relx.errors import ArchiveError, ConfigError, DataError, PluginError, TrainingError
from relx.predictors import Predictor
from relx.readers import read
from relx.scoring import UnknownProtocol

TEXT = "Ann Lee was born in New York ."


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_functions_are_found_without_being_loaded(tmp_path: Path) -> None:
    code = "import sys, relx; print(*dir(relx)); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    names, modules = (line.split() for line in run.stdout.splitlines())
    assert {"Example", "evaluate", "load", "train", "__version__"} <= set(names)
    assert {name for name in modules if name.startswith("relx")} == {"relx", "relx.version"}


@pytest.mark.slow
def test_opening_an_archive_loads_nothing_of_training_and_no_compiler(archive: str) -> None:
    code = "import sys, relx; relx.load(sys.argv[1]); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, archive], capture_output=True, text=True, check=True)
    assert not {"accelerate", "relx.training", "torch._dynamo", "transformers", "_jsonnet"} & set(run.stdout.split())


@pytest.mark.slow
def test_type_checkers_see_what_is_there(tmp_path: Path) -> None:
    Path("user.py").write_text(
        "import relx\n"
        "one: relx.Example = relx.load('model.tar.gz')('text')\n"
        "many: list[relx.Example] = relx.load('model.tar.gz')(['text'])\n"
        "f1: float = relx.evaluate('model.tar.gz', 'test.jsonl').metrics['triple_f1']\n"
        "relx.train('a.jsonnet').archive.exists()\n"
        "relx.train('a.jsonnet').archve\n"
    )
    libraries = ",".join(f"{name}.*" for name in ("accelerate", "numpy", "stanza", "torch", "transformers"))
    Path("mypy.ini").write_text(f"[mypy]\n[mypy-{libraries}]\nfollow_imports = skip\n")  # reading them takes long
    mypy = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir=/dev/null", "user.py"]
    mypy += ["--ignore-missing-imports"]
    # mypy does not follow the import hook of an editable installation, so it has to know where the package is.
    environment = {**os.environ, "MYPYPATH": str(Path(relx.__file__).parents[1])}
    run = subprocess.run(mypy, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[:-1] == [
        'user.py:6: error: "TrainedRun" has no attribute "archve"; maybe "archive"?  [attr-defined]'
    ]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'relx' has no attribute 'trian'"):
        relx.trian  # type: ignore[attr-defined]  # noqa: B018


class TestTrain:
    def test_a_file_with_variables(self, tiny: Path) -> None:
        run = relx.train(tiny, "run", data=tiny.parent, epochs=1, head="novel_tagging")
        assert (run.folder, run.archive) == (Path("run"), Path("run/model.tar.gz"))
        assert run.metrics == json.loads(Path("run/metrics.json").read_text())
        written = json.loads(Path("run/config.json").read_text())
        assert written["model"]["head"]["type"] == "novel_tagging" and written["trainer"]["epochs"] == 1
        assert relx.load(run.archive).facts.metrics == run.metrics

    def test_a_dict_and_the_default_folder(self, trained: Path) -> None:
        experiment = json.loads((trained / "config.json").read_text())
        experiment["trainer"]["epochs"] = 1
        before = json.dumps(experiment)
        assert relx.train(experiment).folder == Path("runs/experiment")
        assert json.dumps(experiment) == before
        with pytest.raises(TrainingError, match="runs/experiment: exists and is not empty"):
            relx.train(experiment)
        assert relx.train(experiment, force=True).archive.exists()

    def test_a_run_can_be_continued(self, tiny: Path) -> None:
        relx.train(tiny, data=tiny.parent, epochs=1)
        run = relx.train(tiny, recover=True, data=tiny.parent, epochs=2)
        assert run.folder == Path("runs/tiny") and run.metrics["epochs"] == 2

    def test_single_values_are_changed_in_a_file_and_in_a_dict(self, tiny: Path, trained: Path) -> None:
        relx.train(tiny, "file", data=tiny.parent, overrides="trainer.epochs=1")
        tree = json.loads((trained / "config.json").read_text())
        relx.train(tree, "dict", overrides=["trainer.epochs=1", "seed=4"])
        for folder, seed in (("file", tree["seed"]), ("dict", 4)):
            written = json.loads(Path(folder, "config.json").read_text())
            assert (written["trainer"]["epochs"], written["seed"]) == (1, seed)
        with pytest.raises(ConfigError, match="override trainr.epochs=1: .* did you mean 'trainer'"):
            relx.train(tree, overrides="trainr.epochs=1")

    def test_a_string_stays_a_string(self, tmp_path: Path) -> None:
        Path("a.jsonnet").write_text("function(name) { model: name }")
        with pytest.raises(ConfigError, match='model: expected an object, got "7"'):
            relx.train("a.jsonnet", name="7")

    @pytest.mark.parametrize(
        ("experiment", "variables", "message"),
        [
            ({"model": {}}, {"epochs": 3}, r"given as a dict has no variables \(epochs\); set its keys"),
            ({"modle": {}}, {}, "modle: unknown key; did you mean 'model'?"),
            ("gone.jsonnet", {}, "gone.jsonnet: no such experiment file"),
        ],
    )
    def test_what_does_not_fit_is_one_error(self, experiment: Any, variables: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
            relx.train(experiment, **variables)
        assert not Path("runs").exists()

    def test_the_result_is_a_table_in_a_notebook(self, tiny: Path) -> None:
        run = relx.train(tiny, "<run>", data=tiny.parent, epochs=1)
        lines = repr(run).splitlines()
        assert lines[0] == str(run.archive) and lines[1].split()[:3] == ["data", "protocol", "scored"]
        assert repr(relx.load(run.archive)).startswith("trained")
        shown = run._repr_html_()
        assert "<caption>&lt;run&gt;/model.tar.gz</caption>" in shown
        assert "<td>validation</td><td>exact_span</td><td>all triples</td>" in shown
        assert "<td>test</td><td>last_word</td><td>all triples</td>" in shown

    def test_every_argument_is_described(self) -> None:
        for function in (relx.train, relx.load, relx.evaluate):
            for name in inspect.signature(function).parameters:
                assert f"    {name}: " in (inspect.getdoc(function) or "")


def test_the_log_appears_in_a_program_that_configures_none(tiny: Path) -> None:
    code = (
        f"import logging, relx\nrelx.train({str(tiny)!r}, 'run', data={str(tiny.parent)!r}, epochs=1)\n"
        "print(logging.getLogger('relx').handlers, logging.getLogger('relx').level)"
    )
    run = sample.run(code, program=python)
    assert "epoch 1/1  loss" in run.stderr and "\ntest: triples P" in run.stderr
    assert run.stdout == "[] 0\n"


class TestEvaluate:
    def test_a_file_and_examples_score_the_same(self, archive: str, tiny: Path, trained: Path) -> None:
        path = tiny.parent / "test.jsonl"
        found = relx.evaluate(archive, path, seen=tiny.parent / "train.jsonl")
        scored = json.loads((trained / "metrics.json").read_text())["test"]
        assert found.to_json() == {**scored, "calibration_error": found.calibration_errors}
        examples = list(read(path))
        again = relx.evaluate(relx.load(archive), examples, seen=list(read(tiny.parent / "train.jsonl")))
        assert again.to_json() == found.to_json() and found.metrics["triple_f1"] == again.metrics["triple_f1"] == 1.0
        assert [len(found.gold), len(found.predicted)] == [len(examples)] * 2

    def test_named_protocols_and_reader(self, archive: str, tiny: Path) -> None:
        found = relx.evaluate(archive, str(tiny.parent / "test.jsonl"), protocols=["strict", "last_word"])
        assert list(found.reports) == ["strict", "last_word"]
        found = relx.evaluate(archive, tiny.parent / "test.jsonl", protocols="strict")
        assert list(found.reports) == ["strict"]
        with pytest.raises(DataError, match="test.jsonl:1: "):
            relx.evaluate(archive, tiny.parent / "test.jsonl", reader="hrl")
        with pytest.raises(UnknownProtocol, match="unknown scoring protocol 'exact'"):
            relx.evaluate("gone.tar.gz", "gone.jsonl", protocols=["exact"])

    def test_challenges_are_a_part_of_the_result(self, archive: str, tiny: Path) -> None:
        path = tiny.parent / "test.jsonl"
        found = relx.evaluate(archive, path, challenge=True)
        assert found.challenge is not None and found.challenge.challenges["negated"].total.cases == 24
        assert found.to_json()["challenge"] == found.challenge.to_json()
        assert str(found.challenge) in repr(found) and found.challenge._repr_html_() in found._repr_html_()
        plain = relx.evaluate(archive, path)
        assert plain.challenge is None and "challenge" not in plain.to_json() and "negated" not in repr(plain)

    def test_the_result_shows_its_tables_and_escapes_labels(self, archive: str) -> None:
        bob, oslo = Entity(0, 1, "PER"), Entity(3, 4, "LOC")
        evil = "<script>alert(1)</script>\u202e"
        gold = Example(["Bob", "works", "in", "Oslo", "now", "."], [bob, oslo], [Relation(bob, evil, oslo)])
        found = relx.evaluate(archive, [gold])
        shown = found._repr_html_()
        assert "<script" not in shown and "\u202e" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in shown
        for row in ("all triples", "Normal sentences", "in-triple entities", "works_in"):
            assert f"<td>{row}</td>" in shown
        assert shown.count("<table>") == shown.count("</table>") > 2
        assert repr(found).startswith("protocol") and "works_in" in str(found)


def test_plugins_are_included(archive: str, tiny: Path, registry: None) -> None:
    Path("mine.py").write_text(
        "from relx.annotators.tokenizers.tokenizer import Tokenizer\n"
        "from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer\n"
        "@Tokenizer.register('mine')\nclass Mine(WhitespaceTokenizer):\n"
        "    def __init__(self) -> None:\n        super().__init__()\n"
    )
    mine = 'tokenizer={"type": "mine"}'
    with pytest.raises(ArchiveError, match=r"'mine' is not a registered tokenizer.*\(in Python include=\)"):
        relx.load(archive, overrides=mine)
    assert type(relx.load(archive, overrides=mine, include="mine.py").tokenizer).__name__ == "Mine"
    path = tiny.parent / "test.jsonl"
    assert relx.evaluate(archive, path, overrides=[mine], include=["mine.py"]).metrics["triple_f1"] == 1.0
    run = relx.train(tiny, "run", data=tiny.parent, epochs=1, overrides=mine, include="mine.py")
    assert json.loads((run.folder / "config.json").read_text())["tokenizer"]["type"] == "mine"
    with pytest.raises(PluginError, match="plugin 'gone.py': no such file"):
        relx.load(archive, include="gone.py")


def test_a_loaded_predictor_takes_no_overrides(archive: str, tiny: Path) -> None:
    with pytest.raises(ConfigError, match="overrides: .* give them to relx.load"):
        relx.evaluate(relx.load(archive), tiny.parent / "test.jsonl", overrides="model.head.dropout=0.1")


def test_load_gives_a_predictor(archive: str) -> None:
    model = relx.load(archive, overrides=['tokenizer={"type": "whitespace", "split_punctuation": false}'])
    assert isinstance(model, Predictor)
    assert [relation.type for relation in model(TEXT).relations] == ["born_in"]
    assert model("a.").tokens == ["a."]
