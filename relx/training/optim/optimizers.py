"""Create optimizers by name, with typed arguments."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from relx.errors import ConfigError
from relx.registry import Registrable
from relx.training.optim.sparse_updates import with_sparse_row_updates

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


class Optimizer(Registrable, kind="optimizer"):
    """Create an optimizer of a model's parameters from its settings."""

    def build(self, parameters: Parameters) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters, or of these groups of them, each with settings of its own."""
        raise NotImplementedError


class TorchOptimizer(Optimizer):
    """Create one of torch's optimizers. Raises ValueError for a setting out of range."""

    def __init__(self, algorithm: Callable[..., torch.optim.Optimizer], settings: dict[str, Any]) -> None:
        self.algorithm = algorithm
        self.settings = settings
        self.build([nn.Parameter(torch.zeros(1))])  # torch knows the ranges

    def build(self, parameters: Parameters) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters."""
        return self.algorithm(parameters, **self.settings)


@Optimizer.register("adam")
class Adam(TorchOptimizer):
    """Update with Adam (Kingma & Ba 2015).

    Args:
        lr: The learning rate.
        beta1: The decay of the average of the gradients.
        beta2: The decay of the average of the squared gradients.
        eps: The number added to the denominator.
        weight_decay: The factor of the weights that is added to their gradients.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay, "fused": _fused()}
        super().__init__(with_sparse_row_updates(torch.optim.Adam), settings)


@Optimizer.register("adamw")
class AdamW(TorchOptimizer):
    """Update with Adam and decoupled weight decay (Loshchilov & Hutter 2019).

    Args:
        lr: The learning rate.
        beta1: The decay of the average of the gradients.
        beta2: The decay of the average of the squared gradients.
        eps: The number added to the denominator.
        weight_decay: The share of each weight that a step at the rate 1 would remove.
        decay_biases: Whether weight decay also applies to parameters of one dimension: biases and the weights of norms.
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
        settings = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay, "fused": _fused()}
        super().__init__(with_sparse_row_updates(torch.optim.AdamW), settings)

    def build(self, parameters: Parameters) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters."""
        return super().build(parameters if self.decay_biases else _without_decay_of_biases(parameters))


@Optimizer.register("adagrad")
class Adagrad(TorchOptimizer):
    """Update with Adagrad (Duchi et al. 2011).

    Args:
        lr: The learning rate.
        eps: The number added to the denominator.
        weight_decay: The factor of the weights that is added to their gradients.
    """

    def __init__(self, lr: float = 1e-2, eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        settings = {"lr": lr, "eps": eps, "weight_decay": weight_decay}
        super().__init__(with_sparse_row_updates(torch.optim.Adagrad), settings)


@Optimizer.register("adadelta")
class Adadelta(TorchOptimizer):
    """Update with Adadelta (Zeiler 2012).

    Args:
        lr: The factor on each update; 1 in the paper.
        rho: The decay of the averages of squared gradients and squared updates.
        eps: The number added to both averages.
        weight_decay: The factor of the weights that is added to their gradients.
    """

    def __init__(self, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0) -> None:
        settings = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(with_sparse_row_updates(torch.optim.Adadelta), settings)


@Optimizer.register("rmsprop")
class RMSprop(TorchOptimizer):
    """Update with RMSprop (Tieleman & Hinton 2012).

    Args:
        lr: The learning rate.
        alpha: The decay of the average of the squared gradients.
        eps: The number added to the denominator.
        momentum: The share of the last update that is added to the next one.
        weight_decay: The factor of the weights that is added to their gradients.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(with_sparse_row_updates(torch.optim.RMSprop), settings)


@Optimizer.register("sgd")
class SGD(TorchOptimizer):
    """Update with stochastic gradient descent.

    Args:
        lr: The learning rate.
        momentum: The share of the last update that is added to the next one.
        nesterov: Whether to use Nesterov's momentum (Sutskever et al. 2013).
        weight_decay: The factor of the weights that is added to their gradients.
    """

    def __init__(self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> None:
        settings = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(with_sparse_row_updates(torch.optim.SGD), settings)


@Optimizer.register("adafactor")
class Adafactor(TorchOptimizer):
    """Update with Adafactor (Shazeer & Stern 2018).

    The second moments of a matrix are kept as one row and one column, and there is no momentum.

    Args:
        lr: The learning rate, relative to the size of each parameter.
        weight_decay: The share of each weight that a step at the rate 1 would remove.
    """

    def __init__(self, lr: float = 1e-2, weight_decay: float = 0.0) -> None:
        super().__init__(_DenseAdafactor, {"lr": lr, "weight_decay": weight_decay})


class _DenseAdafactor(torch.optim.Adafactor):
    def step(self, closure: Any = None) -> Any:
        gradients = (parameter.grad for group in self.param_groups for parameter in group["params"])
        if any(gradient is not None and gradient.is_sparse for gradient in gradients):
            raise ConfigError("trainer.optimizer: adafactor cannot update single rows; leave out the embedder's sparse")
        return super().step(closure)


def _fused() -> bool:
    """Return whether to use the variant of a few large kernels; on a GPU torch has another one that is as good."""
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
