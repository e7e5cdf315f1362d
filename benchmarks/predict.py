"""Prediction in batches against one by one: ``python benchmarks/predict.py ARCHIVE CORPUS [--lines 10000 100000]``.

The sentences of a corpus file of any form, repeated as often as it takes, go through the path of ``relx predict``, in a
fresh process for each number of lines: sentences per second and the largest memory of the process. One by one, each
sentence is a call of its own.
"""

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from processes import output_of
from synthetic import seconds

from relx.predictors.lines import LinePredictor
from relx.predictors.predictor import Predictor
from relx.readers import read


def corpus_lines(path: str, count: int) -> Iterator[bytes]:
    """So many unlabeled lines."""
    known = [json.dumps({"tokens": example.tokens}).encode() for example in read(path)]
    return islice(cycle(known), count)


def predict(predictor: Predictor, lines: Iterator[bytes]) -> int:
    """The number of triples found in all lines, answered as a command answers them."""
    answers = LinePredictor(predictor)
    found = answers.respond(answers.inputs("lines", lines))
    return sum(len(json.dumps(answer)) > 0 and len(answer["relations"]) for answer in found)


def child(archive: str, corpus: str, count: int, singly: bool) -> None:
    """Predict so many lines and print what it took."""
    predictor = Predictor.load(archive)
    lines = corpus_lines(corpus, count)
    predict(predictor, corpus_lines(corpus, 64))
    parts = [iter([line]) for line in lines] if singly else [lines]
    took = seconds(lambda: [predict(predictor, part) for part in parts])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": count / took, "MiB": memory}))


def measure(arguments: argparse.Namespace, count: int, how: str) -> dict[str, float]:
    """What a process of its own says."""
    command = [sys.executable, str(Path(__file__)), arguments.archive, arguments.corpus]
    command += ["--lines", str(count), "--child", how]
    found = json.loads(output_of(command))
    print(f"{how:10} {count:8} lines {found['rate']:8.0f} sentences/s {found['MiB']:8.0f} MiB at most", flush=True)
    return found


def main() -> None:
    """Print a line for each process, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("corpus")
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--single", type=int, default=1000, help="how many lines to predict one by one")
    parser.add_argument("--child", choices=["batched", "one by one"])
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.archive, arguments.corpus, arguments.lines[0], arguments.child == "one by one")
        return
    alone = measure(arguments, arguments.single, "one by one")
    batched = [measure(arguments, count, "batched") for count in arguments.lines]
    print(f"batched is {batched[0]['rate'] / alone['rate']:.1f} times as fast as one by one")
    print(f"memory grows by {batched[-1]['MiB'] / batched[0]['MiB'] - 1:.1%} from the fewest lines to the most")


if __name__ == "__main__":
    main()
