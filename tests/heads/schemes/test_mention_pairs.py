import itertools
import random

import pytest
import torch
from sentences import clashing_sentence, sentence
from span_equations import spans_of

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Namespace
from relx.heads.schemes.mention_pairs import SHARED_PAIR, PairScheme
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples, SpanTripleTargets

RELATIONS = Namespace(["in", "by"])
MENTIONS = spans_of([(0, 0, 0, 0), (0, 0, 2, 3), (0, 0, 2, 4), (1, 0, 1, 1), (2, 0, 0, 0), (2, 0, 1, 1)])
VARIANTS = [
    {"order": order, "labels": labels, "agree": agree}
    for order, labels, agree in itertools.product(
        ("ordered", "in_text"), ("one", "several"), ("first", "product", "most_certain")
    )
    if order == "in_text" or agree == "first"
]


def test_ordered_pairs_are_all_pairs_of_different_mentions_of_a_sentence() -> None:
    pairs = PairScheme(RELATIONS, "ordered").candidates(MENTIONS)
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert found == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (4, 5), (5, 4)]
    assert pairs.row.tolist() == [0] * 6 + [2] * 2


def test_pairs_in_the_order_of_the_text_are_half_of_them() -> None:
    pairs = PairScheme(RELATIONS, "in_text").candidates(MENTIONS)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2), (4, 5)]
    assert len(PairScheme(RELATIONS, "in_text", agree="product").candidates(MENTIONS)) == 8


def decoded(scheme: PairScheme, example: Example) -> tuple[set, set]:
    """What the certain labels of a sentence's gold pairs read as, and its lost relations."""
    written = SpanTripleTargets(RELATIONS, lambda entity, example: 0, allow_self=False).write(example)
    held = scheme.hold(example, written)
    batch = TensorDataset([example], lambda example: held.arrays).batch([0])
    gold = SpanTriples.gold(batch)
    pairs = scheme.candidates(gold.entities)
    labels = scheme.gold(gold, gold.entities, pairs, max(1, len(example)))
    found = scheme.read(scheme.certain(labels), gold.entities, pairs, 0.5)
    (read,) = SpanTripleDecoder(RELATIONS, [None]).decode(found, [example])
    return triples(read.relations), triples([relation for relation, _ in held.lost if relation.located])


def triples(relations: list[Relation]) -> set:
    return {(relation.head.span, relation.type, relation.tail.span) for relation in relations}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(v.values()))
def test_every_relation_is_read_or_listed_as_lost_and_nothing_else_is_read(variant: dict[str, str]) -> None:
    draw, scheme, shared = random.Random(3), PairScheme(RELATIONS, **variant), 0
    for _ in range(150):
        example = clashing_sentence(draw, ["in", "by"])
        read, lost = decoded(scheme, example)
        wanted = triples([relation for relation in example.relations if relation.located])
        assert read | lost == wanted
        assert not read & lost
        shared += len(lost)
    assert shared > 20


def test_what_a_pair_with_one_label_loses() -> None:
    example = sentence("a b c", ((0, 1), "in", (1, 2)), ((0, 1), "by", (1, 2)), ((1, 2), "in", (0, 1)))
    assert decoded(PairScheme(RELATIONS, "ordered", "several"), example)[1] == set()
    assert decoded(PairScheme(RELATIONS, "ordered", "one"), example)[1] == {((0, 1), "by", (1, 2))}
    lost = decoded(PairScheme(RELATIONS, "in_text", "one"), example)[1]
    assert lost == {((0, 1), "by", (1, 2)), ((1, 2), "in", (0, 1))}
    written = SpanTripleTargets(RELATIONS, lambda entity, example: 0, allow_self=False).write(example)
    causes = {cause for _, cause in PairScheme(RELATIONS, "in_text", "one").hold(example, written).lost}
    assert causes == {SHARED_PAIR}


def test_a_relation_that_the_data_repeat_is_not_lost_by_it() -> None:
    example = sentence("a b", ((0, 1), "in", (1, 2)), ((0, 1), "in", (1, 2)))
    assert decoded(PairScheme(RELATIONS, "in_text", "one"), example) == ({((0, 1), "in", (1, 2))}, set())


def test_the_losses_are_cross_entropies() -> None:
    torch.manual_seed(1)
    gold = torch.tensor([[False, False], [False, True], [True, False]])
    one, several = PairScheme(RELATIONS, labels="one"), PairScheme(RELATIONS, labels="several")
    logits = torch.randn(3, 3, dtype=torch.float64)
    expected = [-row.log_softmax(0)[label].item() for row, label in zip(logits, (0, 2, 1), strict=True)]
    assert one.losses(logits, gold).tolist() == pytest.approx(expected)
    p = logits[:, :2].sigmoid()
    binary = -torch.where(gold, p, 1 - p).log().mean(1)
    torch.testing.assert_close(several.losses(logits[:, :2], gold), binary, rtol=1e-12, atol=0)


def read(scheme: PairScheme, probs: list[list[float]]) -> list[tuple[int, int, int, float]]:
    """Of two mentions in a sentence: relation, head, tail, score."""
    mentions = spans_of([(0, 0, 0, 0), (0, 0, 1, 1)])
    found = scheme.read(torch.tensor(probs).log(), mentions, scheme.candidates(mentions), 0.5)
    return [
        (*map(int, numbers[:3]), round(float(numbers[3]), 4))
        for numbers in zip(found.relation, found.head, found.tail, found.score, strict=True)
    ]


def test_how_two_orders_of_a_pair_agree() -> None:
    """Labels: none, in>, by>, in<, by<. The second row is the pair (1, 0), whose > means that mention 1 is the head."""
    table = [[0.1, 0.5, 0.2, 0.1, 0.1], [0.05, 0.05, 0.7, 0.1, 0.1]]
    assert read(PairScheme(RELATIONS, "in_text", "one"), table[:1]) == [(0, 0, 1, 0.5)]
    assert read(PairScheme(RELATIONS, "in_text", "one", "most_certain"), table) == [(1, 1, 0, 0.7)]
    # in>: .5 * .1, by>: .2 * .1, in<: .1 * .05, by<: .1 * .7
    assert read(PairScheme(RELATIONS, "in_text", "one", "product"), table) == [(1, 1, 0, 0.07)]


def test_labels_of_pairs_among_other_mentions() -> None:
    """A relation whose mention is not among the candidates has no label."""
    first, second = Entity(0, 1), Entity(2, 3)
    example = Example(list("abc"), [first, second], [Relation(first, "in", second)])
    written = SpanTripleTargets(RELATIONS, lambda entity, example: 0, allow_self=False).write(example)
    gold = SpanTriples.gold(TensorDataset([example], lambda example: written.arrays).batch([0]))
    scheme = PairScheme(RELATIONS)
    for mentions, expected in (
        (spans_of([(0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 2, 2)]), [(0, 2)]),
        (spans_of([(0, 0, 0, 0), (0, 0, 2, 1)]), []),
        (spans_of([]), []),
    ):
        pairs = scheme.candidates(mentions)
        marked = scheme.gold(gold, mentions, pairs, 3).any(dim=1)
        related = pairs.select(marked)
        assert list(zip(related.first.tolist(), related.second.tolist(), strict=True)) == expected
