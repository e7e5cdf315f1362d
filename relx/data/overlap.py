"""Overlap classes of sentences (Zeng et al. 2018), by the texts of their triples.

Normal: no text is an argument twice. Otherwise a sentence is of one of the other classes or of both: EntityPairOverlap
when two triples have the same head and tail, SingleEntityOverlap when different pairs share a text, or one is its own
head and tail.
"""

from collections.abc import Sequence

from relx.data.example import Example

NORMAL, EPO, SEO = OVERLAP_CLASSES = ("Normal", "EPO", "SEO")

TextTriple = tuple[str, str, str]


def text_triples(example: Example) -> list[TextTriple]:
    """(head text, relation type, tail text) of every relation, as listed."""
    return [(example.mention_text(r.head), r.type, example.mention_text(r.tail)) for r in example.relations]


def overlap_classes(example: Example) -> tuple[str, ...]:
    """Return the classes of a sentence, counting duplicate triples once; a sentence without triples has none."""
    return classes_of(list(dict.fromkeys(text_triples(example))))


def classes_of(triples: Sequence[TextTriple]) -> tuple[str, ...]:
    """Return the classes of a sentence with these triples, counting each as a separate triple."""
    pairs = {(head, tail) for head, _, tail in triples}
    arguments = {text for pair in pairs for text in pair}
    if len(arguments) == 2 * len(triples):
        return (NORMAL,) if triples else ()
    shared_pair, shared_entity = len(pairs) < len(triples), len(arguments) < 2 * len(pairs)
    return tuple(name for name, holds in ((EPO, shared_pair), (SEO, shared_entity)) if holds)
