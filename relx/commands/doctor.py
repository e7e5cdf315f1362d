"""``relx doctor``: check the installation and list its parts."""

import argparse

HELP = "show versions, devices and folders, and try a step of training; needs no network"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no argument: it examines everything."""


def run(args: argparse.Namespace) -> int:
    """Print the findings as they come; 2 if one of them is a fault."""
    import sys

    from relx.doctor import examine

    faults = 0
    for finding in examine():
        print(finding, flush=True)
        faults += finding.fault is not None
    if faults:
        print(f"{faults} faults" if faults > 1 else "1 fault", file=sys.stderr)
    return 2 if faults else 0
