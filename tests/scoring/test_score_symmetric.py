"""Relations without a direction: the protocol symmetric_canonical."""

import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.scoring import Counts, UnknownProtocol, find_protocol, fitting_protocols, score

A, B = Entity(0, 1, "Method"), Entity(2, 4, "Method")
OWN = "symmetric_canonical:knows, is_near"


def sentence(*relations: Relation) -> Example:
    return Example(["a", "and", "b", "c"], [A, B], list(relations))


def counts(gold: list[Relation], predicted: list[Relation], protocol: str = "symmetric_canonical") -> Counts:
    return score([sentence(*gold)], [sentence(*predicted)], protocol).triples


@pytest.mark.parametrize("type", ["COMPARE", "CONJUNCTION", "Compare", "Conjunction", "PER-SOC"])
def test_either_direction_of_a_symmetric_relation_is_correct(type):
    gold, turned = Relation(A, type, B), Relation(B, type, A)
    assert counts([gold], [turned]) == Counts(1, 1, 1)
    assert counts([turned], [gold]) == Counts(1, 1, 1)
    assert counts([gold], [gold]) == Counts(1, 1, 1)
    assert counts([gold], [turned], "strict") == Counts(1, 1, 0)


def test_both_directions_are_one_triple():
    both = [Relation(A, "COMPARE", B), Relation(B, "COMPARE", A)]
    assert counts(both, both[:1]) == counts(both[:1], both) == Counts(1, 1, 1)


def test_other_relations_keep_their_direction():
    gold = [Relation(A, "USED-FOR", B), Relation(A, "COMPARE", B)]
    assert counts(gold, [Relation(B, "USED-FOR", A)]) == Counts(1, 2, 0)


def test_types_and_boundaries_count_as_in_strict():
    for wrong in (A._replace(type="Task"), Entity(0, 2, "Method"), A._replace(type=None)):
        assert counts([Relation(A, "COMPARE", B)], [Relation(B, "COMPARE", wrong)]) == Counts(1, 1, 0)
    with pytest.raises(DataError, match="has no type to compare"):
        counts([Relation(A._replace(type=None), "COMPARE", B)], [])


def test_the_name_can_say_which_relations_are_symmetric():
    for type, correct in (("knows", 1), ("is_near", 1), ("COMPARE", 0)):
        report = score([sentence(Relation(A, type, B))], [sentence(Relation(B, type, A))], OWN)
        assert (report.triples, report.protocol) == (Counts(1, 1, correct), OWN)


def test_unlocated_mentions_have_an_order_too():
    lost = Entity(None, None, "Method", "x")
    gold, predicted = (sentence(Relation(A, "COMPARE", other)) for other in (lost, B))
    report = score([gold], [predicted], "symmetric_canonical")
    assert (report.triples, report.unlocated) == (Counts(1, 1, 0), 1)


def test_a_type_that_gold_never_has_is_told(caplog):
    counts([Relation(A, "knows", B)], [], OWN)
    assert f"{OWN}: no gold triple is of the type is_near" in caplog.text


def test_the_default_types_are_told_of_only_when_gold_has_none(caplog):
    counts([Relation(A, "COMPARE", B)], [])
    assert not caplog.records
    counts([Relation(A, "knows", B)], [])
    assert "symmetric_canonical: no gold triple is of the type COMPARE or CONJUNCTION or" in caplog.text


def test_it_fits_data_with_symmetric_relations():
    assert "symmetric_canonical" in fitting_protocols([sentence(Relation(A, "COMPARE", B))])
    assert "symmetric_canonical" not in fitting_protocols([sentence(Relation(A, "knows", B))])
    assert "symmetric_canonical" not in fitting_protocols([sentence(Relation(A._replace(type=None), "COMPARE", B))])


@pytest.mark.parametrize("name", ["symmetric_canonical:", "symmetric", "strict:knows"])
def test_a_bad_name(name):
    with pytest.raises(UnknownProtocol):
        find_protocol(name)
