"""What the trainer costs over a bare loop, and what a second process brings: ``python benchmarks/trainer.py``.

The bare loop is the least that trains the same model on the same batches: batch, loss, gradients, clipping, RMSprop.
The trainer adds accelerate, the finite loss, reports, callbacks, and the checkpoint at the end of the epoch. Both train
an epoch in turn, several times; medians are compared. Two processes of one thread each, started as ``torchrun`` does,
are compared with one process of two threads.
"""

import argparse
import logging
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from synthetic import hmt, medians, sentences, training_step

from relx.data.batch import TensorDataset
from relx.data.loader import DataLoader, load
from relx.data.vocabulary import Vocabulary
from relx.training.callbacks import Callback, Report
from relx.training.callbacks.default import callbacks_of
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.distributed import Distributed
from relx.training.trainer import Trainer
from relx.utils.runtime import prepare_process

BATCH, SEED = 32, 1


class Speeds(Callback):
    """Remembers how fast each epoch was."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_report(self, report: Report) -> None:
        """Note the speed."""
        self.found.append(report.sentences_per_second)


class Setting:
    """A model, its corpus, and both loops."""

    def __init__(self, hidden: int, batches: int) -> None:
        examples = sentences(BATCH * batches)
        self.model = hmt(Vocabulary(examples), hidden).train()
        self.corpus = TensorDataset(examples, self.model.index_labeled)
        self.loader = DataLoader(BATCH)

    def bare(self) -> None:
        """An epoch of the bare loop, with a new optimizer, as in the trainer: moments of zero are slow on a CPU."""
        step = training_step(self.model)
        for batch in load(self.corpus, self.loader.plan(self.corpus.lengths, SEED, 0)):
            step(batch)

    def trained(self, callbacks: list[Callback], checkpoints: Checkpoints | None, epochs: int = 1) -> None:
        """So many epochs of the trainer."""
        processes = Distributed("cpu")
        trainer = Trainer(epochs=epochs)
        trainer.fit(self.model, self.corpus, self.loader, SEED, None, callbacks, processes, checkpoints)


def overhead(hidden: int, batches: int, repeat: int) -> None:
    """Print the ratios."""
    setting = Setting(hidden, batches)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        callbacks = callbacks_of(Trainer(epochs=1), folder, "exact_span")
        times = medians(
            {
                "bare loop": setting.bare,
                "trainer": lambda: setting.trained(callbacks, None),
                "trainer, checkpoint": lambda: setting.trained(callbacks, Checkpoints(folder / "checkpoints", 2)),
            },
            repeat,
        )
    for loop, time in times.items():
        more = 100 * (time / times["bare loop"] - 1)
        print(f"{loop:20} {1000 * time / batches:8.2f} ms a step  {more:+6.1f} %")


def scaling(hidden: int, batches: int, repeat: int) -> None:
    """Print the speeds of one process of two threads and of two processes of one."""
    speeds = {
        processes: statistics.median(_speed(processes, threads, hidden, batches) for _ in range(repeat))
        for processes, threads in ((1, 2), (2, 1))
    }
    print(f"one process of two threads   {speeds[1]:8.0f} sentences/s")
    print(f"two processes of one thread  {speeds[2]:8.0f} sentences/s, {speeds[2] / speeds[1]:.2f} x")


def _speed(processes: int, threads: int, hidden: int, batches: int) -> float:
    """Sentences a second of several processes together, in the second of two epochs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, __file__, "--worker", "--hidden", str(hidden), "--batches", str(batches)]
    workers = []
    for rank in range(processes):
        own = {**place, "RANK": rank, "LOCAL_RANK": rank} if processes > 1 else {}
        own.update({"OMP_NUM_THREADS": threads, "TORCH_CPP_LOG_LEVEL": "ERROR"})
        environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
        workers.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    return float(workers[0].communicate()[0])


def worker(hidden: int, batches: int) -> None:
    """Train two epochs and print the speed of the second; one of several processes."""
    speeds = Speeds()
    Setting(hidden, batches).trained([speeds], None, epochs=2)
    print(speeds.found[-1])


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--batches", type=int, default=60, help="steps of an epoch")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    prepare_process()
    if arguments.worker:
        worker(arguments.hidden, arguments.batches)
        return
    print(f"hidden {arguments.hidden}, {arguments.batches} batches of {BATCH}, {torch.get_num_threads()} threads")
    overhead(arguments.hidden, arguments.batches, arguments.repeat)
    scaling(arguments.hidden, arguments.batches, min(3, arguments.repeat))


if __name__ == "__main__":
    main()
