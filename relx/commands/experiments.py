"""``relx experiments``: the experiments that come with relx."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx experiments``."""


def run(args: argparse.Namespace) -> int:
    """Print each name and, below it, the paper and the scores."""
    import textwrap

    from relx.config import bundled

    for experiment in bundled.experiments():
        print(experiment.name)
        print(textwrap.fill(experiment.summary, 100, initial_indent="    ", subsequent_indent="    "))
    print("\nTrain one with: relx train NAME. Copy one with: relx new NAME > FILE.jsonnet.")
    return 0
