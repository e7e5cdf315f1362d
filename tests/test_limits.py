"""What no weights of a model can return, against brute force and against models with random weights."""

import random
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
import torch
from sentences import clashing_sentence, sentence

from relx import config
from relx import limits as module
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.heads.cascade.head import SHARED_OBJECTS
from relx.heads.casrel import SYMMETRIC
from relx.heads.pair_scorers.scorers import DecomposedPairScorer, LinearPairScorer
from relx.limits import (
    SUMMED,
    SUMMED_LABELS,
    SUMMED_SPANS,
    SUMMED_TWICE,
    Limit,
    Outcome,
    limits_of_sums,
    limits_of_two_sums,
)
from relx.model import JointExtractor
from relx.scoring import score
from relx.testing.model import MODEL
from relx.training.checks.oracle import oracle_check

# Two pairs of one relation between four mentions.
CROSSED = sentence("Ann met Bob in Rome , Oslo", ((0, 1), "in", (4, 5)), ((2, 3), "in", (6, 7)))
CHAIN = sentence("Ann in Rome in Italy", ((0, 1), "in", (2, 3)), ((2, 3), "in", (4, 5)))
MUTUAL = sentence(
    "Ann met Bob and Eve", *(((i, i + 1), "knows", (j, j + 1)) for i in (0, 2, 4) for j in (0, 2, 4) if i != j)
)


def model_of(head: dict[str, Any], gold: list[Example]) -> JointExtractor:
    vocabulary = Vocabulary(gold)
    described = {"embedder": {"type": "words", "dim": 6}, "head": head}
    config.require_valid(described, MODEL, "the model")
    model: JointExtractor = config.build(described, MODEL, vocabulary=vocabulary)
    vocabulary.close()
    return model


def ceiling(head: dict[str, Any], *gold: Example) -> tuple[float, dict[str, int], dict[str, int]]:
    found = oracle_check(model_of(head, list(gold)).head, gold, "exact_span")
    assert found.faults == []
    return round(found.report.triples.f1, 3), found.losses, found.wrong


def uncounted(head: dict[str, Any], *gold: Example) -> dict[str, int]:
    """The limits whose cost is not known; they make the ceiling an upper bound."""
    found = oracle_check(model_of(head, list(gold)).head, gold, "exact_span")
    assert found.at_most or not found.not_counted
    assert all(f"1 sentence with a limit of unknown cost: {cause}" in str(found) for cause in found.not_counted)
    return found.not_counted


def table(cells: set[tuple[int, int]]) -> dict[Any, Relation]:
    return {(i, j): Relation(Entity(i, i + 1), "r", Entity(j, j + 1)) for i, j in cells}


def subsets(items: list[Any]) -> Any:
    return chain.from_iterable(combinations(items, count) for count in range(len(items) + 1))


def is_reachable(cells: set[tuple[int, int]]) -> bool:
    """Whether f(i) + g(j) can be above 0 in exactly these cells: no two of them without one of the two across."""
    return all((i, last) in cells or (k, j) in cells for i, j in cells for k, last in cells)


@pytest.mark.parametrize("seed", range(12))
def test_the_outcomes_of_a_sum_are_those_of_brute_force(seed: int) -> None:
    draw = random.Random(seed)
    every = [(i, j) for i in range(3) for j in range(4)]
    gold, ignored = set(draw.sample(every, 5)), set(draw.sample(every, 2))
    best: dict[int, int] = {}
    for returned in map(set, subsets(every)):
        if is_reachable(returned):
            lost, wrong = len(gold - returned), len(returned - gold - ignored)
            best[lost] = min(wrong, best.get(lost, wrong))
    found = limits_of_sums([table(gold)], lambda cell: cell not in ignored)
    outcomes = {len(outcome.lost): outcome.wrong for limit in found for outcome in limit.outcomes} or {0: 0}
    for lost in best:  # what is dominated by fewer lost ones may be left out
        assert min(w for n, w in outcomes.items() if n <= lost) == min(w for n, w in best.items() if n <= lost)
    assert (best[0] == 0) == (found == [])


