"""CPU seconds and peak memory of predicting one document of 10 KB, 100 KB and 1 MB.

    python benchmarks/documents.py model.tar.gz fixtures/demo.txt [--window 3]

The document repeats the sentences of a text. Each size runs in a process of its own. The first is one sentence, which
shows what loading takes.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import relx


def measure(archive: str, text: str, window: int) -> None:
    """Print the sentences, CPU seconds and MiB of one prediction."""
    model = relx.load(archive, device="cpu")
    begin = time.process_time()
    document = model.predict_document(text, window=window)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sentences, relations = len(document.sentences), sum(1 for _ in document.relations())
    each = 1000 * seconds / sentences
    print(f"{len(text):>10,} {sentences:>10,} {relations:>10,} {seconds:>12.2f} {each:>15.2f} {peak:>9,.0f}")


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("text", type=Path)
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--size", type=int)
    arguments = parser.parse_args()
    lines = arguments.text.read_text(encoding="utf-8").split("\n")
    if arguments.size is not None:
        one = " ".join(lines) + "\n"
        text = (one * (arguments.size // len(one) + 1))[: arguments.size] if arguments.size else lines[0]
        measure(arguments.archive, text, arguments.window)
        return
    print("characters  sentences  relations  CPU seconds  ms per sentence  peak MiB")
    for size in (0, 10_000, 100_000, 1_000_000):
        subprocess.run([sys.executable, *sys.argv, "--size", str(size)], check=True)


if __name__ == "__main__":
    main()
