"""What the table of word vectors costs in a step: ``python benchmarks/word_table.py [--words 46000] [--repeat 20]``.

Looks up 50 sentences of 24 words, whose frequencies follow Zipf's law, and carries out the gradient of the table, the
clipping and the optimizer, nothing else: milliseconds of a step for dense gradients with torch's plain optimizer, for
dense gradients with relx's (which takes torch's fused kernels on a CPU, where there are any), and for sparse gradients,
``sparse: true`` of the embedder.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import cycle

import torch
from synthetic import medians
from torch import Tensor, nn
from torch.nn import functional as F

from relx.training.optim.optimizers import Adam, RMSprop
from relx.training.optim.sparse_updates import clip_gradients
from relx.utils.runtime import prepare_process

SENTENCES, LENGTH = 50, 24
OPTIMIZERS = {"adam": (torch.optim.Adam, Adam()), "rmsprop": (torch.optim.RMSprop, RMSprop())}


def step(table: nn.Parameter, optimizer: torch.optim.Optimizer, rows: Iterator[Tensor], sparse: bool) -> None:
    """The share of the table in a training step."""
    looked_up = F.embedding(next(rows), table, padding_idx=0, sparse=sparse)
    looked_up.backward(torch.ones_like(looked_up))
    clip_gradients([table], 5.0)
    optimizer.step()
    optimizer.zero_grad()


def actions(name: str, words: int, dim: int, batches: list[Tensor]) -> dict[str, Callable[[], None]]:
    """A step of each kind, on tables of their own."""
    plain, ours = OPTIMIZERS[name]
    made = {}
    for kind, of in (("dense, torch's", plain), ("dense, relx's", ours.of), ("sparse, relx's", ours.of)):
        table = nn.Parameter(torch.randn(words, dim))
        made[kind] = step_of(table, of([table]), cycle(batches), kind.startswith("sparse"))
    return made


def step_of(table: nn.Parameter, optimizer: torch.optim.Optimizer, rows: Iterator[Tensor], sparse: bool):
    """``step`` with its arguments."""
    return lambda: step(table, optimizer, rows, sparse)


def main() -> None:
    """Print a line for each optimizer and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=46_000)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    prepare_process()
    frequencies = 1 / torch.arange(1, args.words + 1)
    batches = [torch.multinomial(frequencies, SENTENCES * LENGTH, replacement=True) for _ in range(20)]
    for dim in (50, 100, 300):
        for name in OPTIMIZERS:
            found = medians(actions(name, args.words, dim, batches), args.repeat)
            times = "  ".join(f"{kind} {1000 * seconds:6.1f} ms" for kind, seconds in found.items())
            print(f"{args.words} words of {dim}, {name:8} {times}", flush=True)


if __name__ == "__main__":
    main()
