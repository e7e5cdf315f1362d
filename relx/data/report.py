"""What a corpus holds, as figures: the findings of ``relx data``. ``report_text`` shows them on a terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from relx.data.changes import CUT, RESPELLED, SHARED, UNLOCATED, Change, changes_of
from relx.data.consistency import Arguments, Bare, Conflict, argument_types, bare_mentions, conflicts
from relx.data.example import Entity, Example
from relx.data.overlap import OVERLAP_CLASSES, classes_of, text_triples
from relx.data.vectors import read_vectors

PERCENTILES = {"shortest": 0.0, "median": 0.5, "90%": 0.9, "99%": 0.99, "longest": 1.0}
SIZES = ("1", "2", "3", "4", "5+")


@dataclass(frozen=True)
class Mentions:
    """Gold mentions that reading changed: how many, and of each its sentence, its words and those of its tokens."""

    count: int
    listed: list[dict[str, str]]


@dataclass(frozen=True)
class SplitReport:
    """The figures of one file.

    ``negatives`` are sentences without a triple. Unique triples count a triple once in each sentence. Overlap classes
    are by text, of the unique triples and of the triples as listed. ``unlocated``, ``cut``, ``shared`` and
    ``respelled`` are the mentions of each cause of ``changes``. ``unlocated_triples`` have a mention without a place:
    one that is not found, or that is in another sentence.
    """

    name: str
    sentences: int
    duplicate_sentences: int
    negatives: int
    tokens: int
    lengths: dict[str, int]
    entities: int
    entity_types: dict[str, int]
    sentences_with_overlapping_entities: int
    unlocated: Mentions
    cut: Mentions
    shared: Mentions
    respelled: Mentions
    triples: int
    unique_triples: int
    unlocated_triples: int
    self_pairs: int
    relation_types: dict[str, int]
    triples_per_sentence: dict[str, int]
    overlap: dict[str, int]
    overlap_as_listed: dict[str, int]


@dataclass(frozen=True)
class Leakage:
    """The sentences and triples (by text) of a split that also occur in a larger split."""

    split: str
    larger: str
    sentences: int
    triples: int
    sentence_share: float
    triple_share: float


@dataclass(frozen=True)
class Coverage:
    """The words of one split that have a vector, as tokens and as distinct words."""

    split: str
    vectors: str
    tokens: int
    tokens_exact: int
    tokens_lower_case: int
    words: int
    words_exact: int
    words_lower_case: int


@dataclass(frozen=True)
class CorpusReport:
    """The figures of all files together."""

    splits: list[SplitReport]
    argument_types: list[Arguments]
    conflicts: list[Conflict]
    bare: list[Bare]
    leakage: list[Leakage]
    coverage: list[Coverage]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def report_corpus(splits: Mapping[str, Sequence[Example]], vectors: Iterable[str | Path] = ()) -> CorpusReport:
    """Return the figures of a corpus by split and the coverage of each vectors file. Raises DataError for a bad one."""
    return CorpusReport(
        [report_split(name, examples) for name, examples in splits.items()],
        argument_types(splits),
        conflicts(splits),
        bare_mentions(splits),
        [_leakage(*pair) for pair in combinations(sorted(splits.items(), key=lambda split: -len(split[1])), 2)],
        [coverage for path in vectors for coverage in _coverage(splits, path)],
    )


def report_split(name: str, examples: Sequence[Example]) -> SplitReport:
    """Return the figures of the sentences of one file."""
    entities = [entity for example in examples for entity in example.entities]
    relations = [relation for example in examples for relation in example.relations]
    changes = [change for number, example in enumerate(examples, 1) for change in changes_of(example, number)]
    unique = [_unique(example) for example in examples]
    listed = [text_triples(example) for example in examples]
    return SplitReport(
        name=name,
        sentences=len(examples),
        duplicate_sentences=len(examples) - len({tuple(example.tokens) for example in examples}),
        negatives=sum(not example.relations for example in examples),
        tokens=sum(map(len, examples)),
        lengths=_percentiles(list(map(len, examples))),
        entities=len(entities),
        entity_types=_by_frequency(entity.type for entity in entities if entity.type is not None),
        sentences_with_overlapping_entities=sum(map(_has_overlapping_entities, examples)),
        unlocated=_mentions(changes, UNLOCATED),
        cut=_mentions(changes, CUT),
        shared=_mentions(changes, SHARED),
        respelled=_mentions(changes, RESPELLED),
        triples=len(relations),
        unique_triples=sum(map(len, unique)),
        unlocated_triples=sum(not relation.located for relation in relations),
        self_pairs=sum(_place(relation.head) == _place(relation.tail) for relation in relations),
        relation_types=_by_frequency(relation.type for relation in relations),
        triples_per_sentence=_sizes(unique),
        overlap=_overlap(list(dict.fromkeys(triples)) for triples in listed),
        overlap_as_listed=_overlap(listed),
    )


def _place(entity: Entity) -> object:
    return entity.span if entity.located else entity.text


def _unique(example: Example) -> set[tuple[object, str, object]]:
    return {(_place(relation.head), relation.type, _place(relation.tail)) for relation in example.relations}


def _percentiles(values: list[int]) -> dict[str, int]:
    """Nearest-rank percentiles."""
    ordered = sorted(values) or [0]
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in PERCENTILES.items()}


def _by_frequency(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(sorted(names)).most_common())


def _has_overlapping_entities(example: Example) -> bool:
    spans = sorted({entity.span for entity in example.entities if entity.located})
    return any(after[0] < before[1] for before, after in zip(spans, spans[1:], strict=False))


def _mentions(changes: Sequence[Change], cause: str) -> Mentions:
    keys = ("sentence", "mention", "tokens")
    listed = [{key: getattr(change, key) for key in keys} for change in changes if change.cause == cause]
    return Mentions(len(listed), listed)


def _sizes(unique: list[set[tuple[object, str, object]]]) -> dict[str, int]:
    counts = Counter(min(len(triples), len(SIZES)) for triples in unique)
    return {size: counts[number] for number, size in enumerate(SIZES, 1)}


def _overlap(listed: Iterable[list[tuple[str, str, str]]]) -> dict[str, int]:
    counts = Counter(name for triples in listed for name in classes_of(triples))
    return {name: counts[name] for name in OVERLAP_CLASSES}


def _leakage(larger: tuple[str, Sequence[Example]], split: tuple[str, Sequence[Example]]) -> Leakage:
    seen_sentences = {tuple(example.tokens) for example in larger[1]}
    seen_triples = {triple for example in larger[1] for triple in text_triples(example)}
    sentences = [tuple(example.tokens) in seen_sentences for example in split[1]]
    triples = [triple in seen_triples for example in split[1] for triple in text_triples(example)]
    shares = (sum(seen) / max(1, len(seen)) for seen in (sentences, triples))
    return Leakage(split[0], larger[0], sum(sentences), sum(triples), *shares)


def _coverage(splits: Mapping[str, Sequence[Example]], path: str | Path) -> Iterable[Coverage]:
    counts = {name: Counter(token for e in examples for token in e.tokens) for name, examples in splits.items()}
    wanted = {form for words in counts.values() for word in words for form in (word, word.lower())}
    known = set(read_vectors(path, wanted.__contains__)[0])
    for name, words in counts.items():
        exact = words.keys() & known
        lower = {word for word in words.keys() - exact if word.lower() in known}
        tokens = (words.total(), sum(words[word] for word in exact), sum(words[word] for word in lower))
        yield Coverage(name, str(path), *tokens, len(words), len(exact), len(lower))
