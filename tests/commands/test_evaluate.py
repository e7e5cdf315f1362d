import json
from pathlib import Path
from typing import Any

import pytest

from relx.calibration.decision import Decision
from relx.commands import main
from relx.predictors.predictor import Predictor


@pytest.fixture
def test_file(tiny: Path) -> str:
    return str(tiny.parent / "test.jsonl")


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def other() -> str:
    """A file with one sentence that the model gets right and one triple that it cannot find."""
    sentences = [
        {
            "tokens": ["Bob", "works", "in", "Oslo", "now", "."],
            "entities": [{"start": 0, "end": 1, "type": "PER"}, {"start": 3, "end": 4, "type": "LOC"}],
            "relations": [{"head": 0, "type": "works_in", "tail": 1}, {"head": 1, "type": "made_up", "tail": 0}],
        },
        {"tokens": [], "entities": []},
    ]
    Path("other.jsonl").write_text("".join(json.dumps(sentence) + "\n" for sentence in sentences))
    return "other.jsonl"


def reports(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    assert main(["evaluate", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for evaluation in found.values():
        assert evaluation.pop("calibration_error").keys() == {"triples", "entities"}
    return found


def test_the_scores_are_those_at_the_end_of_training(
    archive: str, trained: Path, tiny: Path, test_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reports(capsys, archive, test_file, "--seen", str(tiny.parent / "train.jsonl"))
    metrics = json.loads((trained / "metrics.json").read_text())
    assert found == {test_file: metrics["calibrated"]["test"]}
    assert reports(capsys, archive, test_file, "--seen", str(tiny.parent / "train.jsonl"), "--raw-scores") == {
        test_file: metrics["test"]
    }


def test_several_files(archive: str, test_file: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = reports(capsys, archive, test_file, other)
    assert list(found) == [test_file, other]
    counts = found[other]["exact_span"]["triples"]
    assert (counts["predicted"], counts["gold"], counts["correct"]) == (1, 2, 1)
    assert found[other]["exact_span"]["unseen"] is None


def test_named_protocols(archive: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = reports(capsys, archive, other, "--protocol", "strict", "--protocol", "last_word", "--protocol", "strict")
    assert list(found[other]) == ["strict", "last_word"]


def test_seen_triples(archive: str, tiny: Path, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = reports(capsys, archive, other, "--seen", str(tiny.parent / "train.jsonl"))
    assert found[other]["exact_span"]["unseen"]["gold"] == 1


def test_a_table_for_people(archive: str, test_file: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", archive, test_file, other]) == 0
    first, second = capsys.readouterr().out.split(f"\n\n{other}\n")
    assert first.startswith(f"{test_file}\nprotocol")
    rows = [line.split() for line in second.splitlines()]
    assert ["exact_span", "all", "triples", "1", "2", "1", "100.0", "50.0", "66.7"] in rows
    assert ["last_word", "all", "triples", "1", "2", "1", "100.0", "50.0", "66.7"] in rows


def test_predictions_are_written_and_score_the_same(
    archive: str, test_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    protocols = ["--protocol", "exact_span", "--protocol", "strict"]
    found = reports(capsys, archive, test_file, "--predictions", "predicted.jsonl", *protocols)
    assert main(["score", test_file, "predicted.jsonl", *protocols, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found[test_file]


@pytest.mark.parametrize("option", ["predictions", "report", "errors"])
def test_outputs_of_several_files_are_refused(
    archive: str, test_file: str, other: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", archive, test_file, other, f"--{option}", "out"]) == 2
    assert f"--{option} out: holds the {option} of one file, and 2" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_page_and_a_table_of_the_errors_are_written(archive: str, other: str) -> None:
    assert main(["evaluate", archive, other, "--report", "page.html", "--errors", "errors.tsv"]) == 0
    page, table = Path("page.html").read_text(), Path("errors.tsv").read_text().splitlines()
    assert f"<h1>Evaluation of {other}</h1>" in page and "<th>trained</th>" in page
    assert [line.split("\t")[:1] for line in table] == [["kind"], ["missed"]]
    assert "made_up" in table[1]


def test_the_curve_of_the_page_begins_below_the_threshold_unless_a_minimum_score_is_set(
    archive: str, test_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    decision = Predictor.decision

    def noted(self: Predictor, min_score: Any = None, *further: Any) -> Decision:
        asked.append(min_score)
        return decision(self, min_score, *further)

    monkeypatch.setattr(Predictor, "decision", noted)
    assert main(["evaluate", archive, test_file, "--report", "page.html"]) == 0
    assert asked == [None, {"relations": 0.05}]
    assert main(["evaluate", archive, test_file, "--report", "page.html", "--min-score", "0.6"]) == 0
    assert asked[2:] == [{"entities": 0.6, "relations": 0.6}]


def test_an_output_that_cannot_be_written_leaves_no_other(archive: str, other: str) -> None:
    assert main(["evaluate", archive, other, "--report", "page.html", "--errors", "gone/errors.tsv"]) == 2
    assert not Path("page.html").exists()


def test_a_file_of_another_form_is_recognized(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = {"sentText": "Bob works in Oslo now .", "relationMentions": [
        {"em1Text": "Bob", "label": "works_in", "em2Text": "Oslo"}]}  # fmt: skip
    Path("nyt.json").write_text(json.dumps(record) + "\n")
    found = reports(capsys, archive, "nyt.json", "--seen", "nyt.json")
    assert found["nyt.json"]["exact_span"]["triples"]["correct"] == 1
    assert found["nyt.json"]["exact_span"]["unseen"]["gold"] == 0
    assert found == reports(capsys, archive, "nyt.json", "--seen", "nyt.json", "--reader", "triples")


def test_a_named_reader_is_not_second_guessed(archive: str, test_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", archive, test_file, "--reader", "hrl"]) == 2
    assert f"{test_file}:1: " in capsys.readouterr().err


def test_the_experiments_reader_reads_what_no_reader_recognizes(
    archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd.jsonl").write_text('{"words": ["Bob"], "color": "red"}\n')
    assert main(["evaluate", archive, "odd.jsonl"]) == 2
    assert capsys.readouterr().err.startswith("error: odd.jsonl:1: tokens: missing")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "exact"], "unknown scoring protocol 'exact'"),
        (["--reader", "hlr"], "'hlr' is not a registered dataset_reader; did you mean 'hrl'?"),
        (["--device", "gpu"], "device 'gpu' cannot be used here"),
        (["--seen", "gone.jsonl"], "gone.jsonl: no such file"),
        (["gone.jsonl"], "gone.jsonl: no such file"),
        (["--predictions", "gone/out.jsonl"], "gone/out.jsonl: cannot be written"),
    ],
)
def test_what_the_user_can_mend_is_one_message_and_code_2(
    archive: str, test_file: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", archive, test_file, *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("error: ") and message in error and "Traceback" not in error


def test_a_file_that_fails_leaves_no_predictions(archive: str) -> None:
    assert main(["evaluate", archive, "gone.jsonl", "--predictions", "predicted.jsonl"]) == 2
    assert not Path("predicted.jsonl").exists()


def test_challenges_count_false_triples(archive: str, test_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = reports(capsys, archive, test_file, "--challenge")[test_file]["challenge"]
    assert list(found) == ["unrelated sentences", "unrelated pairs", "negated", "swapped"]
    assert (found["unrelated sentences"]["cases"], found["unrelated sentences"]["false"]) == (12, 0)
    # Nothing that the model has seen is negated.
    assert (found["negated"]["cases"], found["negated"]["found_before"]) == (24, 24)
    assert found["negated"]["false"] > 0
    assert main(["evaluate", archive, test_file, "--challenge"]) == 0
    assert "negated: English, 5 rules" in capsys.readouterr().out


def test_a_sentence_too_long_for_the_memory_is_one_message(
    archive: str, test_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80000800000 bytes")

    monkeypatch.setattr("relx.heads.hmt.HMT.forward", full)
    assert main(["evaluate", archive, test_file, "--predictions", "predicted.jsonl"]) == 2
    error = capsys.readouterr().err
    assert "not enough memory; the longest sentence has 8 tokens: split it" in error
    assert "Traceback" not in error and not list(Path().iterdir())


def test_two_outputs_in_one_file_are_refused(archive: str, test_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", archive, test_file, "--predictions", "out.txt", "--errors", "out.txt"]) == 2
    assert "write each to a separate file" in capsys.readouterr().err
    assert not Path("out.txt").exists()


def test_a_schema_drops_relations_of_a_document(archive: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("schema.json").write_text('{"relations": {"works_in": {"types": [["LOC", "PER"]]}}}')
    found = reports(capsys, archive, other, "--schema", "schema.json")
    counts = found[other]["exact_span"]["triples"]
    assert (counts["predicted"], counts["gold"]) == (0, 2)
    assert main(["evaluate", archive, other, "--schema", "schema.json"]) == 0
    assert capsys.readouterr().err == "the schema dropped 1 of 1 relation: 1 by types\n"
    Path("schema.json").write_text('{"relations": {"works": {}}}')
    assert main(["evaluate", archive, other, "--schema", "schema.json"]) == 2
    assert "schema.json: relations.works: unknown relation" in capsys.readouterr().err


def test_errors_of_windows_are_those_of_their_documents(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each missed triple is in two windows, and one line."""
    text = "Now . Bob owns Oslo . Now ."
    entities = [{"characters": [6, 9], "type": "PER"}, {"characters": [15, 19], "type": "LOC"}]
    record = {"text": text, "entities": entities, "relations": [{"head": 0, "type": "works_in", "tail": 1}]}
    Path("text.jsonl").write_text(json.dumps(record))
    reader = ["--reader", '{"type": "jsonl", "window": 2}']
    found = reports(capsys, archive, "text.jsonl", *reader, "--errors", "errors.tsv", "--min-score", "1")
    assert found["text.jsonl"]["exact_span"]["triples"]["gold"] == 1
    assert len(Path("errors.tsv").read_text().splitlines()) == 2
