"""The command line: one module for each subcommand. They import argparse only, until one of them runs."""

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
from typing import NoReturn

from relx.errors import ConfigError, PluginError, RelxError
from relx.utils.output import OutputError, StandardError, StandardOutput, open_missing_streams
from relx.utils.text import printable_lines
from relx.version import __version__

COMMANDS = (
    "train",
    "evaluate",
    "calibrate",
    "predict",
    "serve",
    "score",
    "show",
    "card",
    "check",
    "components",
    "data",
    "schema",
    "convert",
    "graph",
    "suggest",
    "select",
    "split",
    "compare",
    "curves",
    "find-lr",
    "tune",
    "experiments",
    "new",
    "doctor",
)


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
