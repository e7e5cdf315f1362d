"""Predicted entities and relations put into an Example."""

from collections.abc import Iterable

from relx.data.example import Entity, Example, Relation


def prediction(example: Example, entities: Iterable[Entity], relations: Iterable[Relation]) -> Example:
    """The sentence with these predictions in place of its labels.

    A relation's mention that has the span of a predicted entity becomes that entity; the other mentions join the
    entities.
    """
    by_span = {entity.span: entity for entity in entities}
    predicted = example.unlabelled()
    for relation in relations:
        head = by_span.setdefault(relation.head.span, relation.head)
        tail = by_span.setdefault(relation.tail.span, relation.tail)
        predicted.relations.append(relation._replace(head=head, tail=tail))
    predicted.entities = sorted(by_span.values(), key=lambda entity: entity.span)
    return predicted
