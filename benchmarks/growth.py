"""How the cost of each head grows: ``python benchmarks/growth.py [HEAD ...] [--small] [--picture FILE]``.

Measures a training step (forward, backward, optimizer) and the prediction of a batch, for sentence length, number of
relation types, entities of a sentence and sentences of a batch, each varied alone. Every point is measured in a process
of its own: processor time, best of some runs, and the growth of the memory's peak (Linux). An exponent is the slope of
the last two points on doubly logarithmic axes. ``HEADS`` has what the algorithms must cost. The weights are not
trained, so a prediction may find more or fewer entities than the sentences have.
"""

import argparse
import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from synthetic import memory, training_step

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.head import Head
from relx.model import JointExtractor
from relx.registry import Lazy, lookup
from relx.utils.figures import save
from relx.utils.text import aligned

AXES = {"length": "n", "relations": "r", "entities": "k", "batch": "b"}
BASE = {"length": 40, "relations": 20, "entities": 4, "batch": 4}
POINTS = {
    "length": (10, 25, 50, 100, 200, 400),
    "relations": (10, 30, 100, 300, 1000),
    "entities": (2, 5, 10, 20, 40, 60),
    "batch": (1, 4, 16, 64),
}
SMALL = {"length": (25, 100, 200, 400), "relations": (10, 100, 400, 1000), "entities": (2, 10, 30), "batch": (1, 4, 16)}
SIZE = 48
TYPES = ("PER", "LOC", "ORG")
# Each head with its settings, and the largest exponents that its algorithm has for n, r, k and b: those of its
# asymptotically largest part, which small sizes do not reach.
HEADS: dict[str, tuple[dict[str, Any], str]] = {
    "hmt": ({"hidden_size": SIZE, "tag_dim": SIZE}, "1 1 0 1"),
    "novel_tagging": ({"hidden_size": SIZE, "decoder_size": SIZE, "tag_dim": SIZE}, "1 1 0 1"),
    "casrel": ({}, "1 1 1 1"),
    "cascade": ({"fusion": "late", "task_context": "none"}, "2 1 1 1"),
    "interactive": ({"decoders": 5, "tagger": True}, "1 1 0 1"),
    "rin": ({"rounds": 2}, "1 1 0 1"),
    "rin_v2": ({"rounds": 2}, "2 1 0 1"),
    "table": ({}, "2 1 2 1"),
    "graphrel": ({}, "2 1 0 1"),
    "table_sequence": ({"hidden_size": SIZE, "layers": 2, "attention_heads": 2}, "2 1 2 1"),
    "spert": ({"max_width": 6}, "1 1 2 1"),
    "spe": ({"filters": 16, "hidden_size": SIZE, "attention_size": 16, "pair_size": SIZE}, "1 1 2 1"),
    "pure": ({"max_width": 6, "hidden_size": SIZE}, "1 1 2 1"),
}


class Cost(NamedTuple):
    """Milliseconds of processor time and MiB of memory, of a training step and of a prediction."""

    training: float
    training_memory: float
    prediction: float
    prediction_memory: float


def sentences(length: int, relations: int, entities: int, batch: int) -> list[Example]:
    """Sentences with entities of one token, each related to the next one; all types occur in the first sentences."""
    draw = random.Random(1)
    made = []
    for number in range(batch):
        places = sorted(draw.sample(range(length), min(entities, length)))
        mentions = [Entity(place, place + 1, TYPES[place % 3]) for place in places]
        triples = [
            Relation(head, f"r{(number * entities + i) % relations}", tail)
            for i, (head, tail) in enumerate(zip(mentions, mentions[1:], strict=False))
        ]
        made.append(Example([f"w{draw.randrange(500)}" for _ in range(length)], mentions, triples))
    return made


