"""Average the weights over the steps of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from relx.utils.argument_checks import require_inner_shares


class EMA:
    """Average the weights over the steps; the average is validated and archived in place of the weights.

    After the t-th step, average = d average + (1 - d) weights with d = min(``decay``, 1 - 1/t): at first the plain mean
    of all steps (Polyak & Juditsky 1992), then an exponential moving average (Tarvainen & Valpola 2017). Weights that
    are not trained are not averaged.

    Args:
        decay: The decay of the average, between 0 and 1. It reaches back about 1 / (1 - decay) steps.
    """

    def __init__(self, decay: float = 0.999) -> None:
        require_inner_shares(decay=decay)
        self.decay = decay
        self.steps = 0
        self.weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Add the weights after a step of the optimizer to the average."""
        self.steps += 1
        share = max(1 - self.decay, 1 / self.steps)
        for name, weight in model.named_parameters():
            if not weight.requires_grad:
                continue
            if name in self.weights:
                self.weights[name] = self.weights[name].to(weight.device).lerp_(weight, share)
            else:
                self.weights[name] = weight.detach().clone()

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """While entered, the model holds the averages; afterwards its own weights, bit by bit."""
        own = {name: weight.detach().clone() for name, weight in model.named_parameters() if name in self.weights}
        _put_into(model, self.weights)
        try:
            yield
        finally:
            _put_into(model, own)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to continue as if it had never stopped."""
        return {"steps": self.steps, "weights": dict(self.weights)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.steps = state["steps"]
        self.weights = {name: average.clone() for name, average in state["weights"].items()}


@torch.no_grad()
def _put_into(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, weight in model.named_parameters():
        if name in weights:
            weight.copy_(weights[name])
