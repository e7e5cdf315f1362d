"""How long an archive takes to open, and how much memory: ``python benchmarks/archive.py model.tar.gz``.

Prints CPU seconds (of the process and of the kernel for it), as a multiple of ``import torch`` too, and the largest
memory of the process, as a multiple of the weights. Each repetition is a process of its own.
"""

import argparse
import statistics
import sys

from processes import output_of

CODE = """
import resource, sys, time
def used(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
import torch; imported = time.process_time()
if sys.argv[2] == "transformer": from transformers import BertModel
before, started = used(), time.process_time()
import relx
weights = relx.load(sys.argv[1]).model.state_dict().values()
size = sum(tensor.nbytes for tensor in weights) / 2**20
print(imported, time.process_time() - started, used() - before, used(), size)
"""


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("--transformer", action="store_true", help="import transformers before the measurement")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    command = [sys.executable, "-c", CODE, given.archive, "transformer" if given.transformer else "none"]
    runs = [[*map(float, output_of(command).split())] for _ in range(given.repeats)]
    torch, seconds, grown, peak, size = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"import torch {torch:.2f} s, then import relx and open {seconds:.2f} s ({1 + seconds / torch:.2f} x torch)")
    print(f"weights {size:.0f} MiB, memory +{grown:.0f} MiB ({grown / size:.2f} x), at most {peak:.0f} MiB")


if __name__ == "__main__":
    main()
