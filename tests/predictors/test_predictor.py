from pathlib import Path

import pytest

from relx.data.example import Entity, Example, Relation
from relx.data.fields import BadRecord
from relx.errors import ArchiveError, RelxError
from relx.predictors import Predictor
from relx.predictors.predictor import CHUNK

TEXT = "Ann Lee was born in New York ."
TOKENS = TEXT.split()


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive)


def triples(example: Example) -> list[tuple[str, str, str]]:
    return [(example.mention_text(r.head), r.type, example.mention_text(r.tail)) for r in example.relations]


def test_a_text(predictor: Predictor) -> None:
    [example] = predictor([TEXT])
    assert triples(example) == [("Ann Lee", "born_in", "New York")]
    assert example.tokens == TOKENS and example.text == TEXT
    [relation] = example.relations
    for entity, words in ((relation.head, "Ann Lee"), (relation.tail, "New York")):
        start, end = example.characters(entity) or (0, 0)
        assert TEXT[start:end] == words
    assert (relation.head.type, relation.tail.type) == ("PER", "LOC")
    scores = [relation.score, relation.head.score, relation.tail.score]
    assert all(score is not None and 0 <= score <= 1 for score in scores)


def test_every_kind_of_input_gives_the_same_triples(predictor: Predictor) -> None:
    inputs = [TEXT, TOKENS, {"text": TEXT}, {"tokens": TOKENS}, Example(TOKENS)]
    assert [triples(example) for example in predictor(inputs)] == [[("Ann Lee", "born_in", "New York")]] * 5


def test_tokens_have_no_characters(predictor: Predictor) -> None:
    [example] = predictor([TOKENS])
    assert example.text is None and example.offsets is None


def test_labels_of_the_input_never_leak_into_the_output(predictor: Predictor) -> None:
    head, tail = Entity(2, 3, "EVIL", score=0.5), Entity(3, 4, "EVIL")
    labelled = Example(TOKENS, [head, tail], [Relation(head, "evil", tail)], id="7", meta={"page": 3})
    before = (list(labelled.entities), list(labelled.relations))
    [example] = predictor([labelled])
    [plain] = predictor([TOKENS])
    assert (example.entities, example.relations) == (plain.entities, plain.relations)
    assert (example.id, example.meta) == ("7", {"page": 3})
    assert (labelled.entities, labelled.relations) == before


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert predictor([]) == []
    assert [example.tokens for example in predictor(["", " \t\n", []])] == [[], [], []]


def test_alone_and_among_others_a_sentence_means_the_same(predictor: Predictor) -> None:
    texts = [TEXT, "", "Bob works in Oslo now .", "one " * 300, "Dan left Rome ."]
    together = predictor(texts)
    for text, example in zip(texts, together, strict=True):
        [alone] = predictor([text])
        assert triples(alone) == triples(example)
        assert [e.score for e in alone.entities] == pytest.approx([e.score for e in example.entities], abs=1e-5)


def test_a_stream_is_read_piece_by_piece_and_keeps_its_order(predictor: Predictor) -> None:
    taken = 0

    def sentences(count: int):  # type: ignore[no-untyped-def]
        nonlocal taken
        for number in range(count):
            taken += 1
            yield Example([f"w{number}", *["x"] * (number % 3)])

    stream = predictor.stream(sentences(CHUNK + 5))
    assert taken == 0
    assert next(stream).tokens == ["w0"] and taken == CHUNK
    assert [example.tokens[0] for example in stream] == [f"w{number}" for number in range(1, CHUNK + 5)]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([TEXT, 5], "input 2: record: expected an object, got 5"),
        ([None], "input 1: record: expected an object, got null"),
        ([["a", 1]], "input 1: tokens[1]: expected a string, got 1"),
        ([{"txt": "a"}], "input 1: txt: unknown key; did you mean 'text'?"),
        (TEXT, "expected a list of inputs, got one text; write predictor([text])"),
    ],
)
def test_what_is_no_input_is_named(predictor: Predictor, inputs: list, message: str) -> None:
    with pytest.raises(BadRecord) as caught:
        predictor(inputs)
    assert str(caught.value) == message


@pytest.mark.parametrize("device", ["cud", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_one_error(archive: str, device: str) -> None:
    with pytest.raises(RelxError, match=f"device '{device}' cannot be used here; try cpu, cuda or cuda:1") as caught:
        Predictor.load(archive, device)
    assert "\n" not in str(caught.value)


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such archive"):
        Predictor.load(tmp_path / "model.tar.gz")
