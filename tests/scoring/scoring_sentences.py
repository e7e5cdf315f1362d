"""Short ways to write sentences with triples."""

from relx.data.example import Entity, Example, Relation

WORDS = ["Ann", "Lee", "and", "Bob", "Lee", "live", "in", "New", "York", "near", "Ann", "Lee"]
ANN, ANN_AGAIN, BOB, YORK = Entity(0, 2), Entity(10, 12), Entity(3, 5), Entity(7, 9)


def sentence(*relations: Relation, words: list[str] = WORDS) -> Example:
    """The sentence with these triples, whose mentions are its entities."""
    mentions = [mention for relation in relations for mention in (relation.head, relation.tail)]
    return Example(list(words), list(dict.fromkeys(mentions)), list(relations))


def lives(person: Entity, place: Entity = YORK) -> Relation:
    return Relation(person, "lives_in", place)


def knows(person: Entity, other: Entity) -> Relation:
    return Relation(person, "knows", other)


def lost(text: str, type: str | None = None) -> Entity:
    """A mention that was not found among the tokens."""
    return Entity(None, None, type, text)
