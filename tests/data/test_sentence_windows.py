"""Windows of neighboring sentences, and how they become documents again."""

from dataclasses import replace

from relx.data.document import Document, DocumentMention, DocumentRelation
from relx.data.example import Entity, Example, Relation
from relx.data.windows import labeled, merged, windows
from relx.scoring import score

A, B = Entity(0, 1, "X"), Entity(1, 2, "X")


def document(count: int = 4) -> Document:
    """Sentences a0 b0, a1 b1, ..., each with a relation of its own."""
    sentences = [Example([f"a{i}", f"b{i}"], text=f"a{i} b{i}", offsets=[(0, 2), (3, 5)]) for i in range(count)]
    for sentence in sentences:
        sentence.entities, sentence.relations = [A, B], [Relation(A, "in", B)]
    made = Document.of_sentences(sentences, "d")
    made.sentences = sentences
    return made


def crossing(head: int, tail: int) -> DocumentRelation:
    return DocumentRelation(DocumentMention(head, A), "to", DocumentMention(tail, B), None, head)


def test_every_neighboring_sentences_are_a_window() -> None:
    found = windows(document(), 3)
    assert [example.tokens[::2] for example in found] == [["a0", "a1", "a2"], ["a1", "a2", "a3"]]
    assert [example.meta for example in found] == [
        {"document": "d", "start": 0, "end": 17, "window": 0}, {"document": "d", "start": 6, "end": 23, "window": 2},
    ]  # fmt: skip
    assert [len(example.relations) for example in found] == [3, 3]
    assert found[1].text == "a1 b1\na2 b2\na3 b3"


def test_a_document_of_fewer_sentences_is_one_window() -> None:
    assert [len(example) for example in windows(document(2), 3)] == [4]
    assert windows(document(0), 3) == []


def test_sentences_alone_are_no_windows() -> None:
    found = windows(document(2), 1)
    assert [example.meta for example in found] == [
        {"document": "d", "start": 0, "end": 5}, {"document": "d", "start": 6, "end": 11},
    ]  # fmt: skip


def test_a_relation_is_in_the_windows_that_hold_it_and_otherwise_with_its_sentence() -> None:
    made = document()
    made.crossing = [crossing(0, 1), crossing(3, 0)]
    first, second = windows(made, 3)
    far = Entity(None, None, "X", "b0")
    assert first.relations[3:] == [Relation(A, "to", Entity(3, 4, "X"))]
    assert second.relations[3:] == [Relation(Entity(4, 5, "X"), "to", far)]
    assert [len(example.relations) for example in windows(made, 1)] == [2, 1, 1, 2]


def test_windows_are_merged_into_their_documents_and_each_triple_counts_once() -> None:
    made = document()
    made.crossing = [crossing(0, 1), crossing(3, 0)]
    gold = [*windows(made, 3), *windows(document(2), 3), Example(["alone"])]
    first, second, last = merged(gold)
    assert (first.text, first.tokens) == (made.text, [token for s in made.sentences for token in s.tokens])
    assert [made.text[slice(*offset)] for offset in first.offsets or ()] == first.tokens
    assert (len(first.entities), len(first.relations), len(second.relations), last.tokens) == (8, 6, 2, ["alone"])
    report = score(gold, gold)
    assert (report.triples.gold, report.unlocated) == (8, 1)
    assert merged([Example(["a"])]) == [Example(["a"])]


def test_the_surest_window_decides_the_types_of_a_mention_and_the_best_score_of_a_relation_counts() -> None:
    first, second = (replace(window, entities=[], relations=[]) for window in windows(document(3), 2))
    weak, sure, tail = Entity(2, 3, "Y", score=0.4), Entity(0, 1, "X", score=0.9), Entity(1, 2, "X", score=0.8)
    first.entities, second.entities = [weak], [sure, tail]
    first.relations = [Relation(weak, "in", Entity(3, 4, "X", score=0.3), 0.7)]
    second.relations = [Relation(sure, "in", tail, 0.6)]
    (whole,) = merged([first, second])
    assert whole.entities == [Entity(2, 3, "X", score=0.9), Entity(3, 4, "X", score=0.8)]
    assert whole.relations == [Relation(*whole.entities[:1], "in", whole.entities[1], 0.7)]


def test_a_mention_that_one_window_found_for_itself_is_not_only_an_argument() -> None:
    first, second = (replace(window, entities=[], relations=[]) for window in windows(document(3), 2))
    alone, shared = Entity(0, 1, "X"), Entity(2, 3, "X")
    first.entities, first.only_arguments = [alone, shared], frozenset([(0, 1), (2, 3)])
    second.entities = [Entity(0, 1, "X")]  # the mention shared, two tokens later in the document
    (whole,) = merged([first, second])
    assert whole.only_arguments == {(0, 1)}


def test_labels_of_the_whole_are_put_into_sentences() -> None:
    made = document()
    made.crossing = [crossing(3, 0)]
    found, left_out = labeled(made, made.whole())
    assert (found, left_out) == (made, 0)


def test_mentions_across_the_end_of_a_sentence_are_left_out_and_counted() -> None:
    made = document(2)
    across = Entity(1, 3, "X")
    whole = made.whole()
    whole.entities = [across, A]
    whole.relations = [Relation(A, "in", across), Relation(A, "in", Entity(3, 4, "X"))]
    found, left_out = labeled(made, whole)
    assert left_out == 1
    assert [sentence.entities for sentence in found.sentences] == [[A], []]
    assert found.crossing == [DocumentRelation(DocumentMention(0, A), "in", DocumentMention(1, B), None, 0)]
