import random

import pytest
from scoring_sentences import ANN, ANN_AGAIN, BOB, YORK, knows, lives, lost, sentence

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError, RelxError
from relx.scoring import PROTOCOLS, Counts, find_protocol, score

ANN_LIVES = lives(ANN)
LEE = Entity(1, 2)
ANN_ONLY = Entity(0, 1)
NEW_YORK_NEAR = Entity(7, 10)
UNTYPED = [name for name, protocol in PROTOCOLS.items() if not protocol.typed]
BY_POSITION = [name for name, protocol in PROTOCOLS.items() if protocol.located]
BY_TEXT = [name for name, protocol in PROTOCOLS.items() if not protocol.located]


def is_hit(protocol: str, predicted: Relation, gold: Relation = ANN_LIVES) -> bool:
    return score([sentence(gold)], [sentence(predicted)], protocol).triples == Counts(1, 1, 1)


@pytest.mark.parametrize(
    ("predicted", "hits"),
    [
        (lives(ANN), "exact_span exact_text begin_offset last_word first_word boundaries"),
        (lives(ANN_AGAIN), "exact_text last_word first_word"),
        (lives(ANN_ONLY), "begin_offset first_word"),
        (lives(LEE), "last_word"),
        (lives(BOB), "last_word"),
        (lives(ANN, NEW_YORK_NEAR), "begin_offset first_word"),
        (knows(ANN, YORK), ""),
        (lives(YORK, ANN), ""),
    ],
    ids=["same", "other occurrence", "cut at its end", "cut at its start", "namesake", "too long", "type", "direction"],
)
def test_what_each_protocol_takes_for_equal(predicted, hits):
    assert [name for name in UNTYPED if is_hit(name, predicted)] == hits.split()


def typed(head: str | None, tail: str | None) -> Relation:
    return lives(ANN._replace(type=head), YORK._replace(type=tail))


@pytest.mark.parametrize(("head", "tail"), [("ORG", "LOC"), ("PER", "ORG"), (None, "LOC")])
def test_strict_compares_entity_types_and_boundaries_do_not(head, tail):
    gold, predicted = typed("PER", "LOC"), typed(head, tail)
    assert is_hit("strict", gold, gold)
    assert not is_hit("strict", predicted, gold)
    assert is_hit("boundaries", predicted, gold)


def test_strict_compares_positions():
    assert not is_hit("strict", lives(ANN_AGAIN._replace(type="PER"), YORK._replace(type="LOC")), typed("PER", "LOC"))


@pytest.mark.parametrize("gold", [typed(None, "LOC"), typed("PER", None)])
def test_strict_refuses_gold_without_entity_types(gold):
    with pytest.raises(DataError, match=r"sentence 2: .*'Ann Lee' 'lives_in' 'New York' has no type.*'boundaries'"):
        score([sentence(), sentence(gold)], [sentence(), sentence()], "strict")


def test_repeated_triples_count_only_under_begin_offset():
    gold, predicted = sentence(lives(ANN)), sentence(lives(ANN), lives(ANN), lives(ANN_ONLY))
    counts = {name: score([gold], [predicted], name).triples for name in UNTYPED}
    assert counts["begin_offset"] == Counts(predicted=3, gold=1, correct=1)
    assert counts["exact_span"] == Counts(predicted=2, gold=1, correct=1)
    assert counts["first_word"] == Counts(predicted=1, gold=1, correct=1)


def test_each_repeated_gold_triple_takes_one_prediction_under_begin_offset():
    gold, predicted = sentence(lives(ANN), lives(ANN), lives(ANN)), sentence(lives(ANN), lives(ANN))
    assert score([gold], [predicted], "begin_offset").triples == Counts(predicted=2, gold=3, correct=2)


def test_occurrences_of_one_text_are_one_triple_by_text_and_two_by_position():
    gold = sentence(lives(ANN), lives(ANN_AGAIN))
    assert score([gold], [gold], "exact_text").triples == Counts(1, 1, 1)
    assert score([gold], [gold], "exact_span").triples == Counts(2, 2, 2)


@pytest.mark.parametrize("protocol", BY_POSITION)
def test_unlocated_gold_is_never_matched_by_position(protocol):
    person, place = lost("Anna Lee", "PER"), YORK._replace(type="LOC")
    gold = sentence(lives(person, place), lives(lost("Cy", "PER"), place), lives(ANN._replace(type="PER"), place))
    report = score([gold], [gold], protocol)
    assert report.triples == Counts(predicted=3, gold=3, correct=1)
    assert report.unlocated == 2


@pytest.mark.parametrize("protocol", BY_TEXT)
def test_unlocated_gold_is_matched_by_its_text(protocol):
    gold = sentence(lives(lost("Anna Lee")), knows(lost("Cy"), ANN))
    report = score([gold], [sentence(lives(lost("Anna Lee")))], protocol)
    assert report.triples == Counts(predicted=1, gold=2, correct=1)
    assert report.unlocated == 0


def test_the_same_unlocated_gold_twice_is_one_triple():
    assert score([sentence(lives(lost("Cy")), lives(lost("Cy")))], [sentence()]).triples == Counts(0, 1, 0)


def test_a_mention_of_one_word_is_its_own_first_and_last():
    gold, predicted = sentence(lives(lost("Cy"))), sentence(lives(lost("Cy")))
    assert score([gold], [predicted], "first_word").triples == score([gold], [predicted], "last_word").triples
    assert score([gold], [predicted], "last_word").triples.correct == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_f1_is_symmetric_and_self_score_is_perfect(protocol):
    draw = random.Random(7)
    one, other = ([_random_sentence(draw) for _ in range(300)] for _ in range(2))
    there, back = score(one, other, protocol).triples, score(other, one, protocol).triples
    assert 0 < there.correct < there.gold
    assert there.f1 == back.f1
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert score(one, one, protocol).metrics() == dict.fromkeys(score(one, one, protocol).metrics(), 1.0)


def _random_sentence(draw: random.Random) -> Example:
    def entity() -> Entity:
        start = draw.randrange(3)
        return Entity(start, draw.randint(start + 1, 4), draw.choice(["PER", "LOC"]))

    relations = [Relation(entity(), draw.choice(["r", "s"]), entity()) for _ in range(draw.randrange(1, 5))]
    return sentence(*relations, words=["a", "b", "a", "c"])


def test_an_unknown_protocol_names_the_nearest_and_lists_all():
    with pytest.raises(RelxError, match="unknown scoring protocol 'exact_spans'; did you mean 'exact_span'?") as caught:
        find_protocol("exact_spans")
    assert isinstance(caught.value, ValueError)
    assert all(f"{protocol.name}: {protocol.meaning}" in str(caught.value) for protocol in PROTOCOLS.values())
