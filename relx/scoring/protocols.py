"""The named ways in which a predicted triple can equal a gold one."""

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace

from relx.data.example import Entity, Example, Relation
from relx.errors import RelxError
from relx.registry import nearest

Mention = Callable[[Example, Entity], Hashable]
Key = tuple[Hashable, str, Hashable]


class UnknownProtocol(RelxError, ValueError):
    """A protocol name that relx does not know."""


@dataclass(frozen=True)
class Protocol:
    """Two triples of a sentence are equal when their keys are: (head, relation type, tail).

    ``located``: keys are made of positions, so a mention that was not found among the tokens equals no other.
    ``typed``: keys hold entity types. ``multiset``: repeated triples count as often as they occur, each prediction
    matching at most one gold triple; otherwise they count once. ``symmetric`` relation types have no direction;
    ``inverse`` ones say the same as another type in the other direction.
    """

    name: str
    meaning: str
    key: Callable[[Example, Relation], Key]
    located: bool = True
    typed: bool = False
    multiset: bool = False
    symmetric: frozenset[str] = frozenset()
    inverse: tuple[tuple[str, str], ...] = ()


def find_protocol(name: str) -> Protocol:
    """Return the protocol of that name. Raises UnknownProtocol, a ValueError, with the nearest known name.

    ``symmetric_canonical:TYPE,TYPE`` names the relation types that are symmetric.
    ``PROTOCOL+inverse:TYPE=TYPE,TYPE=TYPE`` names the pairs of types that are inverse to each other.
    """
    base, mark, pairs = name.partition(INVERSE)
    if mark:
        return _with_inverses(name, find_protocol(base), pairs)
    general, _, types = name.partition(":")
    if general == SYMMETRIC and types:
        return _symmetric(name, [type.strip() for type in types.split(",")])
    if name not in PROTOCOLS:
        raise UnknownProtocol(f"unknown scoring protocol {name!r}{nearest(name, PROTOCOLS)}\n{_listing()}")
    return PROTOCOLS[name]


def _listing() -> str:
    lines = [f"  {protocol.name}: {protocol.meaning}" for protocol in PROTOCOLS.values()]
    return "\n".join(
        [*lines, f"  PROTOCOL{INVERSE}TYPE=TYPE,...: as PROTOCOL, but inverse types in turned direction are equal"]
    )


def _directed(mention: Mention) -> Callable[[Example, Relation], Key]:
    def key(example: Example, relation: Relation) -> Key:
        return mention(example, relation.head), relation.type, mention(example, relation.tail)

    return key


def _undirected(mention: Mention, types: Collection[str]) -> Callable[[Example, Relation], Key]:
    """Return a key that sorts the two mentions of a relation of these types, so that its direction does not count."""
    directed = _directed(mention)

    def key(example: Example, relation: Relation) -> Key:
        head, type, tail = directed(example, relation)
        if type in types:
            head, tail = sorted((head, tail), key=repr)
        return head, type, tail

    return key


def _symmetric(name: str, types: Collection[str]) -> Protocol:
    return Protocol(
        name,
        f"strict, but either direction of {', '.join(types)} is the same",
        _undirected(typed_span, frozenset(types)),
        typed=True,
        symmetric=frozenset(types),
    )


def _with_inverses(name: str, base: Protocol, text: str) -> Protocol:
    """Return ``base`` such that it reads the second type of each pair as the first, with head and tail exchanged."""
    parts = [[type.strip() for type in pair.split("=")] for pair in text.split(",")]
    types = [type for part in parts for type in part]
    if not all(types) or any(len(part) != 2 for part in parts) or len(set(types)) < len(types):
        raise UnknownProtocol(
            f"{name}: expected {INVERSE}TYPE=TYPE,TYPE=TYPE with each type in one pair, as in "
            f"exact_span{INVERSE}contains=contained_by; types that are their own inverse: {SYMMETRIC}:TYPE"
        )
    pairs = tuple((first, second) for first, second in parts)
    first_of = {second: first for first, second in pairs}

    def key(example: Example, relation: Relation) -> Key:
        if (first := first_of.get(relation.type)) is not None:
            relation = relation._replace(head=relation.tail, type=first, tail=relation.head)
        return base.key(example, relation)

    shown = ", ".join(f"{first} and {second}" for first, second in pairs)
    return replace(base, name=name, meaning=f"{base.name}; inverse: {shown}", key=key, inverse=pairs)


def span(example: Example, entity: Entity) -> Hashable:
    """First and last position of a mention; its text if it has none, so that two such mentions are counted apart.

    Mentions that cut the same token have the same positions. All but the first of them have a number behind these, so
    that they count apart too, and a prediction of the whole token equals one of them.
    """
    return (*entity[:2], *_number_at_place(example, entity)) if entity.located else entity.text


def typed_span(example: Example, entity: Entity) -> Hashable:
    """``span`` and the entity type."""
    key = span(example, entity)
    return (*key, entity.type) if isinstance(key, tuple) else (key, entity.type)


def _begin(example: Example, entity: Entity) -> Hashable:
    return (entity.start, *_number_at_place(example, entity)) if entity.located else entity.text


def _number_at_place(example: Example, entity: Entity) -> tuple[int, ...]:
    """Return the number of a mention among those with the same tokens but different words, or () for the first."""
    if not example.cuts_token(entity):
        return ()
    same_tokens = (other for other in example.mentions() if other.located and other.span == entity.span)
    words = {(other.characters, other.text) if example.cuts_token(other) else () for other in same_tokens}
    number = sorted(words, key=lambda place: (place != (), str(place))).index((entity.characters, entity.text))
    return (number,) if number else ()


def _first_word(example: Example, entity: Entity) -> Hashable:
    return example.mention_text(entity).partition(" ")[0]


def _last_word(example: Example, entity: Entity) -> Hashable:
    return example.mention_text(entity).rpartition(" ")[2]


SYMMETRIC = "symmetric_canonical"
INVERSE = "+inverse:"
# The types that published scorers take as symmetric, as the forms of SciERC spell them, and that of ACE05.
SYMMETRIC_TYPES = ("COMPARE", "CONJUNCTION", "Compare", "Conjunction", "PER-SOC")

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "exact_span",
            "relation type and both mentions, by token positions",
            _directed(span),
        ),
        Protocol(
            "exact_text",
            "relation type and both mentions, by their text",
            _directed(Example.mention_text),
            located=False,
        ),
        Protocol(
            "begin_offset",
            "relation type and where both mentions begin; repeated triples count (HRL)",
            _directed(_begin),
            multiset=True,
        ),
        Protocol(
            "last_word",
            "relation type and the last word of both mentions",
            _directed(_last_word),
            located=False,
        ),
        Protocol(
            "first_word",
            "relation type and the first word of both mentions",
            _directed(_first_word),
            located=False,
        ),
        Protocol(
            "strict",
            "relation type, token positions and entity types of both mentions (Rel+)",
            _directed(typed_span),
            typed=True,
        ),
        Protocol(
            "boundaries",
            "relation type and token positions of both mentions, entity types left aside (Rel)",
            _directed(span),
        ),
        _symmetric(SYMMETRIC, SYMMETRIC_TYPES),
    )
}
OF_TYPED_ENTITIES = ("strict", "boundaries", SYMMETRIC)
