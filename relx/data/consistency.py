"""How consistent the labels of a corpus are: words of two types, types of arguments, mentions left unlabeled."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relx.data.changes import name_of
from relx.data.example import Entity, Example

Place = tuple[str, str]
"""A file and a sentence in it: its id, or ``sentence N``."""


@dataclass(frozen=True)
class Conflict:
    """Words that are annotated with several types: how often with each, and where with all but the most frequent."""

    words: str
    types: dict[str, int]
    places: list[Place]


@dataclass(frozen=True)
class Bare:
    """Words that are annotated in at least half of their occurrences, how often, and where they are not."""

    words: str
    annotated: int
    places: list[Place]


@dataclass(frozen=True)
class Arguments:
    """How often the arguments of a relation have two types, in each file; an unknown type is None."""

    relation: str
    head: str | None
    tail: str | None
    counts: dict[str, int]


def conflicts(splits: Mapping[str, Sequence[Example]]) -> list[Conflict]:
    """Return the words with several entity types, those with the most frequent other types first."""
    found: defaultdict[str, defaultdict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
    for place, example in _sentences(splits):
        for entity in {(e.span, e.type): e for e in _mentions(example)}.values():
            if entity.type is not None:
                found[example.mention_text(entity)][entity.type].append(place)
    listed = []
    for words, places in found.items():
        main, *others = sorted(places, key=lambda type: -len(places[type]))
        if others:
            counts = {type: len(places[type]) for type in (main, *others)}
            listed.append(Conflict(words, counts, [place for type in others for place in places[type]]))
    return sorted(listed, key=lambda conflict: -len(conflict.places))


def argument_types(splits: Mapping[str, Sequence[Example]]) -> list[Arguments]:
    """Return the pairs of entity types between which each relation holds, the most frequent of a relation first."""
    counts: defaultdict[tuple[str, str | None, str | None], Counter[str]] = defaultdict(Counter)
    for (file, _), example in _sentences(splits):
        for relation in example.relations:
            counts[relation.type, relation.head.type, relation.tail.type][file] += 1
    order = sorted(counts, key=lambda key: (key[0], -counts[key].total(), str(key)))
    return [Arguments(*key, {file: counts[key][file] for file in splits}) for key in order]


def bare_mentions(splits: Mapping[str, Sequence[Example]]) -> list[Bare]:
    """Return the words that are annotated as an entity mostly, but not everywhere: labels may be missing there.

    Words count outside of all annotated mentions of their sentence, at each place the longest. The
    words that are annotated most reliably are first.
    """
    annotated: Counter[tuple[str, ...]] = Counter()
    for _, example in _sentences(splits):
        annotated.update(tuple(example.tokens[slice(*span)]) for span in {e.span for e in _mentions(example)})
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for words in annotated:
        lengths[words[0]].add(len(words))
    longest_first = {first: sorted(sizes, reverse=True) for first, sizes in lengths.items()}
    places: defaultdict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place, example in _sentences(splits):
        for words in _unannotated(example, annotated, longest_first):
            places[words].append(place)
    found = [Bare(" ".join(words), annotated[words], where) for words, where in places.items()]
    reliable = [bare for bare in found if bare.annotated >= len(bare.places)]
    return sorted(reliable, key=lambda bare: (len(bare.places) / bare.annotated, -bare.annotated, bare.words))


def _unannotated(
    example: Example, known: Counter[tuple[str, ...]], lengths: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, ...]]:
    taken = {i for entity in _mentions(example) for i in range(*entity.span)}
    i = 0
    while i < len(example):
        for size in lengths.get(example.tokens[i], ()):
            words = tuple(example.tokens[i : i + size])
            if words in known and taken.isdisjoint(range(i, i + size)):
                yield words
                i += size - 1
                break
        i += 1


def _sentences(splits: Mapping[str, Sequence[Example]]) -> Iterator[tuple[Place, Example]]:
    for file, examples in splits.items():
        for number, example in enumerate(examples, 1):
            yield (file, name_of(example, number)), example


def _mentions(example: Example) -> list[Entity]:
    """Return the mentions that are made of whole tokens."""
    return [mention for mention in example.mentions() if mention.located and not example.cuts_token(mention)]
