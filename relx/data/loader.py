"""Which sentences go together in a batch, and in which order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from relx.data.batch import Batch, TensorDataset
from relx.utils.argument_checks import require_sizes

T = TypeVar("T")
# The cost of a further batch in tokens. Between 30 and 250 little changes, with a transformer and with word vectors.
BATCH_COST = 100
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Python's ``map``, or one of the same meaning that has several processes share the work."""


class DataLoader:
    """Make batches of sentences of similar length, under a budget of sentences and of padded tokens.

    The plan of an epoch is a pure function of (lengths, seed, epoch): equal arguments give equal batches in equal
    order, on any machine and after any restart.

    Args:
        batch_size: The largest number of sentences in a batch.
        max_tokens: The largest number of tokens in a batch, padding included. A longer sentence is a batch of its own.
            Heads that keep a table of all token pairs count a long sentence as more tokens.
    """

    def __init__(self, batch_size: int = 32, max_tokens: int | None = None) -> None:
        require_sizes(batch_size=batch_size, max_tokens=max_tokens)
        self.batch_size = batch_size
        self.max_tokens = max_tokens

    def plan(self, lengths: np.ndarray, seed: int, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch of an epoch: shuffle sentences of equal length, then shuffle the batches.

        In the first epoch the largest batches come first, so that a lack of memory shows within seconds.
        """
        random = np.random.default_rng((seed, epoch))
        shuffled = random.permutation(len(lengths))
        batches = self._cut(shuffled[np.argsort(lengths[shuffled], kind="stable")], lengths)
        planned = [batches[i] for i in random.permutation(len(batches))]
        return _largest_first(planned, lengths) if epoch == 0 else planned

    def mixed(self, lengths: np.ndarray, seed: int, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch, with sentences of all lengths mixed, so that batch losses are comparable."""
        return self._cut(np.random.default_rng((seed, epoch)).permutation(len(lengths)), lengths)

    def steps(
        self, lengths: np.ndarray, seed: int, epoch: int, gradient_accumulation_steps: int
    ) -> list[list[np.ndarray]]:
        """Return the plan of an epoch in groups of ``gradient_accumulation_steps`` batches, one per optimizer step.

        The last group may be smaller.
        """
        plan = self.plan(lengths, seed, epoch)
        size = gradient_accumulation_steps
        return [plan[start : start + size] for start in range(0, len(plan), size)]

    def in_order(self, lengths: np.ndarray) -> list[np.ndarray]:
        """Return the rows of each batch for evaluation: the longest sentences first, without shuffling."""
        return self._cut(np.argsort(-lengths, kind="stable"), lengths)

    def apply(self, work: Callable[[Batch], Sequence[T]], corpus: TensorDataset, over: Map = map) -> list[T]:
        """Return the result of ``work`` for each sentence of the corpus, in the order of the corpus.

        ``work`` returns one result for each sentence of a batch. ``over`` maps a function over the batches.
        """
        plan = self.in_order(corpus.costs)
        made: dict[int, T] = {}
        for rows, results in zip(plan, over(lambda rows: work(corpus.batch(rows.tolist())), plan), strict=True):
            made.update(zip(rows.tolist(), results, strict=True))
        return [made[row] for row in range(len(corpus))]

    def _cut(self, rows: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
        batches, start = [], 0
        while start < len(rows):
            end = start + self._fitting(lengths[rows[start : start + self.batch_size]])
            batches.append(rows[start:end])
            start = end
        return batches

    def _fitting(self, lengths: np.ndarray) -> int:
        """How many of these sentences make one batch; at least one, however long it is."""
        if self.max_tokens is None:
            return len(lengths)
        padded = np.maximum.accumulate(lengths) * np.arange(1, len(lengths) + 1)
        return max(1, int(np.searchsorted(padded, self.max_tokens, side="right")))


class ProcessorLoader(DataLoader):
    """Make batches for a processor without an accelerator, where each position of a batch costs time, also padding.

    A few sentences of many lengths, such as the requests of a service, are more padding than words as one batch. Of all
    ways to cut the sorted sentences into batches, ``in_order`` takes the one of the least cost: the padded tokens, and
    for each batch as much as ``BATCH_COST`` tokens.
    """

    def in_order(self, lengths: np.ndarray) -> list[np.ndarray]:
        """Return the rows of each batch: the longest sentences first, cut where it costs least."""
        order = np.argsort(-lengths, kind="stable")
        longest = lengths[order].astype(np.int64)
        least = np.zeros(len(order) + 1)  # the cost of the first sentences
        begin = np.zeros(len(order) + 1, np.int64)  # where the last batch of the first sentences begins
        for end in range(1, len(order) + 1):
            first = max(0, end - self.batch_size)
            padded = longest[first:end] * np.arange(end - first, 0, -1)
            costs = least[first:end] + padded
            if self.max_tokens is not None:
                costs[:-1][padded[:-1] > self.max_tokens] = np.inf
            cut = int(costs.argmin())
            least[end], begin[end] = costs[cut] + BATCH_COST, first + cut
        cuts = [len(order)]
        while cuts[-1]:
            cuts.append(int(begin[cuts[-1]]))
        return [order[start:end] for start, end in pairwise(cuts[::-1])]


def _largest_first(batches: list[np.ndarray], lengths: np.ndarray) -> list[np.ndarray]:
    """Move the batch with the most positions and the batch with the most pairs of positions to the front."""
    longest = [int(lengths[rows].max()) for rows in batches]
    positions = [len(rows) * length for rows, length in zip(batches, longest, strict=True)]
    pairs = [size * length for size, length in zip(positions, longest, strict=True)]
    largest = {int(np.argmax(sizes)) for sizes in (positions, pairs) if sizes}
    return [batches[i] for i in sorted(range(len(batches)), key=lambda i: i not in largest)]


def padding_waste(lengths: np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """Return the share of padding among all positions of the batches."""
    padded = sum(int(lengths[rows].max()) * len(rows) for rows in batches)
    return 1 - int(lengths.sum()) / padded if padded else 0.0


def load(corpus: TensorDataset, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
    """Yield the batches of a plan, one at a time."""
    for rows in batches:
        yield corpus.batch(rows.tolist())
