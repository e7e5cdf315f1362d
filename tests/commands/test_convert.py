import csv
import json
import os
from pathlib import Path

import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.commands import main
from relx.data.example import Entity
from relx.readers import make_reader, read
from relx.scoring import score

FORMATS = Path(__file__).parents[2] / "fixtures/formats"


def error_of(capsys, *arguments: object) -> str:
    assert main(["convert", *map(str, arguments)]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("target", ["out.jsonl", "out.jsonl.gz"])
@pytest.mark.parametrize("source", ["hrl.json", "casrel.json", "jointer.json", "relx.jsonl"])
def test_every_form_becomes_ours(tmp_path, capsys, source, target):
    assert main(["convert", str(FORMATS / source), str(tmp_path / target)]) == 0
    assert list(read(tmp_path / target, "jsonl")) == list(read(FORMATS / source))
    assert capsys.readouterr().err.endswith("5 sentences, 12 entities, 10 triples\n")


FORMS = {"relx.jsonl": "jsonl", "dygie.json": "dygie", "spert.json": "spert", "conll04.txt": "conll04", "brat": "brat"}


@pytest.mark.parametrize("target", FORMS.values())
@pytest.mark.parametrize("source", ["dygie.json", "spert.json", "conll04.txt", "brat"])
def test_forms_of_typed_entities_become_each_other(tmp_path, capsys, source, target):
    out = tmp_path / "out"
    assert main(["convert", str(FORMATS / source), str(out), "--to", target]) == 0
    assert capsys.readouterr().err.endswith("5 sentences, 12 entities, 10 triples\n")
    assert contents(out, target) == contents(FORMATS / source, FORMS[source])


def contents(path, form):
    """What every form can hold: tokens, typed mentions and triples, but for their order."""
    reader = make_reader(form, WhitespaceTokenizer())
    return [(example.tokens, set(example.entities), set(example.relations)) for example in reader.read(path)]


def test_entities_without_types_cannot_become_typed_ones(tmp_path, capsys):
    for form in ("dygie", "spert", "conll04", "brat"):
        message = error_of(capsys, FORMATS / "casrel.json", tmp_path / "out", "--to", form)
        assert f"{tmp_path / 'out'}: sentence 1: the mention 'Airbnb' has no type; the form needs one" in message
        assert not os.listdir(tmp_path)


def test_a_type_can_be_given_to_mentions_that_have_none(tmp_path, capsys):
    source, target = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text(
        '{"tokens": ["Ann", "likes", "Bo"],'
        ' "entities": [{"start": 0, "end": 1, "type": "PER"}, {"start": 2, "end": 3}],'
        ' "relations": [{"head": 0, "type": "of", "tail": {"start": 1, "end": 2}}]}'
    )
    assert main(["convert", str(source), str(target), "--to", "brat", "--untyped", "Thing"]) == 0
    lines = (target / "sentences.ann").read_text().splitlines()
    assert lines[:3] == ["T1\tPER 0 3\tAnn", "T2\tThing 10 12\tBo", "T3\tThing 4 9\tlikes"]


def test_relations_of_two_sentences_are_counted(tmp_path, capsys, caplog):
    source = tmp_path / "in.json"
    source.write_text(
        '{"doc_key": "a", "sentences": [["a"], ["b"]], "ner": [[[0, 0, "A"]], [[1, 1, "B"]]],'
        ' "relations": [[[0, 0, 1, 1, "r"]], []]}'
    )
    assert main(["convert", str(source), str(tmp_path / "out.json"), "--to", "spert"]) == 0
    assert "2 sentences, 2 entities, 1 triples, 1 unlocated triples" in capsys.readouterr().err
    assert "1 relations join two sentences" in caplog.text
    assert "1 relations with an argument without a place" in caplog.text


def test_relations_of_two_sentences_stay_as_they_are_in_our_form(tmp_path):
    source, notes = tmp_path / "in.json", tmp_path / "notes"
    source.write_text(
        '{"doc_key": "a", "sentences": [["a", "c"], ["b"]], "ner": [[[0, 0, "A"]], [[2, 2, "B"]]],'
        ' "relations": [[[0, 0, 2, 2, "r"], [0, 0, 1, 1, "r"]], []]}'
    )
    notes.mkdir()
    (notes / "a.txt").write_text("Ann came.\nThe U.S.-born Bo left.\n")
    mentions = "T1\tPER 0 3\tAnn\nT2\tPER 24 26\tBo\nT3\tLOC 14 18\tU.S.\n"
    (notes / "a.ann").write_text(mentions + "R1\tknows Arg1:T1 Arg2:T2\n")
    for given in (source, notes):
        gold, out = list(read(given)), tmp_path / f"{given.name}.jsonl"
        assert main(["convert", str(given), str(out)]) == 0
        assert list(read(out)) == gold
        assert score(gold, list(read(out))).entities.f1 == 1.0
    assert main(["convert", str(tmp_path / "notes.jsonl"), str(tmp_path / "back"), "--to", "brat"]) == 0
    assert (tmp_path / "back/a.ann").read_text() == mentions


def test_raw_texts_are_split_by_the_tokenizer_that_is_named(tmp_path, capsys):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "Bo left."}')
    splitter = '{"type": "whitespace", "split_punctuation": false}'
    assert main(["convert", str(source), str(out), "--tokenizer", splitter]) == 0
    assert [example.tokens for example in read(out)] == [["Bo", "left."]]
    assert "'stanzza' is not a registered tokenizer" in error_of(capsys, source, out, "--tokenizer", "stanzza")


