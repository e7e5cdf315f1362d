"""The reliability diagram of a calibration."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relx.calibration.items import Items
from relx.calibration.reliability import reliability

SIZE = (9.0, 4.4)
COLORS = {"before": "#d9822b", "after": "#3b82c4"}


def draw_calibration(tasks: Mapping[str, tuple[Items, Items]]) -> Figure:
    """Draw the share of correct predictions over their mean score, before and after, with the number in each bin.

    ``tasks`` has the predictions before and after for each title of a panel.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for panel, (title, (before, after)) in zip(panels, tasks.items(), strict=True):
        panel.plot([0, 1], [0, 1], linestyle="--", color="gray", linewidth=0.8)
        _draw(panel, "before", before, below=True)
        _draw(panel, "after", after, below=False)
        panel.set(title=title, xlabel="mean score", ylabel="share of correct predictions")
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.14, 1.06))
        panel.grid(alpha=0.25)
        panel.legend(loc="lower right", frameon=False, fontsize=8)
    return figure


def _draw(panel: Axes, name: str, items: Items, below: bool) -> None:
    found = reliability(items.pairs())
    error = "" if items.error is None else f", ECE {100 * items.error:.1f} %"
    label = f"{name}: {len(items)} predictions{error}"
    x, y = [part.score for part in found], [part.correct for part in found]
    panel.plot(x, y, "o-", color=COLORS[name], label=label, markersize=4)
    for part in found:
        place = (part.score, part.correct)
        panel.annotate(
            str(part.count), place, xytext=(0, -12 if below else 6), textcoords="offset points", ha="center",
            fontsize=7, color=COLORS[name],
        )  # fmt: skip
