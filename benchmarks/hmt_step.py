"""HMT's decoder and training step against what they could be: ``python benchmarks/hmt_step.py [--hidden 300]``.

The decoder, run as one fused LSTM, is compared with the equations run token by token (Eq. 2-4, forward and backward).
The whole training step is compared with its floor: the floating-point operations of the equations, three times the
forward ones, at the rate at which this machine multiplies matrices of that size.
"""

import argparse
from collections.abc import Callable

import torch
from synthetic import hmt, medians, sentences, training_step
from torch import Tensor, nn

from relx.data.batch import TensorDataset
from relx.data.vocabulary import Vocabulary
from relx.heads.hmt import TagDecoder
from relx.utils.runtime import keep_freed_memory

BATCH, LENGTH = 32, 40


def backward(function: Callable[[Tensor], Tensor], encoded: Tensor, module: nn.Module) -> None:
    """Forward and backward."""
    module.zero_grad()
    function(encoded).sum().backward()


def decoder_report(hidden: int, repeat: int) -> None:
    """Print the decoder's times and their ratio."""
    decoder = TagDecoder(2 * hidden, hidden, hidden, tags=117)
    encoded = torch.randn(BATCH, LENGTH, 2 * hidden, requires_grad=True)
    assert torch.allclose(decoder(encoded), decoder.reference(encoded), atol=1e-4)
    times = medians(
        {
            "fused": lambda: backward(decoder, encoded, decoder),
            "literal loop": lambda: backward(decoder.reference, encoded, decoder),
        },
        repeat,
    )
    for name, time in times.items():
        print(f"decoder, {name:13} {1000 * time:8.1f} ms")
    print(f"decoder, ratio         {times['literal loop'] / times['fused']:8.2f} x")


def forward_flop(hidden: int, tags: int) -> int:
    """Of one token, with word vectors, states and tag vectors of size ``hidden``; multiplications and additions."""
    lower, upper = 2 * 4 * hidden * (hidden + hidden), 2 * 4 * hidden * (3 * hidden + hidden)
    decoder = 4 * hidden * (hidden + hidden) + hidden * (2 * hidden + hidden)
    return 2 * (lower + upper + 2 * decoder + tags * hidden)


def step_report(hidden: int, repeat: int) -> None:
    """Print the time of a training step, its floor, and their ratio."""
    examples = sentences(BATCH, LENGTH)
    vocabulary = Vocabulary(sentences(2000, LENGTH))
    model = hmt(vocabulary, hidden).train()
    step = training_step(model)
    batch = TensorDataset(examples, model.index_labeled).batch(list(range(BATCH)))
    rows, weights = torch.randn(BATCH * LENGTH, 3 * hidden), torch.randn(3 * hidden, 4 * hidden)
    times = medians({"step": lambda: step(batch), "product": lambda: torch.mm(rows, weights)}, repeat)
    rate = 2 * rows.shape[0] * weights.numel() / times["product"]
    tags = sum(weights.numel() for name, weights in model.named_parameters() if name.endswith("output.bias"))
    floor = 3 * forward_flop(hidden, tags) * BATCH * LENGTH / rate
    print(f"training step          {1000 * times['step']:8.1f} ms, {BATCH / times['step']:.0f} sentences/s")
    print(f"its floor              {1000 * floor:8.1f} ms, at {rate / 1e9:.0f} GFLOP/s")
    print(f"distance               {times['step'] / floor:8.2f} x")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=15)
    arguments = parser.parse_args()
    hidden, repeat = arguments.hidden, arguments.repeat
    keep_freed_memory()
    print(f"hidden {hidden}, batch {BATCH} x {LENGTH}, {torch.get_num_threads()} threads")
    decoder_report(hidden, repeat)
    step_report(hidden, repeat)


if __name__ == "__main__":
    main()
