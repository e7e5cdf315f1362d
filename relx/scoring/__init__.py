"""Scores of predicted against gold Examples, by named protocol: the one scorer of training, evaluation and files."""

from relx.scoring.checks import fitting_protocols
from relx.scoring.counts import Counts
from relx.scoring.protocols import PROTOCOLS, Protocol, UnknownProtocol, find_protocol
from relx.scoring.render import metric_rows, render, render_html
from relx.scoring.report import METRICS, Report, corpus_triples, score, score_all

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "Counts",
    "Protocol",
    "Report",
    "UnknownProtocol",
    "corpus_triples",
    "find_protocol",
    "fitting_protocols",
    "metric_rows",
    "render",
    "render_html",
    "score",
    "score_all",
]