@pytest.mark.parametrize("scorer", [DecomposedPairScorer, LinearPairScorer])
def test_a_scorer_that_is_a_sum_never_returns_crossed_pairs_alone(scorer: type[Any]) -> None:
    torch.manual_seed(1)
    for _ in range(200):
        made = scorer(4, 1, bias=0.0)
        cells, _ = made.predict(torch.randn(1, 4, 4) * 3, torch.ones(1, 4, dtype=torch.bool), 0.5)
        assert is_reachable(set(zip(cells.head.tolist(), cells.tail.tolist(), strict=True)))


def test_a_table_too_large_for_all_orders_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    gold = table({(i, i) for i in range(4)})
    (exact,) = limits_of_sums([gold], lambda cell: True)
    monkeypatch.setattr(module, "MOST_ORDERS", 2)
    (bound,) = limits_of_sums([gold], lambda cell: True)
    assert min(o.wrong for o in exact.outcomes if not o.lost) == 6
    assert min(o.wrong for o in bound.outcomes if not o.lost) == 2


SUMS: list[dict[str, Any]] = [
    {"type": "rin"},
    {"type": "rin", "pair_scorer": {"type": "linear"}},
    {"type": "rin_v2", "pair_scorer": {"type": "decomposed"}},
    {"type": "graphrel"},
    {"type": "table", "pair_scorer": {"type": "decomposed"}},
]


@pytest.mark.parametrize("head", SUMS, ids=str)
def test_a_sum_returns_a_pair_across(head: dict[str, Any]) -> None:
    assert ceiling(head, CROSSED) == (0.8, {}, {SUMMED: 1})
    assert ceiling(head, CHAIN) == (0.8, {}, {SUMMED: 1})


FREE: list[dict[str, Any]] = [
    {"type": "rin", "pair_scorer": {"type": "biaffine"}},
    {"type": "rin_v2"},
    {"type": "table"},
    {"type": "table", "tables": "both", "pair_scorer": {"type": "decomposed"}},
    {"type": "cascade", "fusion": "early"},
    {"type": "cascade", "fusion": "late", "subject_vectors": True},
    {"type": "casrel"},
    {"type": "interactive"},
]


@pytest.mark.parametrize("head", FREE, ids=str)
def test_other_forms_hold_crossed_pairs(head: dict[str, Any]) -> None:
    assert ceiling(head, CROSSED) == (1.0, {}, {})


def test_spans_whose_ends_cross_among_entities_need_more_than_a_sum() -> None:
    nested = sentence(6, ((0, 1), "r", (1, 5)), ((0, 1), "r", (2, 3)), ((0, 1), "q", (1, 3)), ((0, 1), "q", (2, 5)))
    linear = {"type": "cascade", "fusion": "early", "pair_scorer": {"type": "linear"}}
    assert ceiling(linear, nested) == (0.8, {}, {SUMMED: 2})
    assert ceiling({"type": "cascade", "fusion": "early"}, nested) == (1.0, {}, {})


class TestLateFusion:
    HEAD = {"type": "cascade", "fusion": "late", "task_context": "none"}

    def test_subjects_share_their_objects(self) -> None:
        assert ceiling(self.HEAD, CROSSED) == (0.667, {}, {SHARED_OBJECTS: 2})

    def test_an_object_within_one_of_the_subjects_can_tell_them_apart(self) -> None:
        inside = sentence("Ann Lee met Bob", ((0, 2), "named", (0, 1)), ((3, 4), "met", (0, 2)))
        assert ceiling(self.HEAD, inside) == (1.0, {}, {})

    def test_a_subject_is_given_up_where_it_costs_more_than_it_brings(self) -> None:
        pairs = [((0, 1), "r", (place, place + 1)) for place in range(2, 8)]
        many = sentence(9, *pairs, ((1, 2), "s", (8, 9)))
        f1, losses, wrong = ceiling(self.HEAD, many)
        assert (f1, losses, wrong) == (0.923, {SHARED_OBJECTS: 1}, {})


