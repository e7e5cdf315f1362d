"""Documents predicted from Python: sentences, windows, pieces, and triples that are listed once."""

from collections.abc import Callable, Sequence

import pytest

from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.document import Document
from relx.data.document_json import document_from_json, document_to_json
from relx.data.example import Entity, Example, Relation
from relx.data.json_validation import BadRecord
from relx.errors import ConfigError, DataError, RelxError
from relx.predictors import Predictor
from relx.predictors.documents import CHUNK, DistinctTriples, DocumentPredictor, Part

TEXT = "Ann Lee was born in New York . Bob left Oslo .\n\nDan works in Rome now ."


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive)


def triples(document: Document) -> list[tuple[str, str, str]]:
    text = document.mention_text
    return [(text(r.head), r.type, text(r.tail)) for r in document.relations()]


class TestPredictor:
    def test_a_document_has_the_predictions_of_its_sentences(self, predictor: Predictor) -> None:
        document = predictor.predict_document(TEXT)
        texts = ["Ann Lee was born in New York .", "Bob left Oslo .", "Dan works in Rome now ."]
        assert [sentence.text for sentence in document.sentences] == texts
        for sentence, alone in zip(document.sentences, predictor(texts), strict=True):
            assert (sentence.tokens, sentence.offsets) == (alone.tokens, alone.offsets)
            assert [e.span for e in sentence.entities] == [e.span for e in alone.entities]
            assert [r.score for r in sentence.relations] == pytest.approx([r.score for r in alone.relations])
        assert triples(document) == [("Ann Lee", "born_in", "New York"), ("Dan", "works_in", "Rome")]
        assert [TEXT[slice(*document.characters(m) or ())] for m in document.mentions()] == [
            "Ann Lee", "New York", "Bob", "Oslo", "Dan", "Rome",
        ]  # fmt: skip
        assert document_from_json(document_to_json(document)) == document

    def test_records_keep_their_id_and_meta(self, predictor: Predictor) -> None:
        record = {"text": TEXT, "id": "a", "meta": {"y": 1}, "source": "s", "entities": [{"start": 0, "end": 1}]}
        document = predictor.predict_document(record)
        assert (document.id, document.meta) == ("a", {"y": 1, "source": "s"})
        again = predictor.predict_document(document_to_json(document))
        assert again == document

    def test_many_documents_come_in_order(self, predictor: Predictor) -> None:
        texts = ["", TEXT, *["Bob left Oslo ."] * CHUNK, " \n", TEXT]
        found = list(predictor.predict_documents(texts))
        assert [document.text for document in found] == texts
        assert [len(document.sentences) for document in found] == [0, 3, *[1] * CHUNK, 0, 3]
        assert triples(found[1]) == triples(found[-1])

    def test_a_minimum_score_holds_for_documents(self, predictor: Predictor) -> None:
        assert not triples(predictor.predict_document(TEXT, min_score={"relations": 1.0}))

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"tokens": ["a"]}, "^text 2: expected a text; predict"),
            ({"text": 5}, "^text 2: text: expected a string, got 5"),
            ({"text": "a", "id": 5.5}, "^text 2: id: expected a string"),
        ],
    )
    def test_a_bad_record_is_named(self, predictor: Predictor, value: dict[str, object], message: str) -> None:
        with pytest.raises(BadRecord, match=message):
            list(predictor.predict_documents([TEXT, value]))

    def test_sizes_are_at_least_1(self, predictor: Predictor) -> None:
        with pytest.raises(ConfigError, match="window is 0; it must be at least 1"):
            predictor.predict_document(TEXT, window=0)
        with pytest.raises(ConfigError, match="longest is -1; it must be at least 1"):
            predictor.predict_document(TEXT, longest=-1)

    def test_a_text_that_is_too_large_is_refused(self, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("relx.predictors.documents.LARGEST", 10)
        with pytest.raises(BadRecord, match="text: 71 characters are more than 10; split the text"):
            predictor.predict_document(TEXT)


def words(texts: Sequence[Example]) -> list[Example]:
    """Every word in capitals is an entity, and each is related to the next one, with the score 1 / length."""
    found = []
    for example in texts:
        score = 1 / len(example)
        entities = [Entity(i, i + 1, "X", score=score) for i, token in enumerate(example.tokens) if token.isupper()]
        relations = [Relation(a, "to", b, score) for a, b in zip(entities, entities[1:], strict=False)]
        found.append(Example(example.tokens, entities, relations, example.text, example.offsets, meta=example.meta))
    return found


def documents(
    window: int = 1, longest: int = 512, predict: Callable[[Sequence[Example]], list[Example]] = words
) -> DocumentPredictor:
    def answer(parts: Sequence[Part]) -> list[Part]:
        predicted = iter(predict([part for part in parts if isinstance(part, Example)]))
        return [next(predicted) if isinstance(part, Example) else part for part in parts]

    return DocumentPredictor(answer, WhitespaceTokenizer(), RuleSplitter(), window, longest)


def predicted(predictor: DocumentPredictor, text: str) -> Document:
    [(source, document)] = predictor.answers([("s", *predictor.documents([{"text": text}]))])
    assert source == "s" and isinstance(document, Document)
    return document


class TestWindows:
    TEXT = "A came. B left. So they went. D too."

    def test_relations_between_sentences_are_found_in_windows(self) -> None:
        assert triples(predicted(documents(), self.TEXT)) == []
        two = documents(window=2)
        assert triples(predicted(two, self.TEXT)) == [("A", "to", "B")]
        assert two.notes() == ["1 of 1 relation join two sentences"]
        assert triples(predicted(documents(window=3), self.TEXT)) == [("A", "to", "B"), ("B", "to", "D")]

    def test_a_relation_of_several_windows_is_one_with_the_best_score(self) -> None:
        document = predicted(documents(window=2), "A B came. And so they all went. So c.")
        [relation] = document.relations()
        assert (relation.crosses, relation.score) == (False, 1 / 10)
        assert [entity.score for entity in document.sentences[0].entities] == [1 / 10, 1 / 10]

    def test_mentions_across_sentences_are_left_out_and_counted(self) -> None:
        def across(texts: Sequence[Example]) -> list[Example]:
            return [Example(e.tokens, [Entity(2, 4, "X")], [], e.text, e.offsets, meta=e.meta) for e in texts]

        two = documents(window=2, predict=across)
        assert not list(predicted(two, "A came. B left.").mentions())
        assert two.notes()[-1] == "relx left out 1 mention across the end of a sentence"

    def test_a_document_with_an_error_in_a_sentence_is_an_error(self) -> None:
        failing = documents()
        failing.answer = lambda parts: [DataError("no tags"), *parts[1:]]
        [made] = failing.documents([{"text": self.TEXT}])
        answers = failing.answers([(1, made), (2, RelxError("bad")), (3, Example(["a"]))])
        assert [(source, str(answer)[:7]) for source, answer in answers] == [(1, "no tags"), (2, "bad"), (3, "Example")]


class TestPieces:
    def test_a_long_sentence_is_read_in_pieces_and_counted(self) -> None:
        short = documents(longest=5)
        document = predicted(short, "A b, c d e f g h i j kk.")
        assert [sentence.tokens for sentence in document.sentences] == [
            ["A", "b", ",", "c", "d"], ["e", "f", "g", "h", "i"], ["j", "kk", "."],
        ]  # fmt: skip
        assert all(document.text[start:].startswith(s.text or "-")
                   for start, s in zip(document.starts, document.sentences, strict=True))  # fmt: skip
        assert short.notes() == [
            "relx read 1 sentence of more than 5 tokens (--longest) in pieces; no relation joins two pieces"
        ]

    def test_it_ends_at_a_comma_in_its_second_half(self) -> None:
        document = predicted(documents(longest=5), "a b c, d e f g h")
        assert [len(sentence) for sentence in document.sentences] == [4, 5]


def test_each_distinct_triple_is_listed_once() -> None:
    found = DistinctTriples()
    for id, score in (("x", 0.5), (None, 0.75)):
        entities = [
            {"id": "T1", "start": 9, "end": 16, "type": "P", "text": "Ann Lee"},
            {"id": "T2", "start": 0, "end": 4, "type": "L", "text": "ROME" if id else "Rome"},
            {"id": "T3", "start": 5, "end": 7, "type": "L", "text": "UK"},
        ]
        relations = [
            {"head": "T1", "type": "in", "tail": "T2", "score": score},
            {"head": "T2", "type": "in", "tail": "T3"},
        ]
        found.add({"id": id, "entities": entities, "relations": relations})
    assert list(found.lines()) == [
        "Ann Lee  --in->  ROME  (0.75)  2x  x:0-16, 0-16", "ROME  --in->  UK  2x  x:0-7, 0-7",
    ]  # fmt: skip
