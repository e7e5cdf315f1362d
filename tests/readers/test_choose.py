from pathlib import Path

import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.overlap import text_triples
from relx.errors import ConfigError, DataError
from relx.readers import form_of, make_reader, read, reader_for
from relx.readers.hrl import HrlReader
from relx.readers.spert import SpertReader

FORMATS = Path(__file__).parents[2] / "fixtures/formats"


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("relx.jsonl", "jsonl"),
        ("casrel.json", "triples"),
        ("copyre.json", "triples"),
        ("jointer.json", "triples"),
        ("hrl.json", "hrl"),
        ("dygie.json", "dygie"),
        ("spert.json", "spert"),
        ("conll04.txt", "conll04"),
        ("brat", "brat"),
    ],
)
def test_the_form_of_a_file_is_recognized_and_read(file, reader):
    assert reader_for(FORMATS / file) == reader
    examples = list(read(FORMATS / file))
    assert len(examples) >= 2
    assert any(example.relations for example in examples)
    assert all(entity.located for example in examples for entity in example.entities)


def test_every_form_tells_the_same_of_the_same_sentences():
    def triples(file):
        return [set(text_triples(example)) for example in read(file)]

    gold = triples(FORMATS / "relx.jsonl")
    others = [file for file in FORMATS.iterdir() if file.name != "relx.jsonl"]
    assert len(others) == 8
    assert all(triples(file) == gold for file in others)


def error_of(path) -> str:
    with pytest.raises(DataError) as error:
        reader_for(path)
    return str(error.value)


def test_an_unknown_form_is_an_error_that_says_what_is_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('\n{"words": [], "labels": []}')
    assert f"{path}:2: no reader knows this form (its first record has the keys words, labels)" in error_of(path)
    path.write_text("[[1, 2]]")
    assert "(its first record has no object)" in error_of(path)
    path.write_text("no JSON")
    assert "not JSON at column 1" in error_of(path)
    assert "no such file" in error_of(tmp_path / "none.json")


def test_a_folder_without_texts_is_no_corpus(tmp_path):
    assert "a folder without .txt files; brat's form is a folder of .txt and .ann files" in error_of(tmp_path)


def test_one_file_of_a_brat_folder_is_no_corpus(tmp_path):
    (tmp_path / "a.ann").write_text("T1\tPER 0 3\tAnn\n")
    assert error_of(tmp_path / "a.ann").endswith("a folder of .txt and .ann files; name the folder")


def test_a_form_that_two_readers_claim_must_be_named(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text('{"sentext": "a"}')
    monkeypatch.setattr(SpertReader, "recognizes", classmethod(lambda cls, path: True))
    assert "could be any of the forms hrl, spert; name one with --reader" in error_of(path)


def test_the_form_of_one_record():
    assert form_of({"sentext": "a"}) == "hrl"
    assert form_of({"text": "a", "triple_list": []}) == "triples"
    assert form_of({"tokens": []}) == "jsonl"
    assert form_of({"text": "a", "source": "web"}) == "jsonl"
    assert form_of({"error": "bad", "line": 2}) == "jsonl"
    assert form_of({"text": "a", "label": [[0, 1, "X"]]}) == "doccano"
    assert form_of({"text": "a", "entities": [{"id": 1, "start_offset": 0}], "relations": []}) == "doccano"
    assert form_of({"id": 1, "data": {"text": "a"}, "annotations": []}) == "labelstudio"
    assert form_of({"tokens": [], "entities": [], "relations": []}) == "jsonl"
    assert form_of({"tokens": [], "entities": [], "relations": [], "orig_id": 1}) == "spert"
    assert form_of({"sentences": [], "doc_key": "a"}) == "dygie"
    assert form_of({"words": []}) is None


def test_a_reader_is_made_from_a_name_an_object_or_json():
    assert isinstance(make_reader("hrl"), HrlReader)
    assert make_reader({"type": "hrl", "occurrences": "all"}).occurrences == "all"
    assert make_reader('{"type": "hrl", "occurrences": "all"}').occurrences == "all"


def test_a_reader_gets_a_tokenizer():
    given = WhitespaceTokenizer(split_punctuation=False)
    assert make_reader("jsonl", given).tokenizer is given
    assert isinstance(make_reader("jsonl").tokenizer, WhitespaceTokenizer)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("hlr", "'hlr' is not a registered dataset_reader; did you mean 'hrl'?"),
        ({"type": "jsonl", "tokenizer": {"type": "whitespace"}}, "tokenizer: is supplied by the program at run time"),
        ({}, "None is not a registered dataset_reader"),
        ({"type": "hrl", "occurences": "all"}, "occurences: unknown key; did you mean 'occurrences'?"),
        ({"type": "triples", "occurrences": "last"}, "occurrences"),
    ],
)
def test_a_bad_description(description, message):
    with pytest.raises(ConfigError) as error:
        make_reader(description)
    assert message in str(error.value)