class TestCasRelSum:
    def test_head_and_tail_of_one_token_each_are_not_told_apart(self) -> None:
        assert ceiling({"type": "casrel"}, CHAIN) == (0.8, {}, {SYMMETRIC: 1})
        assert ceiling({"type": "casrel", "conditioning": "concatenated"}, CHAIN) == (1.0, {}, {})

    @pytest.mark.parametrize("conditioning", ["sum", "concatenated"])
    def test_three_mutually_related_tokens_force_a_wrong_triple(self, conditioning: str) -> None:
        """Of each two of (a, a), (b, b), (c, c) one has a positive start and one a positive end: one has both."""
        casrel = {"type": "casrel", "conditioning": conditioning}
        assert ceiling(casrel, MUTUAL) == (0.923, {}, {SUMMED_TWICE: 1})
        assert ceiling({**casrel, "allow_self": False}, MUTUAL) == (1.0, {}, {})

    def test_a_ceiling_whose_limit_has_an_unknown_cost_is_marked(self) -> None:
        assert uncounted({"type": "casrel", "conditioning": "concatenated"}, CROSSED) == {SUMMED_TWICE: 1}

    def test_a_tail_that_is_no_subject_or_has_two_tokens_is(self) -> None:
        assert ceiling({"type": "casrel"}, CROSSED) == (1.0, {}, {})
        longer = sentence("Ann in New York in Italy", ((0, 1), "in", (2, 4)), ((2, 4), "in", (5, 6)))
        assert ceiling({"type": "casrel"}, longer) == (1.0, {}, {})


def test_two_tables_of_sums_force_a_wrong_triple_where_their_wrong_cells_form_an_odd_cycle() -> None:
    both = {"type": "table", "tables": "both", "pair_scorer": {"type": "decomposed"}}
    assert ceiling(both, MUTUAL) == (0.923, {}, {SUMMED_TWICE: 1})
    assert uncounted(both, CROSSED) == {SUMMED_TWICE: 1}
    assert uncounted({"type": "table", "tables": "both"}, MUTUAL) == {}


@pytest.mark.parametrize("seed", range(6))
def test_wrong_cells_that_two_sums_reject_form_a_bipartite_graph(seed: int) -> None:
    """Two random sums never both reject every wrong cell where the limit says that one is returned."""
    draw, found = np.random.default_rng(seed), 0
    for _ in range(300):
        first, last = (draw.normal(size=(4, 1)) + draw.normal(size=(1, 4)) for _ in range(2))
        returned = {(int(i), int(j)) for i, j in zip(*np.nonzero((first > 0) & (last > 0)), strict=True)}
        for limit in limits_of_two_sums([table(returned)], lambda cell: True):
            assert Outcome() in limit.outcomes
            found += 1
    assert found > 0


def test_two_relations_cannot_hold_crosswise_in_labels_of_pairs() -> None:
    (a, b, x, y) = ((place, place + 1) for place in (0, 2, 4, 6))
    crosswise = sentence(7, (a, "r", x), (b, "r", y), (a, "s", y), (b, "s", x))
    assert ceiling({"type": "graphrel"}, crosswise) == (0.857, {SUMMED_LABELS: 1}, {})
    for free in (((a, "r", x), (b, "r", y), (a, "s", y)), ((a, "r", x), (b, "r", y), (a, "s", y), (b, "t", x))):
        assert ceiling({"type": "graphrel"}, sentence(7, *free)) == (1.0, {}, {})


def test_a_threshold_of_graphrel_leaves_a_limit_of_unknown_cost() -> None:
    strict = {"type": "graphrel", "threshold": 0.5}
    assert ceiling(strict, CROSSED) == (1.0, {}, {})
    assert uncounted(strict, CROSSED) == {SUMMED: 1}


@pytest.mark.parametrize("head", [{"type": "table"}, {"type": "cascade"}, {"type": "cascade", "joint": False}], ids=str)
def test_spans_of_one_type_that_a_sum_cannot_tell_from_another_are_marked(head: dict[str, Any]) -> None:
    nested = Example(["w"] * 5, [Entity(0, 4, "PER"), Entity(1, 3, "PER")])
    apart = Example(["w"] * 5, [Entity(0, 2, "PER"), Entity(3, 4, "PER")])
    linear = {**head, "pair_scorer": {"type": "linear"}}
    assert uncounted(linear, nested) == {SUMMED_SPANS: 1}
    assert uncounted(linear, apart) == uncounted(head, nested) == {}


