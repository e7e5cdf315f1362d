"""Optimizers by name, with typed arguments."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from relx.errors import ConfigError
from relx.registry import Registrable
from relx.training.optim.sparse_updates import lazily

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


class Optimizer(Registrable, kind="optimizer"):
    """Settings from which an optimizer of a model's parameters is made."""

    def of(self, parameters: Parameters) -> torch.optim.Optimizer:
        """The optimizer of these parameters, or of these groups of them, each with settings of its own."""
        raise NotImplementedError


class TorchOptimizer(Optimizer):
    """One of torch's own."""

    def use(self, algorithm: Callable[..., torch.optim.Optimizer], **settings: Any) -> None:
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

    def __init__(
        self,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay}
        self.use(lazily(torch.optim.Adam), **settings, fused=_fused())


@Optimizer.register("adamw")
class AdamW(TorchOptimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    With ``decay_biases`` off, biases and the weights of norms (all that have one dimension) have no weight decay.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decay_biases: bool = True,
    ) -> None:
        self.decay_biases = decay_biases
        settings = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay}
        self.use(lazily(torch.optim.AdamW), **settings, fused=_fused())

    def of(self, parameters: Parameters) -> torch.optim.Optimizer:
        """The optimizer of these parameters."""
        return super().of(parameters if self.decay_biases else _without_decay_of_biases(parameters))


@Optimizer.register("adagrad")
class Adagrad(TorchOptimizer):
    """Adagrad (Duchi et al. 2011)."""

    def __init__(self, lr: float = 1e-2, eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        self.use(lazily(torch.optim.Adagrad), lr=lr, eps=eps, weight_decay=weight_decay)


@Optimizer.register("adadelta")
class Adadelta(TorchOptimizer):
    """Adadelta (Zeiler 2012)."""

    def __init__(self, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0) -> None:
        self.use(lazily(torch.optim.Adadelta), lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)


@Optimizer.register("rmsprop")
class RMSprop(TorchOptimizer):
    """RMSprop (Tieleman & Hinton 2012)."""

    def __init__(
        self,
        lr: float = 1e-3,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.use(lazily(torch.optim.RMSprop), lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)


@Optimizer.register("sgd")
class SGD(TorchOptimizer):
    """Stochastic gradient descent, with Nesterov's momentum (Sutskever et al. 2013) if asked for."""

    def __init__(self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> None:
        self.use(lazily(torch.optim.SGD), lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


@Optimizer.register("adafactor")
class Adafactor(TorchOptimizer):
    """Adafactor (Shazeer & Stern 2018): the second moments of a matrix kept as one row and one column, no momentum."""

    def __init__(self, lr: float = 1e-2, weight_decay: float = 0.0) -> None:
        self.use(_DenseAdafactor, lr=lr, weight_decay=weight_decay)


class _DenseAdafactor(torch.optim.Adafactor):
    def step(self, closure: Any = None) -> Any:
        gradients = (parameter.grad for group in self.param_groups for parameter in group["params"])
        if any(gradient is not None and gradient.is_sparse for gradient in gradients):
            raise ConfigError("trainer.optimizer: adafactor cannot update single rows; leave out the embedder's sparse")
        return super().step(closure)


def _fused() -> bool:
    """Whether to use the variant of a few large kernels; on a GPU torch has another one that is as good."""
    return not torch.cuda.is_available()


def _without_decay_of_biases(parameters: Parameters) -> list[dict[str, Any]]:
    given = list(parameters)
    groups = given if given and isinstance(given[0], dict) else [{"params": given}]
    split = [part for group in groups for part in _matrices_and_vectors(group)]  # type: ignore[arg-type]
    return [group for group in split if group["params"]]


def _matrices_and_vectors(group: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    parameters = list(group["params"])
    matrices = [parameter for parameter in parameters if parameter.dim() > 1]
    vectors = [parameter for parameter in parameters if parameter.dim() <= 1]
    return {**group, "params": matrices}, {**group, "params": vectors, "weight_decay": 0.0}