def test_folders_without_documents(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'}: a folder without .txt files; brat's form" in error_of(
        capsys, tmp_path / "empty", tmp_path / "out"
    )
    (tmp_path / "empty/a.ann").write_text("")
    assert "a.ann: has no text; expected a.txt in the same folder" in error_of(
        capsys, tmp_path / "empty", tmp_path / "out"
    )
    assert os.listdir(tmp_path) == ["empty"]


def test_unlocated_mentions_are_counted(tmp_path, capsys):
    source = tmp_path / "in.json"
    source.write_text('{"text": "a b", "triple_list": [["a", "r", "x"]]}')
    assert main(["convert", "--from", "triples", "--to", "jsonl", str(source), str(tmp_path / "out")]) == 0
    message = capsys.readouterr().err
    assert message.startswith(f"{source} (triples) -> {tmp_path / 'out'} (jsonl): 1 sentences")
    assert "1 unlocated mentions" in message


def test_the_input_is_never_overwritten(tmp_path, capsys):
    source, link = tmp_path / "in.jsonl", tmp_path / "link.jsonl"
    source.write_text('{"tokens": ["a"]}')
    link.symlink_to(source)
    for target in (source, link, tmp_path / "." / "in.jsonl"):
        assert "is the input" in error_of(capsys, source, target)
    assert source.read_text() == '{"tokens": ["a"]}'


def test_a_bad_input_leaves_no_output(tmp_path, capsys):
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a"]}\n{"tokens": [1]}\n')
    assert f"error: {source}:2: tokens[0]: expected a string" in error_of(capsys, source, tmp_path / "out.jsonl")
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_forms_that_cannot_be_written_or_do_not_exist(tmp_path, capsys):
    source, target = FORMATS / "hrl.json", tmp_path / "out"
    message = error_of(capsys, source, target, "--to", "hrl")
    assert (
        "--to hrl: relx reads this form but cannot write it; relx writes: brat, conll04, csv, doccano, dygie, jsonl"
        in message
    )
    for option in ("--to", "--from"):
        assert "label_studio" in (message := error_of(capsys, source, target, option, "label_studio"))
        assert "is now called 'labelstudio'" in message
    assert "--to jsnl: relx does not know this form; relx writes: brat, conll04" in error_of(
        capsys, source, target, "--to", "jsnl"
    )
    assert "'hlr' is not a registered dataset_reader; did you mean 'hrl'?" in error_of(
        capsys, source, target, "--from", "hlr"
    )
    assert "no such file" in error_of(capsys, tmp_path / "none", target)
    assert not target.exists()


