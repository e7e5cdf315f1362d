import json
from pathlib import Path

import pytest

from relx.commands import main

TRAIN = "".join(
    json.dumps(
        {
            "tokens": [f"person{i}", "was", "born", "in", "Oslo"],
            "entities": [{"start": 0, "end": 1, "type": "PER"}, {"start": 4, "end": 5, "type": "LOC"}],
            "relations": [{"head": 0, "type": "born_in", "tail": 1}],
        }
    )
    + "\n"
    for i in range(20)
)
ODD = {
    "tokens": ["Ann", "was", "born", "in", "Oslo", "or", "Rome"],
    "entities": [{"start": at, "end": at + 1, "type": type} for at, type in ((0, "PER"), (4, "LOC"), (6, "LOC"))],
    "relations": [
        {"head": 0, "type": "born_in", "tail": 1},
        {"head": 0, "type": "born_in", "tail": 2},
        {"head": 1, "type": "born_in", "tail": 0},
    ],
}


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A training file, one with a sentence that is against it, and the schema of the former."""
    monkeypatch.chdir(tmp_path)
    Path("train.jsonl").write_text(TRAIN)
    Path("odd.jsonl").write_text(TRAIN.splitlines()[0] + "\n" + json.dumps(ODD) + "\n")
    assert main(["schema", "train.jsonl"]) == 0
    Path("schema.json").write_text(capsys.readouterr().out)
    return tmp_path


def test_it_proposes_what_the_data_show(corpus: Path) -> None:
    assert json.loads(Path("schema.json").read_text()) == {
        "relations": {
            "born_in": {
                "types": [["PER", "LOC"]],
                "symmetric": False,
                "functional": True,
                "self": False,
                "seen": {
                    "triples": 20, "heads": 20, "heads_of_several_tails": 0, "both_directions": 0, "self": 0,
                },
            }
        }
    }  # fmt: skip


def test_data_lists_what_breaks_a_schema(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "train.jsonl", "odd.jsonl", "--schema", "schema.json"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "2 relations of the data to drop so that the others follow schema.json",
        "  odd.jsonl, sentence 2: Ann --born_in-> Rome breaks functional: Ann --born_in-> Oslo is kept",
        "  odd.jsonl, sentence 2: Oslo --born_in-> Ann breaks types: LOC to PER",
    ]
    assert main(["data", "odd.jsonl", "--schema", "schema.json", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["violations"]
    assert (first["sentence"], first["rule"], second["rule"]) == (2, "functional", "types")


def test_a_document_is_judged_as_a_whole(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentences = [{**ODD, "relations": [relation], "meta": {"document": "d"}} for relation in ODD["relations"][:2]]  # type: ignore[index]
    Path("odd.jsonl").write_text("".join(json.dumps(sentence) + "\n" for sentence in [{"tokens": ["x"]}, *sentences]))
    assert main(["data", "odd.jsonl", "--schema", "schema.json"]) == 0
    assert "odd.jsonl, sentence 3: Ann --born_in-> Rome breaks functional" in capsys.readouterr().out


def test_names_that_the_data_lack_are_said(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    Path("schema.json").write_text('{"relations": {"born": {"types": [["PERS", "LOC"]]}}}')
    assert main(["data", "train.jsonl", "--schema", "schema.json"]) == 0
    assert [record.message for record in caplog.records] == [
        "schema.json: relations.born: unknown relation; did you mean 'born_in'?",
        "schema.json: relations.born.types: unknown type of entities 'PERS'; did you mean 'PER'?",
    ]


def test_faults_of_files_are_said_at_once(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jsonl").write_text("3\n")
    assert main(["schema", "none.jsonl", "bad.jsonl"]) == 2
    error = capsys.readouterr().err
    assert "none.jsonl: no such file" in error and "bad.jsonl" in error and "Traceback" not in error


def test_unlabeled_data_propose_nothing(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare.jsonl").write_text('{"tokens": ["Ann"]}\n')
    assert main(["schema", "bare.jsonl"]) == 2
    assert "bare.jsonl: no relation to propose a schema from; give labeled data" in capsys.readouterr().err
