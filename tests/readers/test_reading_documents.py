"""Documents in relx's JSON form as a corpus: their sentences, and the relations between these."""

import json
from pathlib import Path

import pytest

from relx.annotators.sentence_splitters.lines import LineSplitter
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.document import Document, DocumentMention, DocumentRelation
from relx.data.document_json import document_to_json
from relx.data.example import Entity, Example, Relation
from relx.errors import ConfigError
from relx.readers import make_reader, read, reader_for
from relx.readers.jsonl import JsonlReader

ANN, BO = Entity(0, 1, "PER"), Entity(1, 2, "PER")


def write(path: Path, **changes: object) -> Path:
    first, second = (
        Example(["Ann", "came", "."], text="Ann came.", offsets=[(0, 3), (4, 8), (8, 9)]),
        Example(["So", "Bo", "left"], text="So Bo left", offsets=[(0, 2), (3, 5), (6, 10)]),
    )
    first.entities, second.entities = [ANN], [BO]
    crossing = [DocumentRelation(DocumentMention(1, BO), "met", DocumentMention(0, ANN), None, 1)]
    document = Document("Ann came. So Bo left", [first, second], [0, 10], crossing, "a", {"year": 1})
    path.write_text(json.dumps({**document_to_json(document), **changes}) + "\n")
    return path


def test_the_sentences_of_a_document_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl")
    assert reader_for(path) == "jsonl"
    first, second = read(path)
    assert (first.tokens, first.entities, first.relations) == (["Ann", "came", "."], [ANN], [])
    assert (second.id, second.meta) == ("a:1", {"year": 1, "document": "a", "start": 10, "end": 20})
    assert second.relations == [Relation(BO, "met", Entity(None, None, "PER", "Ann"))]


def test_a_document_without_a_name_has_sentences_without_one(tmp_path: Path) -> None:
    first, _ = read(write(tmp_path / "a.jsonl", id=None, meta=None))
    assert (first.id, first.meta) == (None, {"start": 0, "end": 9})


TEXT = "Ann came. p53 was lost. Bo left."


def texts(path: Path, **changes: object) -> Path:
    entities = [{"characters": [0, 3]}, {"characters": [24, 26]}, {"text": "gone"}, {"characters": [10, 13]}]
    relations = [
        {"head": 0, "type": "met", "tail": 1},
        {"head": 3, "type": "in", "tail": 2},
        {"head": 0, "type": "r", "tail": 3},
    ]
    record = {"text": TEXT, "id": "x", "entities": entities, "relations": relations, "meta": {"y": 1}, **changes}
    path.write_text(json.dumps(record) + "\n" + json.dumps({"tokens": ["Ann", "came", ".", "Bo", "left", "."]}) + "\n")
    return path


def of_windows(size: int | None, splitter: SentenceSplitter | None = None) -> JsonlReader:
    return JsonlReader(WhitespaceTokenizer(), splitter or RuleSplitter(), size)


def test_long_texts_are_split_where_a_window_is_given(tmp_path: Path) -> None:
    path = texts(tmp_path / "a.jsonl")
    assert [len(example) for example in of_windows(None).read(path)] == [10, 6]
    assert [len(example) for example in of_windows(None, LineSplitter()).read(path)] == [10, 6]
    assert [len(example) for example in of_windows(1, LineSplitter()).read(path)] == [10, 6]
    first, second, third, tokens = of_windows(1).read(path)
    assert [example.text for example in (first, second, third)] == ["Ann came.", "p53 was lost.", "Bo left."]
    assert (first.entities, second.entities, third.entities) == (
        [Entity(0, 1), Entity(None, None, None, "gone")], [Entity(0, 1)], [Entity(0, 1)],
    )  # fmt: skip
    assert second.relations == [Relation(Entity(0, 1), "in", Entity(None, None, None, "gone"))]
    assert (second.id, second.meta) == ("x:1", {"y": 1, "document": "x", "start": 10, "end": 23})
    assert len(tokens) == 6


def test_relations_between_the_sentences_of_a_window_have_places(tmp_path: Path) -> None:
    first, second, _ = of_windows(2).read(texts(tmp_path / "a.jsonl"))
    assert [(r.type, r.head.span, r.tail.start) for r in first.relations] == [
        ("in", (3, 4), None), ("met", (0, 1), None), ("r", (0, 1), 3),
    ]  # fmt: skip
    assert [relation.type for relation in second.relations] == ["in"]
    whole, _ = of_windows(5).read(texts(tmp_path / "a.jsonl"))
    assert sum(relation.located for relation in whole.relations) == 2


def test_no_sentence_ends_inside_a_mention(tmp_path: Path) -> None:
    path = texts(tmp_path / "a.jsonl", entities=[{"characters": [4, 13]}], relations=[])
    assert [example.text for example in of_windows(1).read(path)][:2] == ["Ann came. p53 was lost.", "Bo left."]


def test_long_texts_that_are_read_whole_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "Ann came. " * 80}) + "\n" + json.dumps({"text": "Ann came. " * 2}) + "\n")
    assert len(list(of_windows(None).read(path))) == 2
    assert "1 texts of several sentences and more than 200 tokens, which relx reads as one sentence each" in caplog.text
    assert len(list(of_windows(1).read(path))) == 82


def test_windows_of_brat_and_of_dygie(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT)
    (folder / "a.ann").write_text("T1\tP 0 3\tAnn\nT2\tP 24 26\tBo\nR1\tmet Arg1:T2 Arg2:T1\n")
    dygie = tmp_path / "a.json"
    sentences = [["Ann", "came", "."], ["p53", "was", "lost", "."], ["Bo", "left", "."]]
    ner = [[[0, 0, "P"]], [], [[7, 7, "P"]]]
    dygie.write_text(json.dumps({"sentences": sentences, "ner": ner, "relations": [[], [], [[7, 7, 0, 0, "met"]]]}))
    for form, path in (("brat", folder), ("dygie", dygie)):
        for size, located in ((1, 0), (2, 0), (3, 1)):
            examples = list(make_reader({"type": form, "window": size}).read(path))
            assert len(examples) == 4 - size
            relations = [relation for example in examples for relation in example.relations]
            assert [relation.located for relation in relations] == [bool(located)] * len(relations)


@pytest.mark.parametrize("form", ["brat", "dygie", "jsonl", "doccano", "labelstudio", "prodigy"])
def test_a_window_has_at_least_one_sentence(form: str) -> None:
    with pytest.raises(ConfigError, match="window is 0; it must be at least 1"):
        make_reader({"type": form, "window": 0})
