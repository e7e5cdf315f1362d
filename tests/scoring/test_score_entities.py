from scoring_sentences import ANN, BOB, YORK, lives, lost

from relx.data.example import Entity, Example, Relation
from relx.scoring import Counts, score
from relx.scoring.report import score_entities

WORDS = ["a", "b", "c", "d", "e"]


def person(start: int, end: int | None = None) -> Entity:
    return Entity(start, end or start + 1, "PER")


def place(start: int, end: int | None = None) -> Entity:
    return Entity(start, end or start + 1, "LOC")


def sentence(*entities: Entity, relations: tuple[Relation, ...] = ()) -> Example:
    return Example(WORDS, list(entities), list(relations))


def test_types_are_counted_apart():
    gold = [sentence(person(0), person(1), place(2)), sentence(place(0))]
    predicted = [sentence(person(0), place(1), place(2)), sentence(person(0), Entity(4, 5, "ORG"))]
    assert score(gold, predicted).per_entity_type == {
        "LOC": Counts(predicted=2, gold=2, correct=1),
        "ORG": Counts(predicted=1, gold=0, correct=0),
        "PER": Counts(predicted=2, gold=2, correct=1),
    }


def test_without_types_in_gold_there_is_nothing_to_count_by_type():
    assert score([sentence(Entity(0, 1), place(1))], [sentence(person(0))]).per_entity_type == {}


def test_a_prediction_without_a_type_is_of_no_type():
    report = score([sentence(person(0))], [sentence(Entity(0, 1), place(1))])
    assert report.per_entity_type == {"LOC": Counts(predicted=1), "PER": Counts(gold=1)}
    assert (report.entity_protocol, report.entities) == ("entity strict", Counts(predicted=2, gold=1, correct=0))


def test_predictions_that_have_no_types_at_all_are_compared_by_position():
    report = score([sentence(person(0), place(1))], [sentence(Entity(0, 1))])
    assert (report.entity_protocol, report.entities) == ("entity boundaries", Counts(predicted=1, gold=2, correct=1))
    assert report.per_entity_type == {}


def test_without_predictions_entities_are_compared_as_gold_has_them():
    assert score([sentence(person(0))], [sentence()]).entity_protocol == "entity strict"


def test_types_of_mentions_that_were_not_found_count_in_the_recall():
    report = score([sentence(person(0), lost("Cy", "PER"))], [sentence(person(0))])
    assert report.per_entity_type == {"PER": Counts(predicted=1, gold=2, correct=1)}


def parts(gold: Example, predicted: Example) -> tuple[Counts, Counts]:
    found = score_entities([gold], [predicted]).per_participation
    assert list(found) == ["in-triple", "out-of-triple"]
    return found["in-triple"], found["out-of-triple"]


def test_gold_is_parted_by_its_triples():
    gold = sentence(person(0), place(1), person(2), relations=(Relation(person(0), "in", place(1)),))
    assert parts(gold, sentence()) == (Counts(gold=2), Counts(gold=1))


def test_a_correct_prediction_is_of_the_part_of_its_gold_entity():
    gold = sentence(person(0), place(1), person(2), relations=(Relation(person(0), "in", place(1)),))
    predicted = sentence(person(0), person(2), place(1), relations=(Relation(person(2), "in", place(1)),))
    assert parts(gold, predicted) == (Counts(2, 2, 2), Counts(1, 1, 1))


def test_a_wrong_prediction_is_of_the_part_that_its_own_triples_say():
    gold = sentence(person(0))
    wrong = (place(0), person(1), place(3))
    predicted = sentence(*wrong, relations=(Relation(place(0), "in", person(1)),))
    assert parts(gold, predicted) == (Counts(predicted=2), Counts(predicted=1, gold=1))


def test_the_parts_add_up_to_all_entities():
    gold = [sentence(person(0), person(1), relations=(Relation(person(0), "r", person(1)),)), sentence(place(2))]
    predicted = [sentence(person(0), person(3)), sentence(place(2), place(1))]
    scores = score_entities(gold, predicted)
    assert sum(scores.per_participation.values(), Counts()) == scores.total == Counts(4, 3, 2)


def test_the_same_mention_of_another_sentence_is_in_no_triple():
    gold = [sentence(person(0), person(1), relations=(Relation(person(0), "r", person(1)),)), sentence(person(0))]
    assert score_entities(gold, gold).per_participation["out-of-triple"] == Counts(1, 1, 1)


def test_the_far_argument_of_a_relation_of_two_sentences_is_no_entity_of_the_sentence():
    far = Entity(None, None, "LOC", "Rome")
    gold = sentence(person(0), relations=(Relation(person(0), "in", far),))
    report = score([gold], [sentence(person(0))])
    assert report.entities == Counts(1, 1, 1)
    assert report.per_participation["in-triple"] == Counts(1, 1, 1)
    assert report.triples == Counts(0, 1, 0)


def test_without_types_positions_decide():
    gold = Example(["w"] * 12, [ANN, BOB, YORK], [lives(ANN)])
    predicted = Example(["w"] * 12, [ANN._replace(type="PER"), BOB], [])
    assert parts(gold, predicted) == (Counts(1, 2, 1), Counts(1, 1, 1))
