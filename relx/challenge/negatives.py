"""Hard negatives: changed copies of training sentences that no longer state one of their triples."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from relx.challenge.copies import located_mentions, negated_copies, overlaps, swapped_copies, unrelated_pairs
from relx.challenge.rewrite import Edit, Rewriting, Words, can_rewrite, words_of
from relx.data.example import Entity, Example


def hard_negatives(examples: Sequence[Example], seed: int) -> tuple[list[Example], Counter[str]]:
    """Return changed copies of sentences with their gold labels, and how many there are of each form.

    ``negated``: a triple is negated, and removed from the labels. ``swapped``: the mentions of a triple exchange their
    words, and its relation stays in place. ``unrelated``: two mentions without a relation take the words of two related
    mentions of the same types. A sentence has at most one copy of each form; ``seed`` draws which.
    """
    draw = random.Random(seed)
    negated = [copy for copy in negated_copies(examples)[0] if copy.sure]
    swapped = swapped_copies(examples)[0]
    forms = {
        "negated": [(copy.number, copy.example) for copy in negated],
        "swapped": [(copy.number, copy.example) for copy in swapped],
        "unrelated": _with_related_names(examples, draw),
    }
    found: list[Example] = []
    counts: Counter[str] = Counter()
    for form, copies in forms.items():
        of_sentence = defaultdict(list)
        for number, example in copies:
            of_sentence[number].append(example)
        found += [draw.choice(several) for several in of_sentence.values()]
        counts[form] = len(of_sentence)
    return found, counts


def _with_related_names(examples: Sequence[Example], draw: random.Random) -> list[tuple[int, Example]]:
    """Return a copy for a pair of unrelated mentions of each sentence: it has the words of a related pair."""
    related: defaultdict[tuple[str | None, str | None], list[tuple[Words, Words]]] = defaultdict(list)
    for example in filter(can_rewrite, examples):
        for relation in example.relations:
            if relation.located and relation.head.type is not None:
                pair = words_of(example, relation.head), words_of(example, relation.tail)
                related[relation.head.type, relation.tail.type].append(pair)
                related[relation.tail.type, relation.head.type].append(pair[::-1])
    copies = []
    for number, example in enumerate(examples):
        pairs = [
            pair
            for pair in (unrelated_pairs(example) if can_rewrite(example) else ())
            if related[pair[0].type, pair[1].type] and _stand_alone(example, pair)
        ]
        if pairs:
            one, other = draw.choice(pairs)
            copies.append((number, _renamed(example, one, other, *draw.choice(related[one.type, other.type]))))
    return copies


def _renamed(example: Example, one: Entity, other: Entity, first: Words, second: Words) -> Example:
    edits = [Edit(*one.span, first), Edit(*other.span, second)]
    return Rewriting(example, sorted(edits, key=lambda edit: edit.start)).example


def _stand_alone(example: Example, pair: tuple[Entity, Entity]) -> bool:
    """Return whether no other mention overlaps one of the two."""
    others = [mention for mention in located_mentions(example) if mention.span not in (pair[0].span, pair[1].span)]
    return not any(overlaps(mention, *entity.span) for mention in others for entity in pair)
