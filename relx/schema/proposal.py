"""The schema that labeled data show."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from relx.schema.enforcement import Fact
from relx.schema.schema import RelationRules, Schema

# A relation with fewer triples does not show that something never happens to it.
FEWEST = 20


def propose(texts: Iterable[Sequence[Fact]]) -> Schema:
    """Return the strictest schema that all texts follow, with the counts that show it.

    What never happens in the data is forbidden: pairs of types; and, where a relation has at least 20 triples, both
    directions, several tails of a head, and a relation of an entity to itself. Types are allowed in full where the type
    of an argument is unknown.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    types: defaultdict[str, set[tuple[str | None, str | None]]] = defaultdict(set)
    for facts in texts:
        pairs = {(fact.type, fact.head.entity, fact.tail.entity) for fact in facts}
        tails: defaultdict[tuple[str, Hashable], set[Hashable]] = defaultdict(set)
        for type, head, tail in pairs:
            tails[type, head].add(tail)
            counts[type]["self"] += head == tail
            counts[type]["both_directions"] += head != tail and (type, tail, head) in pairs
        for (type, _), of_head in tails.items():
            counts[type]["heads"] += 1
            counts[type]["heads_of_several_tails"] += len(of_head) > 1
        for fact in facts:
            counts[fact.type]["triples"] += 1
            types[fact.type].add((fact.head.type, fact.tail.type))
    return Schema({name: _rules(types[name], counts[name]) for name in sorted(counts)})


def _rules(types: set[tuple[str | None, str | None]], count: Counter[str]) -> RelationRules:
    typed = {(head, tail) for head, tail in types if head is not None and tail is not None}
    enough = count["triples"] >= FEWEST
    names = ("triples", "heads", "heads_of_several_tails", "both_directions", "self")
    return RelationRules(
        types=frozenset(typed) if len(typed) == len(types) else None,
        symmetric=count["both_directions"] > 0 if enough else None,
        functional=count["heads_of_several_tails"] == 0 if enough else None,
        self=count["self"] > 0 if enough else None,
        seen={name: count[name] for name in names},
    )
