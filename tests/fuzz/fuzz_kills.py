"""Kills a short run at random moments and resumes it: ``python tests/fuzz/fuzz_kills.py --kills 100``.

A run is killed with SIGKILL, resumed with ``--recover`` and compared, bit by bit, with the same run left in peace:
weights, every score, every line of ``epochs.jsonl`` and everything in the last checkpoint, but for the seconds. That is
done in one process and in two; of two, both are killed or one of them. The run has everything that a checkpoint holds:
averaged weights, groups of weights, accumulated batches, a schedule with a state, dropout. Checkpoints are written
every second step, so that many of the kills fall into a write.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import relx.training.run  # noqa: F401  (once, and not by each forked process)
from relx import archive, commands
from relx.training.checkpointing.checkpoints import Checkpoints

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = """
local experiment = import '%s';
experiment(data='%s', hidden=8, epochs=%d) + {
  data_loader: { batch_size: 8 },
  trainer+: {
    patience: null,
    validate_every: '2 steps',
    precision: 'fp32',
    gradient_accumulation_steps: 2,
    ema: { decay: 0.5 },
    schedule: { type: 'reduce_on_plateau', patience: 2, warmup: 0.1 },
    parameter_groups: { embedder: { lr: 0.003 }, tag: { weight_decay: 0.01 } },
    optimizer: { type: 'adamw', lr: 0.01, decay_biases: false },
  },
}
"""
TIMED = ("seconds", "sentences_per_second")
TAIL = 60  # lines of each corpus file


def write_experiment(folder: Path, epochs: int) -> Path:
    """A run of seconds: HMT on a few sentences of the sample corpus."""
    for split in ("train", "dev", "test"):
        lines = (ROOT / "fixtures" / "nyt10" / f"{split}.json").read_text().splitlines(keepends=True)
        (folder / f"{split}.json").write_text("".join(lines[:TAIL]))
    file = folder / "short.jsonnet"
    file.write_text(EXPERIMENT % (ROOT / "experiments" / "hmt_nyt10.jsonnet", folder, epochs))
    return file


def start(arguments: list[str], processes: int) -> list[int]:
    """``relx`` as so many forked processes of one run, as ``torchrun`` would start them; their ids."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ids = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            _become_relx(arguments, rank, processes, port)
        ids.append(child)
    return ids


def _become_relx(arguments: list[str], rank: int, processes: int, port: int) -> None:
    if processes > 1:
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        os.environ.update({name: str(value) for name, value in place.items()})
        os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)})
    quiet = os.open(os.environ.get("RELIABILITY_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 1
    try:
        code = commands.main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def wait(ids: list[int]) -> list[int]:
    """The exit codes; a process that a signal ended has its negative number."""
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in ids]


def kill_at_random(arguments: list[str], run: Path, processes: int, seconds: float, draw: random.Random) -> int:
    """Start a run and kill it at a moment of its usual time; how many processes were killed, 0 if the run had ended.

    A third of the moments lie anywhere, a third after the first checkpoint, and a third in the write of one.
    """
    ids = start(arguments, processes)
    kind = draw.choice(("anywhere", "training", "write"))
    if kind != "anywhere":
        _wait_for(run / "checkpoints", "step_*", seconds)
    time.sleep(draw.uniform(0, seconds if kind == "anywhere" else seconds / 2))
    if kind == "write":
        _wait_for(run / "checkpoints", ".step_*", seconds / 4)
    victims = ids if draw.random() < 0.5 else [draw.choice(ids)]
    for process in victims:
        os.kill(process, signal.SIGKILL)  # a process that has ended stays there until it is waited for
    if len(victims) < len(ids):  # the other one waits for it, or meets a broken connection
        time.sleep(0.2)
        for process in ids:
            os.kill(process, signal.SIGKILL)
    return len(victims) if any(code == -signal.SIGKILL for code in wait(ids)) else 0


def _wait_for(folder: Path, pattern: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and next(folder.glob(pattern), None) is None:
        time.sleep(1e-4)


def outcome(folder: Path) -> dict[str, Any]:
    """Everything that a run leaves, without times."""
    weights = archive.load(folder / "model.tar.gz").model.state_dict()
    last = Checkpoints(folder / "checkpoints", keep=1).newest()
    return {
        "weights": {name: tensor.numpy().tobytes() for name, tensor in weights.items()},
        "metrics": _untimed(json.loads((folder / "metrics.json").read_text())),
        "epochs": [_untimed(json.loads(line)) for line in (folder / "epochs.jsonl").read_text().splitlines()],
        "samples": (folder / "samples.txt").read_text(),
        "checkpoint": repr(_plain(last)),
    }


def different(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is not as in the run left in peace."""
    return [name for name in expected if expected[name] != found[name]]


def _untimed(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in TIMED}


def _plain(value: Any) -> Any:
    """With the bytes of tensors, and without times and sizes of files in which times stand."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in (*TIMED, "MetricsFile")}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.numpy().tobytes() if hasattr(value, "numpy") else value


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the runs."""
    folder = Path(tempfile.mkdtemp(prefix="relx_kills_"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def report(folder: Path, processes: int, kills: int, epochs: int, draw: random.Random) -> bool:
    """Print how many runs came out the same; whether all did."""
    file = write_experiment(folder, epochs)
    command = ["train", str(file), "--device", "cpu", "-s"]
    peace, run = folder / f"peace_{processes}", folder / f"run_{processes}"
    started = time.perf_counter()
    assert wait(start([*command, str(peace)], processes)) == [0] * processes
    seconds = time.perf_counter() - started
    expected = outcome(peace)
    found: Counter[str] = Counter()
    for kill in range(kills):
        shutil.rmtree(run, ignore_errors=True)
        while not (killed := kill_at_random([*command, str(run), "--recover"], run, processes, seconds, draw)):
            shutil.rmtree(run, ignore_errors=True)
        found["of one process"] += killed < processes
        found["after a checkpoint"] += any((run / "checkpoints").glob("step_*"))
        found["in a write"] += any(run.glob("**/.*.*"))
        codes = wait(start([*command, str(run), "--recover"], processes))
        wrong = different(expected, outcome(run)) if codes == [0] * processes else [f"exit codes {codes}"]
        found["exact"] += not wrong
        if wrong:
            print(f"kill {kill} of {processes}: {', '.join(wrong)}", file=sys.stderr)
    print(
        f"{processes} process{'es' * (processes > 1)}, a run of {seconds:.1f} s: {kills} kills, "
        f"{found['of one process']} of one process alone, {found['after a checkpoint']} after the first checkpoint, "
        f"{found['in a write']} in the middle of a write; "
        f"{found['exact']} exact resumes"
    )
    return found["exact"] == kills


def main() -> int:
    """Print the result for one process and for two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    draw = random.Random(arguments.seed)
    with scratch() as folder:
        settings = (arguments.kills, arguments.epochs, draw)
        exact = [report(folder, processes, *settings) for processes in arguments.processes]
    return 0 if all(exact) else 1


if __name__ == "__main__":
    sys.exit(main())
