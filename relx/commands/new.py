"""``relx new``: a copy of an experiment that comes with relx."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx new``."""
    parser.add_argument("name", help="the name of an experiment (relx experiments lists them)")


def run(args: argparse.Namespace) -> int:
    """Print the file. Raises ConfigError for an unknown name."""
    from relx.config import bundled
    from relx.errors import ConfigError
    from relx.registry import suggestion

    files = {experiment.name: experiment.path for experiment in bundled.experiments()}
    if args.name not in files:
        hint = suggestion(args.name, files) or "; list them with: relx experiments"
        raise ConfigError(f"no experiment {args.name!r} comes with relx{hint}")
    print(files[args.name].read_text(encoding="utf-8"), end="")
    return 0
