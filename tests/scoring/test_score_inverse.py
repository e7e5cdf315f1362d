"""Relation types that are inverse to each other: PROTOCOL+inverse:TYPE=TYPE."""

import pytest

from relx.commands import main
from relx.data.example import Entity, Example, Relation
from relx.scoring import Counts, UnknownProtocol, find_protocol, score

A, B = Entity(0, 1, "Place"), Entity(2, 4, "Place")
OWN = "exact_span+inverse:contains=contained_by, child_of = parent_of"


def sentence(*relations: Relation) -> Example:
    return Example(["a", "and", "b", "c"], [A, B], list(relations))


def counts(gold: list[Relation], predicted: list[Relation], protocol: str = OWN) -> Counts:
    return score([sentence(*gold)], [sentence(*predicted)], protocol).triples


@pytest.mark.parametrize(("one", "other"), [("contains", "contained_by"), ("child_of", "parent_of")])
def test_the_inverse_type_in_the_other_direction_is_the_same_triple(one: str, other: str) -> None:
    gold, turned = Relation(A, one, B), Relation(B, other, A)
    assert counts([gold], [turned]) == counts([turned], [gold]) == counts([gold], [gold]) == Counts(1, 1, 1)
    assert counts([gold, turned], [gold]) == Counts(1, 1, 1)
    assert counts([gold], [turned], "exact_span") == Counts(1, 1, 0)


def test_the_same_direction_or_another_type_is_wrong() -> None:
    gold = [Relation(A, "contains", B)]
    for wrong in (Relation(A, "contained_by", B), Relation(B, "contains", A), Relation(B, "parent_of", A)):
        assert counts(gold, [wrong]) == Counts(1, 1, 0)


def test_other_types_keep_their_direction() -> None:
    assert counts([Relation(A, "near", B)], [Relation(B, "near", A)]) == Counts(1, 1, 0)


@pytest.mark.parametrize("base", ["exact_span", "exact_text", "last_word", "first_word", "strict", "boundaries"])
def test_it_adds_to_every_protocol(base: str) -> None:
    gold, turned = [Relation(A, "contains", B)], [Relation(B, "contained_by", A)]
    assert counts(gold, turned, f"{base}+inverse:contains=contained_by") == Counts(1, 1, 1)
    shorter = [Relation(B._replace(end=3), "contained_by", A)]
    same_word = base == "first_word"
    assert counts(gold, shorter, f"{base}+inverse:contains=contained_by") == Counts(1, 1, int(same_word))


def test_repetitions_count_where_the_protocol_counts_them() -> None:
    both = [Relation(A, "contains", B), Relation(B, "contained_by", A)]
    assert counts(both[:1], both, "begin_offset+inverse:contains=contained_by") == Counts(2, 1, 1)


def test_symmetric_and_inverse_types_go_together() -> None:
    name = "symmetric_canonical:near+inverse:contains=contained_by"
    gold = [Relation(A, "near", B), Relation(A, "contains", B)]
    assert counts(gold, [Relation(B, "near", A), Relation(B, "contained_by", A)], name) == Counts(2, 2, 2)


def test_the_table_of_relations_has_the_first_type_of_a_pair() -> None:
    report = score([sentence(Relation(A, "contains", B))], [sentence(Relation(B, "contained_by", A))], OWN)
    assert report.per_relation == {"contains": Counts(1, 1, 1)} and report.protocol == OWN


def test_a_pair_that_gold_never_has_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    counts([Relation(B, "contained_by", A)], [])
    assert (
        "no gold triple is of the type child_of or parent_of" in caplog.text
        and "contains" not in caplog.messages[0][60:]
    )


@pytest.mark.parametrize("pairs", ["", "a", "a=", "a=b,", "a=b=c", "a=a", "a=b,b=c"])
def test_pairs_that_make_no_sense_are_refused(pairs: str) -> None:
    with pytest.raises(UnknownProtocol, match="each type in one pair"):
        find_protocol(f"exact_span+inverse:{pairs}")
    with pytest.raises(UnknownProtocol, match="unknown scoring protocol 'exact'"):
        find_protocol("exact+inverse:a=b")


def test_relx_score_takes_it(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    entities = '"entities": [{"start": 0, "end": 1}, {"start": 1, "end": 2}]'
    for name, head, type, tail in (("gold", 0, "contains", 1), ("predicted", 1, "contained_by", 0)):
        relation = f'{{"head": {head}, "type": "{type}", "tail": {tail}}}'
        (tmp_path / name).write_text(f'{{"tokens": ["a", "b"], {entities}, "relations": [{relation}]}}\n')
    files = [str(tmp_path / "gold"), str(tmp_path / "predicted")]
    assert main(["score", *files, "--protocol", "exact_span+inverse:contains=contained_by"]) == 0
    assert "exact_span+inverse:contains=contained_by" in capsys.readouterr().out
    assert main(["score", *files, "--protocol", "exact_span+inverse:contains"]) == 2
