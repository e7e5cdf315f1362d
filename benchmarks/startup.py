"""How long the command line takes to answer, also as a multiple of a bare interpreter."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 15
SMALL = {
    "dataset_reader": {"type": "hrl"},
    "train_data_path": "train.json",
    "model": {"embedder": {"type": "words", "dim": 8}, "head": {"type": "hmt", "hidden_size": 8}},
    "trainer": {"optimizer": {"type": "adam"}},
}


def main() -> None:
    """Print the median of several runs of each command, taken in turn."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.jsonnet")
        small.write_text(json.dumps(SMALL))
        published = Path(__file__).parent.parent / "experiments" / "hmt_nyt10.jsonnet"
        relx = [sys.executable, "-m", "relx"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "relx --help": [*relx, "--help"],
            "relx check small.jsonnet": [*relx, "check", str(small)],
            "relx check hmt_nyt10.jsonnet": [*relx, "check", str(published)],
            "relx components": [*relx, "components"],
        }
        rounds = [{name: seconds(command) for name, command in commands.items()} for _ in range(REPEATS)]
    medians = {name: statistics.median(times[name] for times in rounds) for name in commands}
    for name, median in medians.items():
        print(f"{name:30} {1000 * median:6.0f} ms {median / medians['python -c pass']:6.1f} x")


def seconds(command: list[str]) -> float:
    """The wall time of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