TASK = {"threshold": 0.05}
RANDOM: list[dict[str, Any]] = [
    {**TestLateFusion.HEAD, "entity_spans": TASK, "subject_spans": TASK, "object_spans": TASK},
    {"type": "casrel", "subject_spans": TASK, "object_spans": TASK},
    {"type": "rin", "rounds": 0, "threshold": 0.05, "pair_scorer": {"type": "decomposed", "bias": 0.0}},
    {"type": "interactive", "copy_score": "linear", "allow_self": False, "weights": "shared", "tagger": True},
]


def related_sentence(draw: random.Random) -> Example:
    """Four mentions apart from each other and four related pairs of them, which every scheme holds."""
    starts = sorted(draw.sample(range(0, 12, 2), 4))
    mentions = [(start, start + draw.randint(1, 2)) for start in starts]
    pairs = draw.sample([(one, other) for one in mentions for other in mentions if one != other], 4)
    return sentence(13, *((head, draw.choice("ab"), tail) for head, tail in pairs))


@pytest.mark.slow
@pytest.mark.parametrize("head", RANDOM, ids=lambda head: head["type"])
def test_no_random_weights_return_more(head: dict[str, Any]) -> None:
    """Models with random weights stay below the ceiling of every sentence."""
    draw = random.Random(4)
    gold = [related_sentence(draw) for _ in range(20)]
    reached = 0.0
    for seed in range(3):
        torch.manual_seed(seed)
        model = model_of(head, gold)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.6)
        for example, said in zip(gold, model.extract(gold, DataLoader()), strict=True):
            found = score([example], [said]).triples.f1
            assert found <= oracle_check(model.head, [example], "exact_span").report.triples.f1 + 1e-9
            reached = max(reached, found)
    assert reached > 0


def test_the_outcome_is_chosen_that_leaves_the_best_f1() -> None:
    """At an F1 of f a triple is worth 2 - f and a wrong one costs f: where f is low, wrong ones are cheap."""
    many_lost = sentence(40, *(((i, i + 1), "r", (i + 1, i + 2)) for i in range(0, 20, 2)))

    class Tied(type(model_of({"type": "rin_v2"}, [CROSSED]).head)):  # type: ignore[misc]
        def limits(self, held: Example) -> list[Limit]:
            return [Limit("tied", [Outcome(tuple(held.relations)), Outcome((), 11)])] if held.relations else []

    head = model_of({"type": "rin_v2"}, [many_lost]).head
    head.__class__ = Tied
    found = oracle_check(head, [many_lost], "exact_span")
    assert found.wrong == {"tied": 11} and found.losses == {} and found.at_most
    assert str(found).startswith("the model's ceiling is at most P 47.6 R 100.0 F1 64.5 (exact_span)\n  11 wrong")


@pytest.mark.slow
def test_no_head_loses_a_triple_without_a_cause() -> None:
    draw = random.Random(3)
    gold = [clashing_sentence(draw, ["a", "b", "c"]) for _ in range(60)]
    heads: list[dict[str, Any]] = [
        *SUMS, *FREE, TestLateFusion.HEAD,
        {"type": "cascade", "decoding": "nearest"},
        {"type": "casrel", "conditioning": "concatenated", "allow_self": False},
        {"type": "hmt", "conflict": "overwrite"},
        {"type": "hmt", "decoding": "all_pairs"},
        {"type": "novel_tagging", "conflict": "drop_sentence"},
        {"type": "interactive", "copy_score": "linear", "tagger": True},
        {"type": "graphrel", "threshold": 0.5},
    ]  # fmt: skip
    for head in heads:
        for protocol in ("exact_span", "begin_offset", "last_word"):
            found = oracle_check(model_of(head, gold).head, gold, protocol)
            triples = found.report.triples
            assert found.faults == [], head
            assert sum(found.losses.values()) == triples.gold - triples.correct, head
