import json
from pathlib import Path

import pytest

from relx.commands import main

FIXTURES = Path(__file__).parents[2] / "fixtures"
EXPERIMENT = """
function(data, vectors='%s') {
  dataset_reader: { type: 'jsonl' },
  train_data_path: data + '/train.jsonl',
  test_data_path: data + '/test.jsonl',
  model: {
    embedder: {
      type: 'concatenated',
      embedders: [{ type: 'words', vectors: vectors }, { type: 'characters', dim: 2, encoder: { type: 'mean' } }],
    },
    head: { type: 'hmt' },
  },
  trainer: {},
}
"""


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"text": "Ann, Bo."}\n{"text": "Ann left."}\n')
    (tmp_path / "test.jsonl").write_text('{"text": "Ann left."}\n')
    (tmp_path / "vectors.txt").write_text("ann 1\n, 1\n")
    (tmp_path / "experiment.jsonnet").write_text(EXPERIMENT % (tmp_path / "vectors.txt"))
    return tmp_path


def json_of(capsys, *arguments: object) -> dict:
    assert main(["data", "--json", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def error_of(capsys, *arguments: object) -> str:
    assert main(["data", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_files_are_named_shortly_where_that_is_clear(capsys, tmp_path):
    first, second = FIXTURES / "formats/hrl.json", FIXTURES / "formats/casrel.json"
    assert [split["name"] for split in json_of(capsys, first, second, first)["splits"]] == ["hrl.json", "casrel.json"]
    (tmp_path / "hrl.json").write_text(first.read_text())
    names = [split["name"] for split in json_of(capsys, first, tmp_path / "hrl.json")["splits"]]
    assert names == [str(first), str(tmp_path / "hrl.json")]


def test_text(capsys):
    assert main(["data", str(FIXTURES / "formats/hrl.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["hrl.json"]
    assert lines[1].split() == ["sentences", "5"]


def test_an_experiment_names_its_files_reader_and_vectors(capsys, corpus):
    report = json_of(capsys, corpus / "experiment.jsonnet", "--var", f"data={corpus}")
    assert [(split["name"], split["sentences"], split["tokens"]) for split in report["splits"]] == [
        ("train", 2, 7),
        ("test", 1, 3),
    ]
    assert report["leakage"][0]["sentences"] == 1
    assert [(c["split"], c["tokens_exact"], c["tokens_lower_case"]) for c in report["coverage"]] == [
        ("train", 1, 2),
        ("test", 0, 1),
    ]


def test_an_experiment_may_be_json_and_overridden(capsys, corpus):
    model = {"embedder": {"type": "words", "dim": 2}, "head": {"type": "hmt"}}
    tree = {"dataset_reader": {"type": "jsonl"}, "train_data_path": str(corpus / "train.jsonl")}
    path = corpus / "experiment.json"
    path.write_text(json.dumps({**tree, "model": model, "trainer": {}}, indent=1))
    assert json_of(capsys, path)["splits"][0]["tokens"] == 7
    report = json_of(capsys, path, "-o", 'tokenizer={"type": "whitespace", "split_punctuation": false}')
    assert report["splits"][0]["tokens"] == 4
    assert report["coverage"] == []


def test_an_experiment_is_checked(capsys, corpus):
    path = corpus / "experiment.jsonnet"
    error = error_of(capsys, path, "--var", f"data={corpus}", "-o", "train_data_path=5", "-o", "trainer.epochs=x")
    assert f"{path}: 2 problems" in error
    assert "train_data_path: expected a string, got 5" in error


def test_a_reader_may_be_named(capsys, corpus):
    assert json_of(capsys, corpus / "train.jsonl", "--reader", '{"type": "jsonl"}')["splits"][0]["tokens"] == 7
    assert "sentext: missing" in error_of(capsys, corpus / "train.jsonl", "--reader", "hrl")


def test_misuse(capsys, corpus):
    experiment, file = corpus / "experiment.jsonnet", FIXTURES / "formats/hrl.json"
    assert "give either the experiment or corpus files" in error_of(capsys, experiment, file, "--var", f"data={corpus}")
    assert "is no experiment file, so --var and -o do not apply" in error_of(capsys, file, "--var", "a=1")
    assert "no such file" in error_of(capsys, corpus / "none.json")
    assert "train.jsonl: no such file" in error_of(capsys, experiment, "--var", "data=/nowhere")
    (corpus / "empty.jsonnet").write_text("{}")
    assert "dataset_reader: missing; expected dataset_reader" in error_of(capsys, corpus / "empty.jsonnet")
    (corpus / "wrong.jsonnet").write_text("{dataset_reader: {type: 'hlr'}, train_data_path: 'x'}")
    assert "did you mean 'hrl'?" in error_of(capsys, corpus / "wrong.jsonnet")


def test_changed_gold_is_counted_and_listed_by_file_and_sentence(capsys, tmp_path):
    record = {"text": "Paris-Berlin", "id": "x", "entities": [{"characters": [0, 5]}, {"characters": [6, 12]}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    (split,) = json_of(capsys, tmp_path / "a.jsonl")["splits"]
    assert split["cut"] == {"count": 1, "listed": [{"sentence": "x", "mention": "Paris", "tokens": "Paris-Berlin"}]}
    assert split["shared"]["listed"] == [{"sentence": "x", "mention": "Berlin", "tokens": "Paris-Berlin"}]
    assert main(["data", str(tmp_path / "a.jsonl")]) == 0
    assert "widened to whole tokens\n  a.jsonl: x: 'Paris' in 'Paris-Berlin'\n" in capsys.readouterr().out


def test_the_faults_of_all_files_are_reported(capsys, tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"tokens": ["a"]}\n{"tokens": [1]}\n')
    error = error_of(capsys, tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert error.startswith("error: 2 faults\n")
    assert f"{tmp_path / 'a.jsonl'}:2: " in error and f"{tmp_path / 'b.jsonl'}:2: " in error
    (tmp_path / "c.json").write_text('{"words": 1}')
    error = error_of(capsys, tmp_path / "c.json", tmp_path / "none")
    assert "no reader knows this form" in error and "no such file" in error


def test_every_fault_is_shown_whatever_their_number_and_kind(capsys, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"tokens": [1]}\n' * 30)
    (tmp_path / "c.json").write_text('{"words": 1}')
    error = error_of(capsys, tmp_path / "a.jsonl", tmp_path / "c.json").splitlines()
    assert error[0] == "error: 31 faults"
    assert len(error) == 32 and error[-1].startswith(f"  {tmp_path / 'a.jsonl'}:30: ")
