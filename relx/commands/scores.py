"""What the commands that print scores share: their arguments, the reports and how they are shown."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from relx.commands.common import add_include_argument, include_plugins

if TYPE_CHECKING:
    from relx.scoring import Report


def add_score_arguments(parser: argparse.ArgumentParser, protocol: str, reader: str) -> None:
    """Add ``--protocol`` and ``--reader``, with these lines of help, ``--seen``, ``--json`` and ``--include``."""
    parser.add_argument("--protocol", action="append", metavar="NAME", help=protocol)
    parser.add_argument("--reader", metavar="NAME", help=reader)
    parser.add_argument("--seen", metavar="FILE", help="training data: also score the triples that it does not contain")
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object, ratios from 0 to 1")
    add_include_argument(parser)


def prepare(args: argparse.Namespace) -> None:
    """Import the plugins and check the names of protocols. Raises PluginError, UnknownProtocol."""
    from relx import scoring

    include_plugins(args)
    for name in args.protocol or ():
        scoring.find_protocol(name)


def to_json(reports: "Mapping[str, Report]") -> dict[str, Any]:
    """Return the reports by protocol, for programs."""
    return {protocol: report.to_json() for protocol, report in reports.items()}
