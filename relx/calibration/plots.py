"""Diagrams of scores: reliability, before and after calibration, and precision over recall."""

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relx.calibration.items import Items
from relx.calibration.reliability import Bin, reliability

BLUE, ORANGE = "#3b82c4", "#d9822b"


def draw_calibration(tasks: Mapping[str, tuple[Items, Items]]) -> Figure:
    """Draw the share of correct predictions over their mean score, before and after, with the number in each bin.

    ``tasks`` has the predictions before and after for each title of a panel.
    """
    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for panel, (title, (before, after)) in zip(panels, tasks.items(), strict=True):
        panel.plot([0, 1], [0, 1], linestyle="--", color="gray", linewidth=0.8)
        _draw(panel, "before", ORANGE, before, below=True)
        _draw(panel, "after", BLUE, after, below=False)
        panel.set(title=title, xlabel="mean score", ylabel="share of correct predictions")
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.14, 1.06))
        panel.grid(alpha=0.25)
        panel.legend(loc="lower right", frameon=False, fontsize=8)
    return figure


def _draw(panel: Axes, name: str, color: str, items: Items, below: bool) -> None:
    found = reliability(items.pairs())
    error = "" if items.error is None else f", ECE {100 * items.error:.1f} %"
    label = f"{name}: {len(items)} predictions{error}"
    x, y = [part.score for part in found], [part.correct for part in found]
    panel.plot(x, y, "o-", color=color, label=label, markersize=4)
    for part in found:
        place = (part.score, part.correct)
        panel.annotate(
            str(part.count), place, xytext=(0, -12 if below else 6), textcoords="offset points", ha="center",
            fontsize=7, color=color,
        )  # fmt: skip


def draw_precision_recall(curve: Sequence[tuple[float, float]], mark: tuple[float, float] | None, label: str) -> str:
    """Draw precision over recall, and a labeled mark: pairs of recall and precision."""
    figure, panel = _panel("recall", "precision")
    panel.plot(*zip(*curve, strict=True), color=BLUE)
    if mark is not None:
        panel.plot(*mark, "o", color=ORANGE, label=label)
        panel.legend(loc="lower left", frameon=False)
    return _svg(figure, "precision and recall")


def draw_reliability(bins: Mapping[str, Sequence[Bin]]) -> str:
    """Draw the share of correct predictions over their mean score, for each kind of prediction."""
    figure, panel = _panel("mean score", "share of correct predictions")
    panel.plot([0, 1], [0, 1], linestyle="--", color="black", linewidth=0.8)
    for (name, inside), color in zip(bins.items(), (BLUE, ORANGE), strict=False):
        panel.plot([b.score for b in inside], [b.correct for b in inside], "o-", color=color, label=name, markersize=4)
    panel.legend(loc="upper left", frameon=False)
    return _svg(figure, "reliability")


def _panel(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.6, 3.4))
    panel = figure.add_axes((0.13, 0.14, 0.84, 0.83))
    panel.set_facecolor("none")
    panel.set(xlabel=x, ylabel=y, xlim=(0, 1.02), ylim=(0, 1.02))
    panel.grid(alpha=0.25)
    return figure, panel


def _svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element in the fonts and the color of the page. Equal figures give equal text.

    Matplotlib's style sheet for all elements is left out, since it would change the page, and so are names that
    nothing in the figure refers to, since two figures have the same.
    """
    buffer = io.StringIO()
    # Black texts name no color: they take that of the element.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    _, start, rest = buffer.getvalue().partition("<svg")
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", f'{start} fill="currentColor"{rest}', flags=re.DOTALL)
    used = set(re.findall(r"#([\w.]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", svg)
    return re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg.replace("#000000", "currentColor"))
