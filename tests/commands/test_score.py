import json
import subprocess
import sys
from pathlib import Path

import pytest

from relx.commands import main

GOLD = [
    {"text": "Ann Lee lives in New York", "triple_list": [["Ann Lee", "lives_in", "New York"]]},
    {"text": "Bob of Oslo knows Ann", "triple_list": [["Bob", "lives_in", "Oslo"], ["Bob", "knows", "Ann"]]},
]
PREDICTED = [
    {
        "tokens": ["Ann", "Lee", "lives", "in", "New", "York"],
        "entities": [{"start": 1, "end": 2}, {"start": 4, "end": 6}],
        "relations": [{"head": 0, "type": "lives_in", "tail": 1, "score": 0.9}],
    },
    {
        "tokens": ["Bob", "of", "Oslo", "knows", "Ann"],
        "entities": [{"start": 0, "end": 1}, {"start": 2, "end": 3}],
        "relations": [{"head": 0, "type": "lives_in", "tail": 1}],
    },
]
TYPED = [
    {
        "tokens": ["Bob", "of", "Oslo"],
        "entities": [{"start": 0, "end": 1, "type": "PER"}, {"start": 2, "end": 3, "type": "LOC"}],
        "relations": [{"head": 0, "type": "lives_in", "tail": 1}],
    }
]


def lines(path: Path, records: list[dict]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


@pytest.fixture
def gold(tmp_path: Path) -> str:
    return lines(tmp_path / "gold.json", GOLD)


@pytest.fixture
def predicted(tmp_path: Path) -> str:
    return lines(tmp_path / "predicted.jsonl", PREDICTED)


def headline(output: str) -> dict[str, list[str]]:
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: row[3:6] for row in rows if row[1:3] == ["all", "triples"]}


def test_all_protocols_that_fit_the_data_are_shown(gold, predicted, capsys):
    assert main(["score", gold, predicted]) == 0
    output = capsys.readouterr().out
    assert headline(output) == {
        "exact_span": ["2", "3", "1"],
        "exact_text": ["2", "3", "1"],
        "begin_offset": ["2", "3", "1"],
        "last_word": ["2", "3", "2"],
        "first_word": ["2", "3", "1"],
    }
    assert "exact_span         knows" in output
    assert "begin_offset       knows" not in output


def test_typed_data_is_also_scored_by_type(tmp_path, capsys):
    typed = lines(tmp_path / "typed.jsonl", TYPED)
    assert main(["score", typed, typed]) == 0
    output = capsys.readouterr().out
    assert headline(output)["strict"] == headline(output)["boundaries"] == ["1", "1", "1"]
    assert "entity strict" in output


def test_named_protocols_as_json(gold, predicted, capsys):
    arguments = ["--protocol", "last_word", "--protocol", "exact_span", "--protocol", "last_word", "--json"]
    assert main(["score", gold, predicted, "--reader", "triples", *arguments]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert list(reports) == ["last_word", "exact_span"]
    assert reports["last_word"]["triples"]["recall"] == pytest.approx(2 / 3)
    assert reports["exact_span"]["per_relation"]["knows"]["gold"] == 1


def test_seen_adds_the_triples_that_training_does_not_hold(gold, predicted, tmp_path, capsys):
    train = lines(tmp_path / "train.json", GOLD[:1])
    assert main(["score", gold, predicted, "--seen", train, "--protocol", "exact_span", "--json"]) == 0
    unseen = json.loads(capsys.readouterr().out)["exact_span"]["unseen"]
    assert (unseen["gold"], unseen["correct"]) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "lastword"], "unknown scoring protocol 'lastword'; did you mean 'last_word'?"),
        (["--protocol", "strict"], "an entity of the gold triple 'Ann Lee' 'lives_in' 'New York' has no type"),
        (["--reader", "tripels"], "'tripels' is not a registered dataset_reader; did you mean 'triples'?"),
        (["--include", "no_such_plugin"], "no_such_plugin"),
    ],
)
def test_what_the_user_can_mend_is_one_message_and_code_2(gold, predicted, arguments, message, capsys):
    assert main(["score", gold, predicted, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_other_sentences_are_refused(gold, tmp_path, capsys):
    predicted = lines(tmp_path / "predicted.jsonl", PREDICTED[:1])
    assert main(["score", gold, predicted]) == 2
    assert f"error: {gold}: sentence 2 is only in the gold data: 'Bob of Oslo knows Ann'" in capsys.readouterr().err


def test_from_the_command_line_without_torch(gold, predicted):
    program = "import sys; from relx.commands import main; main(); sys.exit('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program, "score", gold, predicted], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert headline(ran.stdout)["last_word"] == ["2", "3", "2"]


def test_recorded_errors_count_as_sentences_without_predictions(gold, tmp_path, capsys, caplog):
    predicted = lines(tmp_path / "predicted.jsonl", [PREDICTED[0], {"error": "text: expected a string", "line": 2}])
    assert main(["score", gold, predicted, "--protocol", "last_word"]) == 0
    assert headline(capsys.readouterr().out)["last_word"] == ["1", "3", "1"]
    assert f"{predicted}: 1 errors count as sentences without predictions" in caplog.text


def test_predictions_may_be_in_the_form_of_dygie(tmp_path, capsys):
    scored = {
        "predicted_ner": [[[0, 0, "PER", 9.0], [2, 2, "LOC", 8.0]]],
        "predicted_relations": [[[0, 0, 2, 2, "in", 1.0]]],
    }
    document = {"doc_key": "a", "sentences": [["Bob", "of", "Oslo"]], "ner": [[[0, 0, "PER"]]], "relations": [[]]}
    gold, predicted = (lines(tmp_path / f"{i}.json", [{**document, **part}]) for i, part in enumerate(({}, scored)))
    assert main(["score", gold, predicted, "--protocol", "exact_span", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["exact_span"]
    assert (report["triples"]["predicted"], report["entities"]["predicted"], report["entities"]["gold"]) == (1, 2, 1)


def test_gold_mentions_within_one_token_count_one_by_one(tmp_path, capsys):
    text = "The Paris-Berlin line is run by Acme ."
    entities = [{"characters": place, "type": "X"} for place in ([4, 9], [10, 16], [32, 36])]
    relations = [{"head": 2, "type": "serves", "tail": tail} for tail in (0, 1)]
    gold = lines(tmp_path / "gold.jsonl", [{"text": text, "entities": entities, "relations": relations}])
    whole = [{"start": 1, "end": 2, "type": "X"}, {"start": 6, "end": 7, "type": "X"}]
    answer = {"tokens": text.split(), "entities": whole, "relations": [{"head": 1, "type": "serves", "tail": 0}]}
    predicted = lines(tmp_path / "predicted.jsonl", [answer])
    assert main(["score", gold, predicted, "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    counts = {
        name: tuple(report["triples"][key] for key in ("predicted", "gold", "correct"))
        for name, report in reports.items()
    }
    assert counts["exact_span"] == counts["strict"] == counts["begin_offset"] == (1, 2, 1)
    assert counts["exact_text"] == (1, 2, 0)  # neither Paris nor Berlin is Paris-Berlin
    assert reports["strict"]["entities"]["gold"] == 3
    assert main(["score", gold, gold, "--json"]) == 0
    same = json.loads(capsys.readouterr().out)
    assert all(report["triples"]["correct"] == report["triples"]["gold"] == 2 for report in same.values())
