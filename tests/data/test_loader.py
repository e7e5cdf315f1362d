from itertools import combinations, pairwise

import numpy as np
import pytest

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.loader import BATCH_COST, DataLoader, ProcessorLoader, load, padding_waste


@pytest.fixture
def lengths():
    """Lengths like those of newspaper sentences: about 38 tokens, seldom over 100."""
    return np.random.default_rng(1).lognormal(3.55, 0.45, size=5000).astype(np.int64).clip(1, 200)


LOADERS = [
    DataLoader(),
    DataLoader(batch_size=64, max_tokens=1000),
    DataLoader(batch_size=1),
    ProcessorLoader(batch_size=64, max_tokens=1000),
]


@pytest.mark.parametrize("loader", LOADERS)
def test_each_sentence_is_in_exactly_one_batch(loader, lengths):
    for plan in (loader.plan(lengths, seed=1, epoch=0), loader.in_order(lengths)):
        assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))


@pytest.mark.parametrize("loader", LOADERS)
def test_the_plan_is_a_pure_function_of_lengths_seed_and_epoch(loader, lengths):
    np.random.seed(7)
    first = loader.plan(lengths, seed=1, epoch=2)
    np.random.seed(8)
    second = loader.plan(lengths.copy(), seed=1, epoch=2)
    assert [rows.tolist() for rows in first] == [rows.tolist() for rows in second]


@pytest.mark.parametrize("other", [(1, 1), (2, 0)])
def test_another_epoch_or_seed_gives_other_batches(lengths, other):
    def batches(seed, epoch):
        return [frozenset(rows.tolist()) for rows in DataLoader().plan(lengths, seed, epoch)]

    first, second = batches(1, 0), batches(*other)
    assert len(set(first) & set(second)) < len(first) / 10


def test_batches_come_in_no_order_of_length(lengths):
    longest = [lengths[rows].max() for rows in DataLoader().plan(lengths, 1, 0)]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


@pytest.mark.parametrize("loader", [DataLoader(), DataLoader(batch_size=64, max_tokens=1000)])
def test_the_first_epoch_begins_with_the_batches_of_the_most_positions_and_of_the_most_pairs(loader, lengths):
    plan = loader.plan(lengths, seed=1, epoch=0)
    positions = [len(rows) * lengths[rows].max() for rows in plan]
    pairs = [len(rows) * lengths[rows].max() ** 2 for rows in plan]
    assert max(positions[:2]) == max(positions) and max(pairs[:2]) == max(pairs)
    later = loader.plan(lengths, seed=1, epoch=1)
    assert max(len(rows) * lengths[rows].max() ** 2 for rows in later[:2]) < max(pairs)


