"""The diagrams of the page, as SVG that takes the color of its text from the page."""

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relx.calibration.reliability import Bin
from relx.reports.figures import Point

SIZE = (4.6, 3.4)
COLORS = ("#3b82c4", "#d9822b")


def draw_precision_recall(points: Sequence[Point], chosen: Point | None) -> str:
    """Draw precision over recall, with a mark at the chosen threshold."""
    figure, panel = _panel("recall", "precision")
    panel.plot([point.recall for point in points], [point.precision for point in points], color=COLORS[0])
    if chosen is not None:
        panel.plot([chosen.recall], [chosen.precision], "o", color=COLORS[1], label=f"threshold {chosen.score:.2f}")
        panel.legend(loc="lower left", frameon=False)
    return _svg(figure, "precision and recall")


def draw_reliability(bins: Mapping[str, Sequence[Bin]]) -> str:
    """Draw the share of correct predictions over their mean score, for each kind of prediction."""
    figure, panel = _panel("mean score", "share of correct predictions")
    panel.plot([0, 1], [0, 1], linestyle="--", color="black", linewidth=0.8)
    for (name, inside), color in zip(bins.items(), COLORS, strict=False):
        panel.plot([b.score for b in inside], [b.correct for b in inside], "o-", color=color, label=name, markersize=4)
    panel.legend(loc="upper left", frameon=False)
    return _svg(figure, "reliability")


def _panel(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE)
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
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    _, start, rest = buffer.getvalue().partition("<svg")
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", start + rest, flags=re.DOTALL)
    used = set(re.findall(r"#([\w.]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", svg)
    return re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg.replace("#000000", "currentColor"))
