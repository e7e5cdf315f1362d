"""Sentences with relations for the tests of several folders."""

import random

from relx.data.example import Entity, Example, Relation

Span = tuple[int, int]


def sentence(words: str | int, *relations: tuple[Span, str, Span]) -> Example:
    """A sentence of these words (or of that many), whose entities are the mentions of its relations."""
    tokens = words.split() if isinstance(words, str) else [f"w{number}" for number in range(words)]
    found = [Relation(Entity(*head), name, Entity(*tail)) for head, name, tail in relations]
    mentions = dict.fromkeys(mention for relation in found for mention in (relation.head, relation.tail))
    return Example(tokens, list(mentions), found)


def spans(example: Example) -> list[tuple[Span, str, Span]]:
    """The relations of a sentence as they are given to ``sentence``."""
    return [(relation.head.span, relation.type, relation.tail.span) for relation in example.relations]


def disjoint_spans(draw: random.Random, length: int) -> list[Span]:
    """Spans that cover a random part of so many tokens, from left to right, some of them side by side."""
    places = sorted(draw.sample(range(length + 1), draw.randint(0, length + 1)))
    return [pair for pair in zip(places, places[1:], strict=False) if draw.random() < 0.7]


def clashing_sentence(draw: random.Random, types: list[str]) -> Example:
    """A sentence whose relations share and overlap mentions, repeat themselves, and lack a location now and then."""
    length = draw.randint(1, 10)
    mentions = [_mention(draw, length) for _ in range(4)]
    triples = [(draw.choice(mentions), draw.choice(types), draw.choice(mentions)) for _ in range(draw.randint(0, 6))]
    found = [Relation(*triple) for triple in triples]
    return Example([f"w{draw.randrange(5)}" for _ in range(length)], list(dict.fromkeys(mentions)), found)


def _mention(draw: random.Random, length: int) -> Entity:
    if draw.random() < 0.1:
        return Entity(None, None, text="elsewhere")
    start = draw.randrange(length)
    return Entity(start, draw.randint(start + 1, min(length, start + 3)))
