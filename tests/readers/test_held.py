import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.readers.held import held

ANN, LYON, LOST = Entity(0, 1, "PER"), Entity(1, 2, "LOC"), Entity(None, None, "LOC", "Oslo")


def test_what_has_no_place_is_left_out_and_counted(caplog):
    example = Example(["a", "b"], [ANN, LYON, LOST], [Relation(ANN, "in", LYON), Relation(ANN, "in", LOST)])
    (kept,) = held([example], "out")
    assert (kept.entities, kept.relations) == ([ANN, LYON], [Relation(ANN, "in", LYON)])
    left_out = "1 mentions without a place and 1 relations with an argument without a place"
    assert f"out: left out, because the form cannot hold them: {left_out}" in caplog.text
    assert len(example.entities) == 3


def test_nothing_is_logged_of_sentences_that_are_held_whole(caplog):
    example = Example(["a", "b"], [ANN, LYON], [Relation(ANN, "in", LYON)])
    assert list(held([example], "out")) == [example]
    assert not caplog.records


def test_an_argument_that_is_not_among_the_entities_joins_them():
    (kept,) = held([Example(["a", "b"], [ANN, ANN], [Relation(ANN, "in", LYON)])], "out")
    assert kept.entities == [ANN, LYON]


def test_a_mention_needs_a_type():
    with pytest.raises(DataError, match="out: sentence 2: the mention 'b' has no type"):
        list(held([Example(["a"]), Example(["a", "b"], [Entity(1, 2)])], "out"))


def test_all_mentions_without_a_type_are_reported():
    examples = [Example(["a"], [Entity(0, 1)]), Example(["a"], [ANN]), Example(["b"], [Entity(0, 1)])]
    with pytest.raises(DataError) as error:
        list(held(examples, "out"))
    assert [fault.split(": the")[0] for fault in error.value.faults] == ["out: sentence 1", "out: sentence 3"]
