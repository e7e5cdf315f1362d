"""Which callbacks watch a run."""

import sys
from collections.abc import Sequence
from typing import Any

from relx.registry import Lazy
from relx.training.callbacks.alerts import Alerts
from relx.training.callbacks.callback import Callback
from relx.training.callbacks.metrics_file import MetricsFile
from relx.training.callbacks.progress import EpochLines, ProgressBar
from relx.training.callbacks.samples import Samples


def callbacks_of(named: Sequence[Lazy[Callback]], **injected: Any) -> list[Callback]:
    """Those that an experiment names, after those that every run has and that it does not name itself.

    Raises ConfigError for a setting that a callback rejects.
    """
    always: list[type[Callback]] = [EpochLines, MetricsFile, Alerts, Samples]
    if sys.stderr.isatty():
        always.insert(0, ProgressBar)
    own = [Lazy(callback) for callback in always if all(callback is not lazy.constructor for lazy in named)]
    return [lazy.build(**injected) for lazy in (*own, *named)]
