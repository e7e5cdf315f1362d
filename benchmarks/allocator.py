"""What keeping freed memory is worth: ``python benchmarks/allocator.py [--hidden 100] [--words 20000]`` (Linux, glibc).

Trains HMT on batches of changing length in a fresh process for each setting of the allocator, in turn:
the milliseconds of a step, those of them in the kernel, its page faults (pages that the kernel had to clear anew), and
the largest memory.
"""

import argparse
import ctypes
import json
import resource
import statistics
import sys
from pathlib import Path

from processes import output_of
from synthetic import hmt, seconds, sentences, training_step

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.loader import DataLoader, load
from relx.data.vocabulary import Vocabulary
from relx.utils.runtime import M_MMAP_MAX, M_TRIM_THRESHOLD, keep_freed_memory

MEBIBYTE = 1024 * 1024
M_TOP_PAD, M_MMAP_THRESHOLD = -2, -3
NEVER_MMAP, TRIM, PAD = (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 1024 * MEBIBYTE), (M_TOP_PAD, 64 * MEBIBYTE)
# glibc refuses a larger threshold; tensors beyond it are still mapped one by one.
SELDOM_MMAP = (M_MMAP_THRESHOLD, 32 * MEBIBYTE)
SETTINGS: dict[str, list[tuple[int, int]]] = {
    "glibc's own": [],
    "trim threshold": [TRIM],
    "mmap threshold": [SELDOM_MMAP],
    "mmap and trim thresholds": [SELDOM_MMAP, TRIM],
    "both thresholds and top pad": [SELDOM_MMAP, TRIM, PAD],
    "no mmap": [NEVER_MMAP],
    "no mmap and trim threshold": [NEVER_MMAP, TRIM],
    "relx.utils.runtime": [],
}


def child(name: str, hidden: int, words: int, steps: int) -> None:
    """Train under one setting and print what it took."""
    if name == "relx.utils.runtime":
        keep_freed_memory()
    mallopt = ctypes.CDLL(None).mallopt
    assert all(mallopt(parameter, value) == 1 for parameter, value in SETTINGS[name])
    examples = sentences(32 * steps, words=words)
    lexicon = Example([f"word{number}" for number in range(words)])
    model = hmt(Vocabulary([*examples, lexicon]), hidden).train()
    corpus, step = TensorDataset(examples, model.index_labeled), training_step(model)
    loader = DataLoader(32)
    # The longest sentences first, so that the memory has its full size before anything is counted.
    for batch in load(corpus, loader.in_order(corpus.lengths)[:5]):
        step(batch)
    before = resource.getrusage(resource.RUSAGE_SELF)
    took = seconds(lambda: list(map(step, load(corpus, loader.plan(corpus.lengths, seed=1, epoch=0)))))
    after = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "ms": 1000 * took / steps,
        "kernel ms": 1000 * (after.ru_stime - before.ru_stime) / steps,
        "faults": (after.ru_minflt - before.ru_minflt) / steps,
        "MiB": after.ru_maxrss / 1024,
    }
    print(json.dumps(found))


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """What a process of its own says."""
    sizes = [f"--{size}={getattr(arguments, size)}" for size in ("hidden", "words", "steps")]
    command = [sys.executable, str(Path(__file__)), *sizes, "--child", name]
    return json.loads(output_of(command))


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=SETTINGS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.hidden, arguments.words, arguments.steps)
        return
    rounds = [{name: measure(name, arguments) for name in SETTINGS} for _ in range(arguments.rounds)]
    medians = {
        name: {unit: statistics.median(found[name][unit] for found in rounds) for unit in rounds[0][name]}
        for name in SETTINGS
    }
    for name, found in medians.items():
        gain = medians["glibc's own"]["ms"] / found["ms"]
        numbers = " ".join(f"{value:8.1f} {unit}" for unit, value in found.items())
        print(f"{name:28} {gain:5.2f} x {numbers}")


if __name__ == "__main__":
    main()
