"""Optimizers by name, with typed arguments."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from relx.registry import Registrable


class Optimizer(Registrable, kind="optimizer"):
    """Settings from which an optimizer of a model's parameters is made."""

    def of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer of these parameters."""
        raise NotImplementedError


@Optimizer.register("adam")
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015)."""

    def __init__(self, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        self.settings: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}

    def of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.Adam."""
        return torch.optim.Adam(parameters, **self.settings)


@Optimizer.register("adamw")
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    def __init__(self, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        self.settings: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}

    def of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.AdamW."""
        return torch.optim.AdamW(parameters, **self.settings)


@Optimizer.register("rmsprop")
class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012)."""

    def __init__(
        self, lr: float = 1e-3, alpha: float = 0.99, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self.settings: dict[str, Any] = {"lr": lr, "alpha": alpha, "momentum": momentum, "weight_decay": weight_decay}

    def of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.RMSprop."""
        return torch.optim.RMSprop(parameters, **self.settings)


@Optimizer.register("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent."""

    def __init__(self, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.settings: dict[str, Any] = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}

    def of(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.SGD."""
        return torch.optim.SGD(parameters, **self.settings)
