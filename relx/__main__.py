"""The command ``relx``, also as ``python -m relx``: an interrupt before the command runs is one line too."""

import os
import sys

# An idle thread looks so often for work before it sleeps: microseconds instead of milliseconds.
SPINS = "10000"


def main() -> int:
    """Run the command line of this process and return its exit code."""
    _let_idle_threads_sleep()
    try:
        from relx.commands import main as run  # noqa: PLC0415  (an interrupt may come while it is imported)

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


def _let_idle_threads_sleep() -> None:
    """Tell GNU's OpenMP, before torch loads it, to let an idle thread sleep early, unless the user has chosen.

    If other programs use the cores, the threads of a step otherwise wait for each other while they spin.
    """
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = SPINS


if __name__ == "__main__":
    sys.exit(main())