def model_of(head: str, examples: list[Example], relations: int) -> JointExtractor:
    """A model over a small LSTM whose vocabulary knows all relation types."""
    torch.manual_seed(1)
    first, second = Entity(0, 1, "PER"), Entity(1, 2, "LOC")
    known = [Example(["a", "b"], [first, second], [Relation(first, f"r{i}", second)]) for i in range(relations)]
    component = lookup(Head.__kind__, head)
    assert component is not None
    return JointExtractor(
        Vocabulary([*examples, *known]),
        Lazy(WordEmbedder, dim=SIZE),
        Lazy(component.load(), **HEADS[head][0]),
        Lazy(LSTMEncoder, hidden_size=SIZE // 2),
    )


def measured(head: str, sizes: Mapping[str, int], training: bool, repeat: int) -> tuple[float, float]:
    """Measure one point in this process: ms and MiB of a training step, or of a prediction."""
    work_of(head, {**BASE, "length": 10, "batch": 1}, training)()  # what torch makes once is no part of the memory
    return best(work_of(head, sizes, training), repeat)


def work_of(head: str, sizes: Mapping[str, int], training: bool) -> Callable[[], object]:
    """Return a training step, or the prediction, of one batch."""
    examples = sentences(**sizes)
    model = model_of(head, examples, sizes["relations"])
    if not training:
        return lambda: model.extract(examples, DataLoader(len(examples)))
    step = training_step(model.train())
    batch = TensorDataset(examples, model.index_labeled).batch(range(len(examples)))
    return lambda: step(batch)


def best(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """The least processor time in ms, and by how much the peak of the memory grew in MiB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, times = memory(), []
    for _ in range(repeat):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1000 * min(times), max(0.0, peak() - before)


def peak() -> float:
    """The largest memory that the process held, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def apart(head: str, sizes: Mapping[str, int], training: bool, repeat: int) -> tuple[float, float] | None:
    """Measure one point in a forked process; None where it fails, for example for want of memory."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(measured(head, sizes, training, repeat)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        content = file.read()
    os.waitpid(child, 0)
    return tuple(json.loads(content)) if content else None


def points(head: str, small: bool, repeat: int) -> Iterator[tuple[str, int, Cost]]:
    """Yield the axis, the size and the cost of each point."""
    for axis, sizes in (SMALL if small else POINTS).items():
        for size in sizes:
            training, prediction = (apart(head, {**BASE, axis: size}, which, repeat) for which in (True, False))
            if training is not None and prediction is not None:
                cost = Cost(*training, *prediction)
                print(head, axis, size, *(f"{value:.1f}" for value in cost), file=sys.stderr, flush=True)
                yield axis, size, cost


def exponent(sizes: list[int], values: list[float], least: float) -> float | None:
    """The slope between the last two points on doubly logarithmic axes; None for values below ``least``."""
    if len(sizes) < 2 or min(values[-2:]) < least:
        return None
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def table(found: Mapping[str, list[tuple[str, int, Cost]]]) -> list[str]:
    """The exponents of time and memory beside the expected ones."""
    rows = [["head", *(f"{name} {what}" for what in AXES.values() for name in ("expected", "time", "memory"))]]
    for head, costs in found.items():
        row = [head]
        for axis, expected in zip(AXES, HEADS[head][1].split(), strict=True):
            here = [(size, cost) for name, size, cost in costs if name == axis]
            sizes = [size for size, _ in here]
            row.append(expected)
            for indices, least in (((0, 2), 1.0), ((1, 3), 4.0)):
                slopes = [exponent(sizes, [cost[index] for _, cost in here], least) for index in indices]
                row.append(" / ".join("-" if slope is None else f"{slope:.1f}" for slope in slopes))
        rows.append(row)
    return aligned(rows)


def draw(found: Mapping[str, list[tuple[str, int, Cost]]], path: Path) -> None:
    """One picture: the time of a training step and of a prediction over each axis."""
    figure = Figure(figsize=(13, 6), layout="constrained")
    panels = figure.subplots(2, len(AXES), sharey="row", sharex="col")
    for column, axis in enumerate(AXES):
        for row, (index, name) in enumerate(((0, "training step"), (2, "prediction"))):
            panel = panels[row][column]
            for number, (head, costs) in enumerate(found.items()):
                here = [(size, cost[index]) for at, size, cost in costs if at == axis]
                style = ("-", "--", ":")[number // 5]
                panel.plot(*zip(*here, strict=True), style, marker=".", color=f"C{number % 5}", label=head, linewidth=1)
            panel.set(xscale="log", yscale="log")
            panel.minorticks_off()
            sizes = sorted({size for costs in found.values() for at, size, _ in costs if at == axis})
            panel.set_xticks(sizes, sizes)
            panel.grid(alpha=0.25)
            panel.set(xlabel=axis if row else "", ylabel="" if column else f"{name}, ms")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    save(figure, path)


def main() -> None:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", nargs="*", metavar="HEAD", help=f"of {', '.join(HEADS)} (default: all)")
    parser.add_argument("--small", action="store_true", help="fewer points")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--picture", type=Path, help="draw the times here: .svg, .png, .pdf")
    arguments = parser.parse_args()
    if unknown := set(arguments.heads) - set(HEADS):
        parser.error(f"no head {', '.join(sorted(unknown))}; the heads are {', '.join(HEADS)}")
    heads = arguments.heads or list(HEADS)
    found = {head: list(points(head, arguments.small, arguments.repeat)) for head in heads}
    print("exponents of a training step / a prediction")
    print("\n".join(table(found)))
    if arguments.picture:
        draw(found, arguments.picture)


if __name__ == "__main__":
    main()
