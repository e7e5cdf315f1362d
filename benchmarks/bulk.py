"""Tables by one process, by two, and by two actors of Ray: ``python benchmarks/bulk.py ARCHIVE CORPUS [--rows 20000]``.

The sentences of a corpus file of any form, repeated as often as it takes, are a Parquet file; ``relx predict`` reads it
in a fresh process for each way. Shows rows a second of the whole command, rows a second of processor time (which
other work on the machine does not change much), and the largest memory of each process of more than 100 MiB.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet

from relx.data.example import text_and_offsets
from relx.readers import read

WAYS = {
    "one process": [],
    "2 workers": ["--workers", "2"],
    "Ray, 2 actors": ["--engine", "ray", "--workers", "2"],
}
SHOWN = 100


class Usage:
    """The processor time and the largest memory of a process and all its descendants, as last seen."""

    def __init__(self, number: int) -> None:
        self.root = psutil.Process(number)
        self.user: dict[int, float] = {}
        self.peak: dict[int, tuple[str, float]] = {}

    def look(self) -> None:
        """Note what the processes have used."""
        try:
            processes = [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                self.user[process.pid] = process.cpu_times().user
                memory = process.memory_info().rss / 2**20
                name = "command" if process == self.root else " ".join(process.cmdline())
                self.peak[process.pid] = name, max(memory, self.peak.get(process.pid, ("", 0.0))[1])
            except psutil.Error:
                continue

    def memory(self) -> str:
        """The processes with much memory."""
        kinds = {"forkserver": "worker", "MapWorker": "actor", "raylet": "raylet", "gcs": "gcs", "command": "command"}
        shown = [
            f"{next((kind for word, kind in kinds.items() if word in name), 'other')} {size:.0f}"
            for name, size in self.peak.values()
            if size > SHOWN
        ]
        return ", ".join(shown)


def measure(way: str, archive: str, table: str, rows: int, folder: Path) -> str:
    """Run the command once, print its figures, and return a digest of what it wrote."""
    output = folder / way.replace(" ", "_")
    command = [sys.executable, "-m", "relx", "predict", archive, table, "--column", "text", "--id-column", "id"]
    command += ["--sentences", "--part-tokens", "20000", "--output", str(output), *WAYS[way]]
    began = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    usage = Usage(process.pid)
    while process.poll() is None:
        usage.look()
        time.sleep(0.25)
    took = time.monotonic() - began
    if process.returncode:
        print(process.stderr.read() if process.stderr else "", file=sys.stderr)
        sys.exit(1)
    user = sum(usage.user.values())
    print(f"| {way} | {rows / took:,.0f} | {rows / user:,.0f} | {usage.memory()} |", flush=True)
    return sha256(b"".join(file.read_bytes() for file in sorted(output.glob("*.parquet")))).hexdigest()


def main() -> None:
    """Print a row for each way, and whether all wrote the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("corpus")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--way", action="append", choices=[*WAYS])
    args = parser.parse_args()
    texts = [text_and_offsets(example)[0] for example in read(args.corpus)]
    with tempfile.TemporaryDirectory() as name:
        table = str(Path(name) / "in.parquet")
        columns = {"id": list(range(args.rows)), "text": list(islice(cycle(texts), args.rows))}
        pyarrow.parquet.write_table(pa.table(columns), table)
        print("| way | rows/s | rows/s of user time | MiB of each process |\n|---|---|---|---|")
        digests = [measure(way, args.archive, table, args.rows, Path(name)) for way in args.way or WAYS]
    print("the same bytes" if len(set(digests)) == 1 else f"different bytes: {digests}")


if __name__ == "__main__":
    main()
