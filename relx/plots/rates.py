"""The loss of a learning-rate range test over the rate."""

from matplotlib.figure import Figure

from relx.training.rate_finder import RangeTest


def draw(test: RangeTest) -> Figure:
    """The losses and their moving average, the rates on a logarithmic axis, the steepest fall marked."""
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
