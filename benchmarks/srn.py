"""SRN and the partition filter against their equations in a loop, and ``nn.LSTM``: ``python benchmarks/srn.py``.

Forward and backward over a batch of 32 sentences of 40 tokens, all three taken in turn. The loop is what the equations
say, its gates of one kind in one product at each step, and leaves the gradient to autograd. ``nn.LSTM`` of the same
sizes tells at which rate this machine computes a recurrence: the distance is the encoder's time over what its own
floating-point operations would take at that rate. Kept is what the forward pass
leaves in memory, its result with it.
"""

import argparse
from collections.abc import Callable

import torch
from synthetic import medians
from torch import Tensor, nn

from relx.encoders.seq2seq.memory_encoder import MemoryEncoder, MemoryReader
from relx.encoders.seq2seq.partition_filter import PartitionFilterEncoder
from relx.encoders.seq2seq.srn import SRNEncoder
from relx.utils.runtime import keep_freed_memory

BATCH, LENGTH = 32, 40
Loop = Callable[[Tensor, MemoryReader], Tensor]


def srn_loop(inputs: Tensor, reader: MemoryReader) -> Tensor:
    """Wang et al. (2022), Eq. 1-10, of three tasks."""
    weights = torch.cat((reader.from_input.weight, reader.from_state.weight), dim=1)
    sizes = [blocks * reader.to_cell.out_features for blocks in (2, 3, 3, 1)]
    products = list(zip(weights.split(sizes), reader.from_input.bias.split(sizes), strict=True))
    state = cell = inputs.new_zeros(len(inputs), reader.to_cell.out_features)
    outputs = []
    for token in inputs.unbind(dim=1):
        both = torch.cat((token, state), dim=-1)
        first, new, old, candidate = (nn.functional.linear(both, weight, bias) for weight, bias in products)
        forget, output = torch.sigmoid(first).chunk(2, dim=-1)
        candidate, history = torch.tanh(candidate), forget * cell
        pairs = zip(_srn_gates(new), _srn_gates(old), strict=True)
        memories = torch.cat([gate * candidate + of_history * history for gate, of_history in pairs], dim=-1)
        cell = reader.to_cell(memories)
        state = output * torch.tanh(cell)
        outputs.append(torch.tanh(memories))
    return torch.stack(outputs, dim=1)


def _srn_gates(sums: Tensor) -> list[Tensor]:
    e, s, o = torch.sigmoid(sums).chunk(3, dim=-1)
    es, eo, so, eso = e * s, e * o, s * o, e * s * o
    return [e - es - eo + eso, s - es - so + eso, es, o - eo - so + eso, eo, so, eso]


def partition_filter_loop(inputs: Tensor, reader: MemoryReader) -> Tensor:
    """Yan et al. (2021), section 3.2."""
    state = cell = inputs.new_zeros(len(inputs), reader.to_cell.out_features)
    outputs = []
    for token in inputs.unbind(dim=1):
        *gates, candidate = (reader.from_input(token) + reader.from_state(state)).chunk(5, dim=-1)
        rising = [torch.cumsum(torch.softmax(gate, dim=-1), dim=-1) for gate in gates]
        candidate, (e_new, e_old), (r_new, r_old) = torch.tanh(candidate), rising[::2], [1 - r for r in rising[1::2]]
        both_new, both_old = e_new * r_new, e_old * r_old
        shared = both_new * candidate + both_old * cell
        of_entities = (e_new - both_new) * candidate + (e_old - both_old) * cell + shared
        of_relations = (r_new - both_new) * candidate + (r_old - both_old) * cell + shared
        memories = torch.cat((of_entities, of_relations, shared), dim=-1)
        cell = reader.to_cell(memories)
        state = torch.tanh(cell)
        outputs.append(torch.tanh(memories))
    return torch.stack(outputs, dim=1)


ENCODERS: dict[str, tuple[type[MemoryEncoder], Loop]] = {
    "srn": (SRNEncoder, srn_loop),
    "partition_filter": (PartitionFilterEncoder, partition_filter_loop),
}


def report(name: str, size: int, repeat: int) -> None:
    """Print one encoder's figures."""
    torch.manual_seed(1)
    kind, loop = ENCODERS[name]
    encoder, lstm = kind(size, size), nn.LSTM(size, size, batch_first=True)
    inputs = torch.randn(BATCH, LENGTH, size, requires_grad=True)
    mask = torch.ones(BATCH, LENGTH, dtype=torch.bool)
    ways: dict[str, Callable[[], Tensor]] = {
        "loop": lambda: loop(inputs, encoder.forwards),
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
