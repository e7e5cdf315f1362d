"""The command ``relx``, also as ``python -m relx``: an interrupt before the command runs is one line too."""

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from relx.commands import main as run  # noqa: PLC0415  (an interrupt may come while it is imported)

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
