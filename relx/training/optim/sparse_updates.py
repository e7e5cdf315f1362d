"""Steps of an optimizer on those rows of a large table that a batch looked up, the other rows being left alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

ParameterGroup = dict[str, Any]


class SparseRowUpdates(torch.optim.Optimizer):
    """Lays over an algorithm of torch (``lazily``): a parameter with a sparse gradient is updated by rows.

    A row that is in the gradient is updated as the algorithm says. All other rows stay as they are, and so does their
    part of the state: no momentum moves them on, no average of theirs decays, no weight decay applies. What is one
    number for the whole table, such as the steps that Adam's bias correction counts, goes on with every step. Of Adam
    without weight decay this makes ``torch.optim.SparseAdam``, but for the place of its eps. A parameter with a dense
    gradient is updated as ever.
    """

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the sparse gradients are used up by it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad(), self._looked_up_rows():
            super().step()
        return loss

    @contextmanager
    def _looked_up_rows(self) -> Iterator[None]:
        """The algorithm meets the rows of a sparse gradient as a small parameter in place of the table."""
        parts: list[tuple[ParameterGroup, int, _Part]] = []
        for group in self.param_groups:
            for place, table in enumerate(group["params"]):
                if table.grad is not None and table.grad.is_sparse:
                    part = _Part(table, self.state)
                    group["params"][place] = part.rows
                    parts.append((group, place, part))
        try:
            yield
        finally:
            for group, place, part in parts:
                group["params"][place] = part.table
                part.put_back()


class _Part:
    """The rows of a table that are in its gradient, with their part of the optimizer's state."""

    def __init__(self, table: nn.Parameter, state: dict[Tensor, dict[str, Any]]) -> None:
        assert table.grad is not None
        gradient = table.grad.coalesce()
        self.table = table
        self.state = state
        self.numbers = gradient.indices()[0]
        self.rows = nn.Parameter(table[self.numbers])
        self.rows.grad = gradient.values()
        if table in state:
            state[self.rows] = {name: self._cut(value) for name, value in state[table].items()}

    def put_back(self) -> None:
        """Write the rows and their state into the table and its state."""
        self.table[self.numbers] = self.rows
        self.table.grad = None
        for name, value in self.state.pop(self.rows, {}).items():
            whole = self.state[self.table]
            if isinstance(value, Tensor) and value.shape == self.rows.shape:
                if name not in whole:
                    whole[name] = torch.zeros_like(self.table)
                whole[name][self.numbers] = value
            else:
                whole[name] = value

    def _cut(self, value: Any) -> Any:
        by_row = isinstance(value, Tensor) and value.shape == self.table.shape
        return value[self.numbers] if by_row else value


def lazily(algorithm: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """An algorithm of torch whose state of a parameter is of the parameter's shape or one for all, with
    SparseRowUpdates.
    """
    return type(f"Lazy{algorithm.__name__}", (SparseRowUpdates, algorithm), {})


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float | None) -> Tensor:
    """Scale the gradients, sparse ones too, so that the norm of all together is at most ``limit``, if there is one.

    Returns the norm before: a scalar. Gradients that a loss scaler has scaled must be unscaled first.
    """
    dense = [_with_dense_gradient(parameter) for parameter in parameters]
    if limit is not None:
        return nn.utils.clip_grad_norm_(dense, limit)
    norms = [parameter.grad.norm() for parameter in dense if parameter.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())


def _with_dense_gradient(parameter: nn.Parameter) -> nn.Parameter:
    """The parameter; for one with a sparse gradient, a stand-in that shares the values of the gradient."""
    if parameter.grad is None or not parameter.grad.is_sparse:
        return parameter
    parameter.grad = parameter.grad.coalesce()  # rows that were looked up twice count once, with their sum
    values = parameter.grad.values()
    stand_in = nn.Parameter(torch.empty_like(values))
    stand_in.grad = values
    return stand_in
