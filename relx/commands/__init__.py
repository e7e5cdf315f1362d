"""The command line: one module for each subcommand. They import argparse only, until one of them runs."""

import argparse
import importlib
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout

from relx import __version__
from relx.errors import RelxError
from relx.output import OutputError, SafeStream, StandardOutput
from relx.text import printable_lines

COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "score",
    "check",
    "components",
    "data",
    "convert",
    "split",
    "compare",
    "curves",
    "find-lr",
    "tune",
    "doctor",
)


def main(argv: list[str] | None = None) -> int:
    """Run a command line and return its exit code: 2 for an error that the user can mend, 130 when interrupted."""
    with redirect_stderr(SafeStream(sys.stderr)):
        return _run(argv)


def _run(argv: list[str] | None) -> int:
    args = _parser().parse_args(argv)
    try:
        with redirect_stdout(StandardOutput(sys.stdout)):
            code: int | None = args.run(args)
            sys.stdout.flush()
        return code or 0
    except OutputError as error:
        _drop_output()
        return _report(error, args.debug)
    except RelxError as error:
        return _report(error, args.debug)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relx", description="Joint entity and relation extraction.")
    parser.add_argument("--version", action="version", version=f"relx {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"relx.commands.{name.replace('-', '_')}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def _report(error: RelxError, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    print(f"error: {printable_lines(str(error))}", file=sys.stderr)
    return 2


def _drop_output() -> None:
    # Nobody takes our output any more; without this the interpreter complains when it flushes stdout at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