def test_recorded_errors_are_left_out_and_listed(tmp_path, capsys, caplog):
    source = tmp_path / "found.jsonl"
    source.write_text('{"tokens": ["a"]}\n{"error": "bad", "line": 2}\n{"tokens": ["b"]}\n')
    for form in ("jsonl", "brat", "conll04"):
        assert main(["convert", str(source), str(tmp_path / form), "--to", form]) == 0
        assert [example.tokens for example in read(tmp_path / form, form)] == [["a"], ["b"]]
    assert f"{source}: 1 lines hold an error in place of a sentence: 2" in caplog.text
    assert "2 sentences, 0 entities" in capsys.readouterr().err


def test_all_bad_records_are_reported_before_anything_is_written(tmp_path, capsys):
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": [1]}\n{"tokens": ["北京"]}\n{"tokens": ["a"], "id": 1.5}\n{"tokens": "北京"}\n')
    message = error_of(capsys, source, tmp_path / "out.jsonl")
    assert message.splitlines()[0] == "error: 3 faults"
    assert f'{source}:4: tokens: expected a list, got "北京"' in message
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_what_a_form_of_tokens_makes_of_mentions_that_cut_them_is_counted(tmp_path, caplog):
    source = tmp_path / "in.jsonl"
    entities = [{"characters": place, "type": "X"} for place in ([0, 5], [6, 12])]
    source.write_text(json.dumps({"text": "Paris-Berlin", "entities": entities}))
    assert main(["convert", str(source), str(tmp_path / "out.json"), "--to", "spert"]) == 0
    changed = "2 mentions that cut a token, written as whole tokens and 1 mentions at one place, written as one"
    assert f"changed, because the form cannot hold them: {changed}" in caplog.text


def test_a_tokenizer_may_split_at_mentions(tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "Paris-Berlin", "entities": [{"characters": [0, 5]}]}')
    assert (
        main(["convert", str(source), str(out), "--tokenizer", '{"type": "whitespace", "split_at_mentions": true}'])
        == 0
    )
    (example,) = read(out)
    assert (example.tokens, example.entities) == (["Paris", "-Berlin"], [Entity(0, 1)])


def test_a_table_for_spreadsheets(tmp_path, caplog):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.csv"
    ann, lyon = {"characters": [1, 4], "type": "PER", "score": 0.5}, {"characters": [15, 19], "type": "LOC"}
    text = "=Ann moved to \nLyon, \u4e2d."
    relation = {"head": 0, "type": "in", "tail": 1, "score": 0.25}
    records = [
        {"id": "a", "text": text, "entities": [ann, lyon], "relations": [relation], "meta": {"document": "d"}},
        {"tokens": ["Bo", "left"], "entities": [{"start": 0, "end": 1, "type": "PER"}]},
        {"tokens": ["-", "none"]},
    ]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert main(["convert", str(source), str(out), "--to", "csv"]) == 0
    with open(out, encoding="utf-8-sig", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert [*first.values()] == [
        "d", "a", f"'{text}", "Ann", "PER", "1", "4", "0.5", "in", "0.25", "Lyon", "LOC", "15", "19", "",
    ]  # fmt: skip
    assert [second[key] for key in ("sentence", "head_text", "head_start", "relation")] == ["2", "Bo", "0", ""]
    assert (third["text"], third["head_text"]) == ("'- none", "")
    assert "relx put an apostrophe before 2 texts that look like formulas" in caplog.text


def test_a_table_is_only_written(tmp_path, capsys):
    (tmp_path / "in.csv").write_text("a,b\n")
    message = error_of(capsys, tmp_path / "in.csv", tmp_path / "out", "--from", "csv")
    assert "in.csv: relx writes tables (csv) but does not read them" in message
