"""What the benchmarks that run others as processes of their own share."""

import subprocess
import sys


def output_of(command: list[str]) -> str:
    """What a process prints. If it fails, this one ends with what it said of it, and with its exit code."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip() or f"ended with exit code {done.returncode}: {' '.join(command)}", file=sys.stderr)
        sys.exit(done.returncode if done.returncode > 0 else 1)
    return done.stdout
