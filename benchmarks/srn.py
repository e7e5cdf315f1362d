"""SRN and the partition filter against their equations in a loop, and ``nn.LSTM``: ``python benchmarks/srn.py``.

Forward and backward over a batch of 32 sentences of 40 tokens, all three taken in turn. The loop is the encoder's own
``reference``: its equations token after token, with autograd's gradient. ``nn.LSTM`` of the same
sizes tells at which rate this machine computes a recurrence: the distance is the encoder's time over what its own
floating-point operations would take at that rate. Kept is what the forward pass
leaves in memory, its result with it.
"""

import argparse
from collections.abc import Callable

import torch
from synthetic import medians
from torch import Tensor, nn

from relx.encoders.seq2seq.partition_filter import PartitionFilterEncoder
from relx.encoders.seq2seq.partitioned import PartitionedEncoder
from relx.encoders.seq2seq.srn import SRNEncoder
from relx.utils.runtime import keep_freed_memory

BATCH, LENGTH = 32, 40
ENCODERS: dict[str, type[PartitionedEncoder]] = {"srn": SRNEncoder, "partition_filter": PartitionFilterEncoder}


def report(name: str, size: int, repeat: int) -> None:
    """Print one encoder's figures."""
    torch.manual_seed(1)
    encoder, lstm = ENCODERS[name](size, size), nn.LSTM(size, size, batch_first=True)
    inputs = torch.randn(BATCH, LENGTH, size, requires_grad=True)
    mask = torch.ones(BATCH, LENGTH, dtype=torch.bool)
    ways: dict[str, Callable[[], Tensor]] = {
        "loop": lambda: encoder.reference(inputs, mask),
        "relx": lambda: encoder(inputs, mask),
        "lstm": lambda: lstm(inputs)[0],
    }
    assert torch.allclose(ways["loop"](), ways["relx"](), atol=1e-5)
    kept = {way: kept_bytes(ways[way], [*encoder.parameters()]) / 2**20 for way in ("loop", "relx")}
    gradient = {way: torch.randn_like(run()) for way, run in ways.items()}
    times = medians({way: lambda way=way: ways[way]().backward(gradient[way]) for way in ways}, repeat)
    rate = products(lstm) / times["lstm"]
    distance = times["relx"] * rate / products(encoder)
    print(f"{name:16} {size:5} {1000 * times['loop']:9.1f} {1000 * times['relx']:9.1f} {1000 * times['lstm']:9.1f}"
          f" {times['loop'] / times['relx']:8.2f} x {distance:9.2f} {kept['loop']:8.0f} {kept['relx']:8.0f}"
          f" {kept['relx'] / kept['loop']:7.0%}")  # fmt: skip


def products(module: nn.Module) -> int:
    """How many numbers a token is multiplied with: the size of all matrices."""
    return sum(weight.numel() for weight in module.parameters() if weight.dim() == 2)


def kept_bytes(run: Callable[[], Tensor], parameters: list[nn.Parameter]) -> int:
    """The memory of the result of a run and of all tensors that its graph keeps, parameters apart."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()
    own = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    keep(result)
    return sum(size for place, size in storages.items() if place not in own)


def main() -> None:
    """A line for each encoder and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--repeat", type=int, default=15)
    arguments = parser.parse_args()
    keep_freed_memory()
    print(f"forward and backward, batch {BATCH} x {LENGTH}, {torch.get_num_threads()} threads")
    print(f"{'':16} {'size':>5} {'loop ms':>9} {'relx ms':>9} {'lstm ms':>9} {'faster':>10} {'distance':>9}"
          f" {'loop MiB':>8} {'relx MiB':>8} {'kept':>7}")  # fmt: skip
    for name in ENCODERS:
        for size in arguments.sizes:
            report(name, size, arguments.repeat)


if __name__ == "__main__":
    main()
