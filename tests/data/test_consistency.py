from relx.data.consistency import Arguments, Bare, Conflict, argument_types, bare_mentions, conflicts
from relx.data.example import Entity, Example, Relation
from relx.data.report import report_corpus
from relx.data.report_text import render


def sentence(text: str, *entities: Entity, id: str | None = None, relation: str | None = None) -> Example:
    relations = [Relation(entities[0], relation, entities[1])] if relation is not None else []
    return Example(text.split(), list(entities), relations, id=id)


PER, LOC, ORG = (Entity(0, 1, type) for type in ("Per", "Loc", "Org"))
TRAIN = [
    sentence("Washington crossed it", PER, id="w1"),
    sentence("Washington is big", LOC),
    sentence("Washington is wet", LOC),
    sentence("New York and York", Entity(0, 2, "Loc"), Entity(3, 4, "Loc"), relation="near"),
]
TEST = [
    sentence("New York and York", Entity(0, 2, "Loc")),
    sentence("Near New York Times", Entity(1, 4, "Org")),
    sentence("a b", Entity(0, 1, "Per"), Entity(1, 2), relation="near"),
]


def test_words_with_several_types_and_where_the_rarer_ones_are() -> None:
    splits = {"train": TRAIN, "test": [sentence("Washington said", ORG)]}
    expected = Conflict("Washington", {"Loc": 2, "Per": 1, "Org": 1}, [("train", "w1"), ("test", "sentence 1")])
    assert conflicts(splits) == [expected]
    assert conflicts({"train": TRAIN[1:], "test": TEST}) == []


def test_types_of_arguments_by_file() -> None:
    assert argument_types({"train": TRAIN, "test": TEST}) == [
        Arguments("near", "Loc", "Loc", {"train": 1, "test": 0}),
        Arguments("near", "Per", None, {"train": 0, "test": 1}),
    ]


def test_words_left_unlabeled_stand_outside_of_longer_mentions() -> None:
    assert bare_mentions({"train": TRAIN, "test": TEST}) == [Bare("York", 1, [("test", "sentence 1")])]


def test_the_longest_words_count_at_each_place() -> None:
    bare = [sentence("New York"), sentence("New Jersey")]
    assert [found.words for found in bare_mentions({"a": [*TRAIN, *bare]})] == ["New York"]


def test_words_that_are_rarely_annotated_are_no_mentions_and_reliable_ones_are_first() -> None:
    often = [sentence("Rome", LOC)] * 3 + [sentence("Rome")]
    seldom = [sentence("May", PER)] + [sentence("May")] * 2
    even = [sentence("Oslo", LOC), sentence("Oslo")]
    found = bare_mentions({"a": [*even, *seldom, *often]})
    assert [(bare.words, bare.annotated, len(bare.places)) for bare in found] == [("Rome", 3, 1), ("Oslo", 1, 1)]


def test_mentions_without_a_place_or_within_a_token_are_left_out() -> None:
    odd = Example(["a-b"], [Entity(None, None, "Loc", "x"), Entity(0, 1, "Loc", "a", characters=(0, 1))])
    other = Example(["a-b"], [Entity(0, 1, "Per")])
    assert conflicts({"a": [odd, other]}) == []
    assert bare_mentions({"a": [odd, other]}) == [Bare("a-b", 1, [("a", "sentence 1")])]


def test_the_report_lists_the_first_of_each() -> None:
    text = render(report_corpus({"train": TRAIN, "test": TEST}))
    assert "words annotated with several types: 1\n  'Washington': Loc 2, Per 1 (train: w1)" in text
    bare = "words that are mostly annotated, but not everywhere: 1, not in 1 places\n"
    assert f"{bare}  'York': annotated 1 of 2 times, not here: test: sentence 1" in text
    assert ["near:", "Per", "to", "?", "0", "1"] in [line.split() for line in text.splitlines()]
