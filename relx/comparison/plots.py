"""The loss of a learning-rate range test over the rate."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relx.comparison.reports import Report
from relx.errors import DataError
from relx.training.checks.rate_finder import RangeTest
from relx.utils.text import distinct_names

WIDTH, HEIGHT = 7.0, 2.6
COLORS = tuple(f"C{number}" for number in range(10))


def draw_curves(systems: Mapping[str, Sequence[Sequence[Report]]], metrics: Sequence[str]) -> Figure:
    """Draw a panel for the loss and one for each metric that the runs have.

    The runs of a system share a color. A mark shows the last report whose weights were kept. Raises DataError for a
    metric that no run has.
    """
    reports = [report for runs in systems.values() for run in runs for report in run]
    _require_known(metrics, reports)
    shown = [name for name in metrics if any(name in report.metrics for report in reports)]
    figure = Figure(figsize=(WIDTH, HEIGHT * (1 + len(shown))), layout="constrained")
    panels = figure.subplots(1 + len(shown), sharex=True, squeeze=False)[:, 0]
    by_step = any(_repeats_epochs(run) for runs in systems.values() for run in runs)
    for panel, name in zip(panels, ("loss", *shown), strict=True):
        _draw_panel(panel, name, systems, by_step)
        panel.set_ylabel(name if name == "loss" else f"{name} %\n({', '.join(_protocols(reports))})")
    panels[0].legend()
    panels[-1].set_xlabel("step" if by_step else "epoch")
    return figure


def _draw_panel(panel: Axes, name: str, systems: Mapping[str, Sequence[Sequence[Report]]], by_step: bool) -> None:
    names = map(_legend, distinct_names(systems))
    for system, runs, color in zip(names, systems.values(), itertools.cycle(COLORS)):
        for number, run in enumerate(runs):
            reported = [report for report in run if name == "loss" or name in report.metrics]
            places = [report.step if by_step else report.epoch for report in reported]
            values = [report.loss if name == "loss" else 100 * report.metrics[name] for report in reported]
            panel.plot(places, values, color=color, label=system if number == 0 else None, linewidth=1.2)
            kept = [place for place, report in enumerate(reported) if report.improved][-1:]
            panel.plot([places[k] for k in kept], [values[k] for k in kept], "o", color=color, markersize=4)
    panel.grid(alpha=0.3)


def _legend(system: str) -> str:
    """Return the name of a system, a folder, in a legend, where ``$`` begins a formula and a first ``_`` hides it."""
    return ("./" * system.startswith("_") + system).replace("$", r"\$")


def _repeats_epochs(run: Sequence[Report]) -> bool:
    epochs = [report.epoch for report in run]
    return len(set(epochs)) < len(epochs)


def _protocols(reports: Iterable[Report]) -> list[str]:
    return list(dict.fromkeys(report.protocol for report in reports))


def _require_known(metrics: Sequence[str], reports: Iterable[Report]) -> None:
    known = {name for report in reports for name in report.metrics}
    unknown = [name for name in metrics if known and name not in known]
    if unknown:
        raise DataError(f"no run has the metric {unknown[0]!r}; there are: {', '.join(sorted(known))}")


def draw_rates(test: RangeTest) -> Figure:
    """Draw the losses and their moving average over a logarithmic axis of rates, and mark the steepest fall."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    panel = figure.subplots()
    panel.plot(test.rates, test.losses, color="C0", alpha=0.3, label="loss")
    panel.plot(test.rates, test.smoothed, color="C0", label="moving average")
    panel.axvline(test.steepest, color="C1", linestyle="--", label=f"steepest fall: {test.steepest:.1e}")
    panel.set_xscale("log")
    panel.set_ylim(top=1.5 * max(test.smoothed[: 1 + test.rates.index(test.lowest)]))
    panel.set_xlabel("learning rate")
    panel.set_ylabel("loss")
    panel.grid(alpha=0.3)
    panel.legend()
    return figure
