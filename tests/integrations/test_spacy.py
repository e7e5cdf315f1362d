"""The spaCy component, in real pipelines with a real archive."""

import configparser
import logging
import math
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import ArchiveError, ConfigError, DataError
from relx.predictors import Predictor

spacy = pytest.importorskip("spacy")

from spacy.tokens import Doc, DocBin, Span  # noqa: E402

from relx.integrations import spacy_component  # noqa: E402
from relx.integrations.spacy_component import RelxComponent, SpacyRelation  # noqa: E402

TEXT = "Ann Lee was born in Rome. Bob works in New York now."


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive, "cpu")


@pytest.fixture
def component(predictor: Predictor) -> RelxComponent:
    return RelxComponent(predictor)


@pytest.fixture
def answering(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A component whose model finds these mentions, by their characters, in each text."""

    def with_mentions(*mentions: tuple[int, int, str | None, float | None]) -> RelxComponent:
        def answer(examples: Sequence[Example], decision: object) -> Iterator[Example]:
            for example in examples:
                found = example.unlabeled()
                assert example.offsets is not None
                starts, ends = zip(*example.offsets, strict=True)
                found.entities = [
                    Entity(starts.index(a), ends.index(b) + 1, type, score=score) for a, b, type, score in mentions
                ]
                found.relations = [Relation(found.entities[0], "near", other, 0.5) for other in found.entities[1:]]
                yield found

        monkeypatch.setattr(predictor, "answer", lambda *arguments: list(answer(*arguments)))
        return RelxComponent(predictor)

    return with_mentions


def texts_of(relation: SpacyRelation) -> tuple[str, str, str]:
    return relation.head.text, relation.type, relation.tail.text


def test_a_pipeline_finds_what_the_predictor_finds(archive: str, predictor: Predictor) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("relx", config={"archive": archive})
    doc = nlp(TEXT)
    expected = predictor.predict_document(TEXT)
    entities = [(*(expected.characters(m) or ()), m.entity.type, m.entity.score) for m in expected.mentions()]
    found = zip(doc.spans["relx"], doc.spans["relx"].attrs["scores"], strict=True)
    assert [(s.start_char, s.end_char, s.label_, score) for s, score in found] == entities
    assert [(span.text, span.label_) for span in doc.ents] == [(span.text, span.label_) for span in doc.spans["relx"]]
    assert [(*texts_of(relation), relation.score) for relation in doc._.relations] == [
        (expected.mention_text(r.head), r.type, expected.mention_text(r.tail), r.score) for r in expected.relations()
    ]
    assert [texts_of(r) for r in doc._.relations] == [("Ann Lee", "born_in", "Rome"), ("Bob", "works_in", "New York")]


def test_a_pipeline_answers_many_texts_as_single_ones(component: RelxComponent) -> None:
    nlp = spacy.blank("en")
    texts = [TEXT, "", " \n ", "Dan left Oslo.", TEXT]
    many = list(component.pipe(map(nlp.make_doc, texts), batch_size=2))
    alone = [component(nlp.make_doc(text)) for text in texts]
    assert [doc.text for doc in many] == texts
    assert [doc.to_json()["ents"] for doc in many] == [doc.to_json()["ents"] for doc in alone]
    assert [list(map(texts_of, doc._.relations)) for doc in many] == [[*map(texts_of, d._.relations)] for d in alone]
    assert len(many[0]._.relations) == 2 and not many[1].ents


def test_it_survives_the_disk_and_so_do_its_docs(archive: str, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("relx", config={"archive": archive, "min_score": {"born_in": 0.1}, "window": 2})
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp")
    assert again.get_pipe("relx").window == 2
    doc = again(TEXT)
    assert doc._.relations
    DocBin(store_user_data=True, docs=[doc]).to_disk(tmp_path / "docs.spacy")
    (stored,) = DocBin().from_disk(tmp_path / "docs.spacy").get_docs(nlp.vocab)
    assert [*map(texts_of, stored._.relations)] == [*map(texts_of, doc._.relations)]


def test_the_sentences_of_a_doc_are_kept(component: RelxComponent, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str | None] = []
    answer = component.predictor.answer
    monkeypatch.setattr(
        component.predictor, "answer", lambda of, how: read.extend(e.text for e in of) or answer(of, how)
    )
    nlp = spacy.blank("en")
    split = Doc(nlp.vocab, ["Dan", "left", "Bob", "works"], spaces=[True] * 4, sent_starts=[True, False, True, False])
    list(component.pipe([split, nlp.make_doc(TEXT)]))
    assert read == ["Dan left", "Bob works", *TEXT.replace(". ", ".|").split("|")]


def test_a_mention_within_a_token_has_the_whole_token_and_is_counted(
    answering: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    component = answering((0, 3, "PER", 0.9), (4, 8, "LOC", 0.8), (9, 13, "LOC", 0.7))
    text = "Ann(Oslo)Rome went"
    doc = component(Doc(spacy.blank("en").vocab, ["Ann(", "Oslo)Rome", "went"], spaces=[False, True, False]))
    assert doc.text == text
    assert [(span.text, span.label_) for span in doc.spans["relx"]] == [("Ann(", "PER"), ("Oslo)Rome", "LOC")]
    assert list(doc.spans["relx"].attrs["scores"]) == [0.9, 0.8]
    assert [texts_of(relation) for relation in doc._.relations] == [("Ann(", "near", "Oslo)Rome")] * 2
    assert "relx: 3 entities widened to whole spaCy tokens" in caplog.messages
    assert "relx: 1 entity with the span and label of another one after that" in caplog.messages
    assert component.counts.total() == 4


def test_overlapping_entities_are_spans_and_the_longest_are_entities(answering: Any) -> None:
    component = answering((0, 3, "PER", 0.9), (0, 7, None, None), (4, 7, "LOC", 0.4))
    doc = spacy.blank("en")("Ann Lee went")
    doc.set_ents([Span(doc, 2, 3, label="MOVE")])
    doc = component(doc)
    assert [span.text for span in doc.spans["relx"]] == ["Ann", "Ann Lee", "Lee"]
    assert [(span.text, span.label_) for span in doc.ents] == [("Ann Lee", "entity")]
    assert math.isnan(doc.spans["relx"].attrs["scores"][1])
    assert component.counts == {spacy_component.NOT_IN_ENTS: 2, spacy_component.REPLACED: 1}


def test_an_error_goes_to_the_error_handler(component: RelxComponent, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = component.predictor.answer
    fault = DataError("no tags")
    monkeypatch.setattr(
        component.predictor,
        "answer",
        lambda of, how: [fault if "Dan" in e.tokens else a for e, a in zip(of, answer(of, how), strict=True)],
    )
    nlp = spacy.blank("en")
    docs = [nlp.make_doc(text) for text in ("Dan left Oslo.", TEXT)]
    with pytest.raises(DataError, match="no tags"):
        list(component.pipe(docs))
    failed: list[str] = []
    component.set_error_handler(lambda name, proc, docs, error: failed.extend(doc.text for doc in docs))
    assert [doc.text for doc in component.pipe(docs)] == [TEXT] and failed == ["Dan left Oslo."]


def test_what_cannot_be_built_is_an_error(archive: str, predictor: Predictor) -> None:
    nlp = spacy.blank("en")
    with pytest.raises(ArchiveError, match="no such archive"):
        nlp.add_pipe("relx", config={"archive": "missing.tar.gz"})
    with pytest.raises(ConfigError, match="window is 0"):
        RelxComponent(predictor, window=0)
    getter = Doc.remove_extension("relations")
    Doc.set_extension("relations", default=[])
    try:
        with pytest.raises(ConfigError, match="belongs to another component"):
            RelxComponent(predictor)
    finally:
        Doc.set_extension("relations", getter=getter[2], force=True)


def test_spacy_finds_the_component_by_the_entry_point_of_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    name, _, value = setup["options.entry_points"]["spacy_factories"].strip().partition(" = ")
    assert name == "relx"
    assert EntryPoint(name, value, "spacy_factories").load() is spacy_component.make_relx
