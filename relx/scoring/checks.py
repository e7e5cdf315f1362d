"""What must hold of gold and predictions before they can be compared."""

import logging
from collections.abc import Sequence

from relx.data.example import Example, Relation
from relx.errors import DataError
from relx.scoring.protocols import OF_TYPED_ENTITIES, PROTOCOLS, SYMMETRIC, Protocol

logger = logging.getLogger(__name__)


def check_same_sentences(gold: Sequence[Example], predicted: Sequence[Example]) -> None:
    """Raise DataError at the first sentence whose tokens differ, or that only one side has."""
    for number, (wanted, found) in enumerate(zip(gold, predicted, strict=False), start=1):
        if wanted.tokens != found.tokens:
            raise DataError(
                f"sentence {number}: {_difference(wanted.tokens, found.tokens)}; "
                "predictions are scored against the same sentences, in the same order and with the same tokens"
            )
    if len(gold) != len(predicted):
        longer, name = (gold, "gold") if len(gold) > len(predicted) else (predicted, "predicted")
        first = min(len(gold), len(predicted))
        raise DataError(
            f"sentence {first + 1} is only in the {name} data: {' '.join(longer[first].tokens[:8])!r}; "
            f"there are {len(gold)} gold and {len(predicted)} predicted sentences"
        )


def check_typed(gold: Sequence[Example]) -> None:
    """Raise DataError at the first gold triple that has an entity without a type."""
    for number, example in enumerate(gold, start=1):
        for relation in example.relations:
            if not _is_typed(relation):
                head, tail = example.mention_text(relation.head), example.mention_text(relation.tail)
                raise DataError(
                    f"sentence {number}: an entity of the gold triple {head!r} {relation.type!r} {tail!r} "
                    "has no type to compare; the protocol 'boundaries' needs none (--protocol boundaries, or in an "
                    "experiment -o 'protocols=[\"boundaries\"]')"
                )


def warn_of_unused(protocol: Protocol, gold: Sequence[Example]) -> None:
    """Log the symmetric types and the pairs of inverse types that no gold triple has: a misspelt one changes no score.

    Of the symmetric types that the protocol knows by itself any one is enough.
    """
    used = {relation.type for example in gold for relation in example.relations}
    unused = protocol.symmetric - used
    if unused and (protocol.name != SYMMETRIC or unused == protocol.symmetric):
        logger.warning("%s: no gold triple is of the type %s", protocol.name, " or ".join(sorted(unused)))
    for pair in protocol.inverse:
        if used.isdisjoint(pair):
            logger.warning("%s: no gold triple is of the type %s", protocol.name, " or ".join(pair))


def fitting_protocols(gold: Sequence[Example]) -> list[str]:
    """Return the names of the protocols that apply to this data.

    Protocols of typed entities apply if the entities of all gold triples have types. Protocols of symmetric relations
    apply if the data has such relations.
    """
    relations = [relation for example in gold for relation in example.relations]
    typed = all(map(_is_typed, relations))
    types = {relation.type for relation in relations}
    return [
        name
        for name, protocol in PROTOCOLS.items()
        if (typed or name not in OF_TYPED_ENTITIES) and (not protocol.symmetric or protocol.symmetric & types)
    ]


def _is_typed(relation: Relation) -> bool:
    return relation.head.type is not None and relation.tail.type is not None


def _difference(gold: list[str], predicted: list[str]) -> str:
    for number, (wanted, found) in enumerate(zip(gold, predicted, strict=False), start=1):
        if wanted != found:
            return f"token {number} is {wanted!r} in the gold data and {found!r} in the predicted"
    return f"it has {len(gold)} tokens in the gold data and {len(predicted)} in the predicted"
