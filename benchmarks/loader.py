"""Indexing and batching against training: ``python benchmarks/loader.py [--sentences 100000] [--hidden 100]``.

Says how long it takes to count and index a corpus and what memory that needs, and what share of a training step goes
by while its batch is made.
"""

import argparse

import numpy as np
from synthetic import hmt, memory, seconds, sentences, training_step

from relx.data.batch import Batch, TensorDataset
from relx.data.loader import DataLoader, load, padding_waste
from relx.data.vocabulary import Vocabulary
from relx.model import JointExtractor
from relx.utils.runtime import keep_freed_memory

STEPS = 20


def indexed(count: int, hidden: int) -> tuple[JointExtractor, TensorDataset]:
    """A model and a corpus, made with a report of time and memory."""
    empty = memory()
    examples = sentences(count)
    read = memory()
    made: list[tuple[JointExtractor, TensorDataset]] = []

    def index() -> None:
        model = hmt(Vocabulary(examples), hidden)
        made.append((model, TensorDataset(examples, model.index_labeled)))

    took = seconds(index)
    ((model, corpus),) = made
    arrays = sum(column.nbytes for column in corpus.columns.values()) / 2**20
    print(f"sentences  {count}, {read - empty:.0f} MiB as Examples")
    grown = memory() - read
    print(f"indexed    {took:.1f} s ({count / took:.0f} sentences/s), +{grown:.0f} MiB, of which arrays {arrays:.0f}")
    return model, corpus


def batches(corpus: TensorDataset, plan: list[np.ndarray]) -> list[Batch]:
    """Every batch of an epoch that the report keeps: the first few; the others are made and forgotten."""
    return [batch for number, batch in enumerate(load(corpus, plan)) if number < STEPS]


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--hidden", type=int, default=100)
    arguments = parser.parse_args()
    keep_freed_memory()
    model, corpus = indexed(arguments.sentences, arguments.hidden)
    plan: list[np.ndarray] = []
    planned = seconds(lambda: plan.extend(DataLoader(32).plan(corpus.lengths, seed=1, epoch=0)))
    before, first = memory(), batches(corpus, plan[:STEPS])
    loading = seconds(lambda: batches(corpus, plan)) / len(plan)
    waste = padding_waste(corpus.lengths, plan)
    print(f"planned    {planned:.2f} s an epoch, {len(plan)} batches, {waste:.1%} padding")
    print(f"loaded     {1000 * loading:.2f} ms a batch ({1 / loading:.0f} batches/s), +{memory() - before:.0f} MiB")
    step = training_step(model.train())
    step(first[0])
    training = seconds(lambda: list(map(step, first))) / len(first)
    print(f"trained    {1000 * training:.1f} ms a step of hidden size {arguments.hidden}")
    print(f"ratio      making a batch takes {loading / training:.1%} of the step that uses it")


if __name__ == "__main__":
    main()