def test_a_step_takes_so_many_batches_of_the_plan_and_the_last_one_what_is_left(lengths):
    plan, steps = DataLoader().plan(lengths, 1, 0), DataLoader().steps(lengths, 1, 0, gradient_accumulation_steps=5)
    assert [len(step) for step in steps] == [5] * (len(plan) // 5) + [len(plan) % 5]
    assert [rows.tolist() for step in steps for rows in step] == [rows.tolist() for rows in plan]


def test_evaluation_begins_with_the_longest_and_shuffles_nothing():
    plan = DataLoader(batch_size=2).in_order(np.array([3, 9, 3, 5, 9]))
    assert [rows.tolist() for rows in plan] == [[1, 4], [3, 0], [2]]


def test_what_is_made_of_the_batches_comes_in_the_order_of_the_corpus():
    corpus = TensorDataset([Example(["a"] * length) for length in (2, 5, 1, 5, 3)], lambda example: {})
    sizes = []

    def work(batch):
        sizes.append(len(batch))
        return list(map(len, batch.examples))

    assert DataLoader(batch_size=2).apply(work, corpus) == [2, 5, 1, 5, 3]
    assert sizes == [2, 2, 1]
    assert DataLoader().apply(work, TensorDataset([], lambda example: {})) == []


def test_the_batches_may_be_worked_on_in_another_way():
    corpus = TensorDataset([Example(["a"] * length) for length in (2, 5, 1, 5, 3)], lambda example: {})

    def backwards(work, plan):
        return [*map(work, plan[::-1])][::-1]

    made = DataLoader(batch_size=2).apply(lambda batch: list(map(len, batch.examples)), corpus, backwards)
    assert made == [2, 5, 1, 5, 3]


def test_both_budgets_are_held(lengths):
    loader = DataLoader(batch_size=20, max_tokens=800)
    for plan in (loader.plan(lengths, 1, 0), loader.in_order(lengths)):
        sizes = [len(rows) for rows in plan]
        assert max(sizes) == 20
        assert max(lengths[rows].max() * len(rows) for rows in plan) <= 800
        assert np.mean([lengths[rows].max() * len(rows) for rows in plan]) > 600


def test_a_sentence_beyond_the_budget_is_a_batch_of_its_own():
    plan = DataLoader(max_tokens=10).in_order(np.array([4, 50, 5]))
    assert [rows.tolist() for rows in plan] == [[1], [2, 0]]


def test_little_is_wasted_on_padding(lengths):
    assert padding_waste(lengths, DataLoader(32).plan(lengths, 1, 0)) < 0.02
    at_random = np.array_split(np.random.default_rng(0).permutation(len(lengths)), 150)
    assert padding_waste(lengths, at_random) > 0.4


def test_waste_is_the_share_of_padding():
    assert padding_waste(np.array([4, 1, 3]), [np.array([0, 1]), np.array([2])]) == pytest.approx(3 / 11)
    assert padding_waste(np.array([0]), [np.array([0])]) == 0
    assert padding_waste(np.array([], dtype=int), []) == 0


def test_no_sentences_no_batches():
    assert DataLoader().plan(np.array([], dtype=np.int64), 1, 0) == []
    assert DataLoader().in_order(np.array([], dtype=np.int64)) == []


def test_batches_are_made_of_the_planned_rows():
    corpus = TensorDataset([Example(["w"] * length) for length in (1, 2, 3)], lambda e: {"n": np.array(len(e))})
    made = [batch["n"].tolist() for batch in load(corpus, [np.array([2, 0]), np.array([1])])]
    assert made == [[3, 1], [2]]


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"max_tokens": 0}])
def test_a_budget_of_nothing_is_refused(arguments):
    with pytest.raises(ValueError, match="must be at least 1"):
        DataLoader(**arguments)


def cost(batches):
    """The padded tokens of batches given by the lengths of their sentences, and the cost of each batch."""
    return sum(max(batch) * len(batch) + BATCH_COST for batch in batches)


@pytest.mark.parametrize("max_tokens", [None, 150])
def test_on_a_processor_no_other_cut_costs_less(max_tokens):
    random = np.random.default_rng(3)
    for _ in range(20):
        lengths = random.integers(0, 120, size=7)
        found = [lengths[rows].tolist() for rows in ProcessorLoader(3, max_tokens).in_order(lengths)]
        ordered = sorted(lengths.tolist(), reverse=True)
        assert [length for batch in found for length in batch] == ordered
        cuts = [(0, *inner, 7) for size in range(7) for inner in combinations(range(1, 7), size)]
        others = [[ordered[start:end] for start, end in pairwise(cut)] for cut in cuts]
        possible = [
            batches
            for batches in others
            if all(len(b) == 1 or (len(b) <= 3 and max(b) * len(b) <= (max_tokens or 1000)) for b in batches)
        ]
        assert found in possible and cost(found) == min(map(cost, possible))


def test_a_few_sentences_of_many_lengths_are_not_one_batch_on_a_processor(lengths):
    few = lengths[:32]
    assert (
        padding_waste(few, DataLoader(64).in_order(few))
        > 0.4
        > 0.2
        > padding_waste(few, ProcessorLoader(64).in_order(few))
    )
    assert [rows.tolist() for rows in ProcessorLoader().in_order(np.array([7]))] == [[0]]
    assert ProcessorLoader().in_order(np.array([], np.int64)) == []
