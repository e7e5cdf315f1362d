"""Optimizers by name, with typed arguments."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from relx.registry import Registrable

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


class Optimizer(Registrable, kind="optimizer"):
    """Settings from which an optimizer of a model's parameters is made."""

    def of(self, parameters: Parameters) -> torch.optim.Optimizer:
        """The optimizer of these parameters, or of these groups of them, each with settings of its own."""
        raise NotImplementedError


class TorchOptimizer(Optimizer):
    """One of torch's own."""

    def use(self, algorithm: Callable[..., torch.optim.Optimizer], **settings: float) -> None:
        """Say which and how. Raises ValueError for a setting out of range."""
        self.algorithm = algorithm
        self.settings = settings
        self.of([nn.Parameter(torch.zeros(1))])  # torch knows the ranges

    def of(self, parameters: Parameters) -> torch.optim.Optimizer:
        """The optimizer of these parameters."""
        return self.algorithm(parameters, **self.settings)


@Optimizer.register("adam")
class Adam(TorchOptimizer):
    """Adam (Kingma & Ba 2015)."""

    def __init__(self, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        self.use(torch.optim.Adam, lr=lr, weight_decay=weight_decay)


@Optimizer.register("adamw")
class AdamW(TorchOptimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    def __init__(self, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        self.use(torch.optim.AdamW, lr=lr, weight_decay=weight_decay)


@Optimizer.register("rmsprop")
class RMSprop(TorchOptimizer):
    """RMSprop (Tieleman & Hinton 2012)."""

    def __init__(
        self, lr: float = 1e-3, alpha: float = 0.99, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self.use(torch.optim.RMSprop, lr=lr, alpha=alpha, momentum=momentum, weight_decay=weight_decay)


@Optimizer.register("sgd")
class SGD(TorchOptimizer):
    """Stochastic gradient descent."""

    def __init__(self, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.use(torch.optim.SGD, lr=lr, momentum=momentum, weight_decay=weight_decay)
