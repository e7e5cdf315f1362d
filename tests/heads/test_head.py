from sentences import sentence

from relx.data.example import Entity, Relation
from relx.heads.head import prediction

GOLD = sentence("Ada lives in London", ((0, 1), "gold", (3, 4)))
ADA, LONDON = Entity(0, 1, score=0.5), Entity(3, 4, score=0.4)


def test_predictions_replace_the_labels_and_leave_the_sentence():
    predicted = prediction(GOLD, [], [])
    assert (predicted.tokens, predicted.entities, predicted.relations) == (GOLD.tokens, [], [])
    assert len(GOLD.relations) == 1


def test_a_mention_with_the_span_of_an_entity_is_that_entity():
    typed = Entity(0, 1, "PER", score=0.9)
    predicted = prediction(GOLD, [typed], [Relation(ADA, "lives_in", LONDON, 0.2)])
    assert predicted.entities == [typed, LONDON]
    assert predicted.relations == [Relation(typed, "lives_in", LONDON, 0.2)]


def test_every_mention_is_one_of_the_entities_which_stand_in_order():
    relations = [Relation(LONDON, "a", ADA), Relation(Entity(3, 4, score=0.1), "b", Entity(1, 2))]
    predicted = prediction(GOLD, [Entity(2, 3)], relations)
    assert [entity.span for entity in predicted.entities] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    for relation in predicted.relations:
        assert relation.head in predicted.entities and relation.tail in predicted.entities
