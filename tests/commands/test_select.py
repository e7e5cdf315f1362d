"""``relx select``: which sentences of a pool are chosen, and why."""

import json

import numpy as np
import pytest

from relx.commands import main
from relx.commands.select import select, spread
from relx.data.example import Example
from relx.predictors import Predictor

KNOWN = ["Ann Lee was born in Rome .", "Bob works in Oslo now .", "Dan left New York ."]
STRANGE = "Rome Bob works Oslo born was Dan in Ann ."


@pytest.fixture(scope="module")
def younger(tiny, tmp_path_factory):
    """An archive of the same data that has learned less."""
    folder = tmp_path_factory.mktemp("younger") / "run"
    learn = ["--var", f"data={tiny.parent}", "--var", "epochs=3", "--var", "seed=2"]
    assert main(["train", str(tiny), "-s", str(folder), *learn]) == 0
    return str(folder / "model.tar.gz")


def examples(*texts):
    return [Example(text.split(), id=str(number)) for number, text in enumerate(texts)]


def test_what_the_model_has_not_decided_comes_first(archive):
    chosen = select([Predictor.load(archive)], examples(*KNOWN, STRANGE), 2)
    assert " ".join(chosen[0].example.tokens) == STRANGE
    assert chosen[0].undecided > chosen[1].undecided and chosen[0].disagreement == 0
    assert chosen[0].reason.startswith("undecided: ")


def test_what_two_models_see_otherwise_comes_first(archive, younger):
    one, other = Predictor.load(archive), Predictor.load(younger)
    chosen = select([one, other], examples(*KNOWN, "."), 4)
    assert chosen[0].disagreement > 0.3 and chosen[0].reason.startswith("the models disagree: ")
    assert " to " in chosen[0].reason
    assert [sentence.disagreement for sentence in select([one, one], examples(*KNOWN), 3)] == [0, 0, 0]


def test_equal_sentences_are_chosen_once(archive):
    chosen = select([Predictor.load(archive)], [*examples(*KNOWN, *KNOWN), Example([])], 10)
    assert sorted(sentence.example.id for sentence in chosen) == ["0", "1", "2"]
    assert select([Predictor.load(archive)], [Example([])], 10) == []


def test_of_sentences_that_are_alike_the_first_is_chosen():
    vectors = np.array([[1, 0], [0.99, 0.141], [-1, 0], [0, 1]])
    rows = [row for row, _ in spread(np.array([5, 4.9, 3, 0.1]), vectors, 3)]
    assert rows == [0, 2, 3]


def test_the_command_writes_sentences_with_their_reasons(archive, tmp_path, capsys):
    pool = tmp_path / "pool.txt"
    pool.write_text("\n".join([*KNOWN, STRANGE]) + "\n")
    assert main(["select", archive, str(pool), "--text", "--count", "2"]) == 0
    out, err = capsys.readouterr()
    first, second = map(json.loads, out.splitlines())
    assert (first["id"], first["text"], first["entities"], first["relations"]) == ("4", STRANGE, [], [])
    assert {*first["meta"]["selected"]} == {"undecided", "disagreement", "distance", "reason"}
    assert f"{pool}: 2 sentences of 4 chosen" in err
    assert main(["select", archive, archive, str(pool), "--text", "--output", str(tmp_path / "out.jsonl")]) == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["pool", "--count", "0"], "--count 0: expected a number of sentences, at least 1"),
        (["none"], "none: no such file"),
        (["pool"], "pool: holds no sentence with a token"),
    ],
)
def test_what_is_refused(options, message, archive, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool").write_text('{"text": ""}\n')
    assert main(["select", archive, *options]) == 2
    assert message in capsys.readouterr().err
