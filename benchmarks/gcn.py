"""What the graph convolution adds to a BiLSTM encoder: ``python benchmarks/gcn.py [--input 100] [--repeat 15]``.

A step is forward and backward through the encoder alone, on random trees. The share is the time of an averaged BiLSTM
with the layer after it, over that of the BiLSTM; it should stay below 1.15.
"""

import argparse
import random
from collections.abc import Callable

import torch
from synthetic import medians
from torch import Tensor

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.encoders.seq2seq.compose import ComposeEncoder
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.gcn import RELATIONS, GCNEncoder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.registry import Lazy
from relx.utils.runtime import keep_freed_memory

SHAPES = ((50, 25, 300), (32, 40, 300), (50, 40, 100), (8, 200, 300), (32, 40, 1000))
LAYERS: dict[str, dict[str, object]] = {
    "sum": {},
    "two layers": {"layers": 2},
    "directed": {"directed": True},
    "labels": {"labels": True},
}


def parsed(count: int, length: int) -> list[Example]:
    """Sentences with random trees."""
    draw = random.Random(1)
    heads = [[draw.randrange(1, place + 1) if place else 0 for place in range(length)] for _ in range(count)]
    deprels = draw.choices(RELATIONS, k=length)
    return [Example(["w"] * length, dependency_heads=tree, deprels=deprels) for tree in heads]


def step(encoder: Seq2SeqEncoder, inputs: Tensor, batch: Batch) -> Callable[[], None]:
    """Forward and backward."""

    def run() -> None:
        encoder.zero_grad()
        encoder.encode(inputs, batch).sum().backward()

    return run


def report(shape: tuple[int, int, int], input_dim: int, repeat: int) -> None:
    """Print the times of one shape."""
    count, length, hidden = shape
    lstm: Lazy[Seq2SeqEncoder] = Lazy(LSTMEncoder, hidden_size=hidden, directions="averaged")
    encoders = {"BiLSTM": lstm.build(input_dim=input_dim)}
    for name, options in LAYERS.items():
        encoders[name] = ComposeEncoder(input_dim, [lstm, Lazy(GCNEncoder, **options)])
    inputs = torch.randn(count, length, input_dim, requires_grad=True)
    batches = {n: TensorDataset(parsed(count, length), e.index).batch(range(count)) for n, e in encoders.items()}
    times = medians({name: step(encoder, inputs, batches[name]) for name, encoder in encoders.items()}, repeat)
    print(f"batch {count} x {length}, hidden {hidden}: BiLSTM {1000 * times['BiLSTM']:.1f} ms")
    for name in LAYERS:
        print(f"    with GCN, {name:11} {1000 * times[name]:8.1f} ms {times[name] / times['BiLSTM']:6.2f} x")


def main() -> None:
    """Print every shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=15)
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(1)
    print(f"{torch.get_num_threads()} threads")
    for shape in SHAPES:
        report(shape, arguments.input, arguments.repeat)


if __name__ == "__main__":
    main()
