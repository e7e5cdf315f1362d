"""Documents in relx's JSON form as a corpus: their sentences, and the relations between these."""

import json
from pathlib import Path

from relx.data.document import Document, DocumentMention, DocumentRelation
from relx.data.document_json import document_to_json
from relx.data.example import Entity, Example, Relation
from relx.readers import read, reader_for

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
