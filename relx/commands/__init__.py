"""The command line: one module for each subcommand, imported when the subcommand is chosen."""

import argparse
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any, NoReturn

from relx.commands.output import OutputError, StandardError, StandardOutput, open_missing_streams
from relx.errors import ConfigError, PluginError, RelxError
from relx.utils.text import printable_lines
from relx.version import __version__

# The help of each is here, so that a list of all of them imports none.
COMMANDS = {
    "train": "train the model of an experiment file",
    "evaluate": "score a trained archive on labeled files",
    "calibrate": "choose thresholds and calibrate the scores of an archive on validation data",
    "quantize": "write an archive whose transformer predicts in bfloat16 or int8, if validation data allow it",
    "predict": "extract entities and relations with a trained archive",
    "serve": "serve archives over HTTP, with a page to look at predictions and correct them",
    "score": "score predictions against gold data, under named protocols",
    "show": "show what an archive tells: labels, sizes, scores, training data, plugins, versions, date",
    "card": "print the model card of an archive: a README.md for the Hugging Face Hub",
    "check": "check an experiment file without running it",
    "components": "list the registered components and their arguments",
    "data": "show what a corpus holds: its faults, counts, types, overlap, leakage between splits, inconsistent labels",
    "schema": "propose a schema from labeled data: the types of each relation's arguments, "
    "and what never happens to it",
    "convert": "convert a corpus from one form into another",
    "graph": "merge the triples of predicted files to a graph: Turtle, GraphML, CSV of Neo4j, or Cypher",
    "suggest": "write what an archive finds in texts as suggestions for annotation tools",
    "select": "choose the sentences of a pool that are most worth annotating, each with its reason",
    "split": "split a corpus into parts, drawn at random; documents stay whole",
    "compare": "compare runs: means over seeds, and the significance of their differences",
    "curves": "draw the loss and the metrics of runs",
    "find-lr": "find a learning rate: train a few steps at rates from very low to very high",
    "tune": "search for good values of an experiment's variables",
    "experiments": "list the experiments that come with relx, each with its paper and the published scores",
    "new": "print an experiment that comes with relx, as the start of your own file",
    "doctor": "show versions, devices and folders, and try a step of training; needs no network",
}


def main(argv: list[str] | None = None) -> int:
    """Run a command line and return its exit code: 2 for an error that the user can mend, 130 when interrupted."""
    open_missing_streams()
    with redirect_stderr(StandardError(sys.stderr)), _signals_exit() as received:
        code = _run(argv)
    # A library may swallow the SystemExit, or fail because of it.
    return 128 + received[0] if received else code


def _run(argv: list[str] | None) -> int:
    debug = False
    try:
        with redirect_stdout(StandardOutput(sys.stdout)):
            try:
                args = _parser().parse_args(argv)
                debug = args.debug
                _log_to_stderr()
                code: int | None = args.run(args)
            except SystemExit:  # --help ends so
                sys.stdout.flush()
                raise
            sys.stdout.flush()
        return code or 0
    except OutputError as error:
        _drop_output()
        return _report(error, debug)
    except RelxError as error:
        return _report(error, debug)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141


def _log_to_stderr() -> None:
    from relx.utils.logs import log_to_stderr

    log_to_stderr()


class _CommandParser(argparse.ArgumentParser):
    """The parser of a subcommand, whose module is imported and declares its arguments when the subcommand is chosen."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, once they are declared."""
        module = importlib.import_module(f"relx.commands.{self.get_default('command').replace('-', '_')}")
        module.add_arguments(self)
        self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relx", description="Joint entity and relation extraction.")
    parser.add_argument("--version", action="version", version=f"relx {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_CommandParser)
    for name, help in COMMANDS.items():
        commands.add_parser(name, help=help, description=help).set_defaults(command=name)
    return parser


@contextmanager
def _signals_exit() -> Iterator[list[int]]:
    """While entered, a signal that would kill the process ends it by SystemExit, which removes temporary files.

    Gives the list of the signals that were received.
    """
    received: list[int] = []

    def exit(number: int, frame: FrameType | None) -> NoReturn:
        received.append(number)
        raise SystemExit(128 + number)

    numbers = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    in_main_thread = threading.current_thread() is threading.main_thread()
    fatal = [number for number in numbers if in_main_thread and signal.getsignal(number) is signal.SIG_DFL]
    for number in fatal:
        signal.signal(number, exit)
    try:
        yield received
    finally:
        for number in fatal:
            signal.signal(number, signal.SIG_DFL)


def _report(error: RelxError, debug: bool) -> int:
    # Before they form a group, the processes of a run meet the same fault of its command line or experiment.
    if isinstance(error, (ConfigError, PluginError)) and os.environ.get("LOCAL_RANK", "0") != "0" and not _grouped():
        return 2
    if debug:
        traceback.print_exception(error)
    print(f"error: {printable_lines(str(error))}", file=sys.stderr)
    return 2


def _grouped() -> bool:
    """Return whether this process has joined the other processes of its run."""
    distributed = sys.modules.get("torch.distributed")
    return distributed is not None and distributed.is_initialized()


def _drop_output() -> None:
    # Nobody takes our output any more; without this the interpreter complains when it flushes stdout at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
