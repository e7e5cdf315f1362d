"""Update only those rows of a large embedding table that a batch looked up."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

ParameterGroup = dict[str, Any]


class SparseRowUpdates(torch.optim.Optimizer):
    """Update a parameter with a sparse gradient by rows; ``with_sparse_row_updates`` adds this to an optimizer.

    A row that is in the gradient is updated as the optimizer says. All other rows keep their values and their part of
    the state: no momentum moves them, their averages do not decay, and weight decay does not apply. What is one number
    for the whole table, such as the steps that Adam's bias correction counts, advances at every step. Adam without
    weight decay becomes ``torch.optim.SparseAdam``, except for the place of its eps. A parameter with a dense gradient
    is updated as usual.
    """

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step. It consumes the sparse gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad(), self._looked_up_rows():
            super().step()
        return loss

    @contextmanager
    def _looked_up_rows(self) -> Iterator[None]:
        """While entered, each table is replaced in its group by a small parameter of the rows in its gradient."""
        tables: list[tuple[ParameterGroup, int, _TableRows]] = []
        for group in self.param_groups:
            for place, table in enumerate(group["params"]):
                if table.grad is not None and table.grad.is_sparse:
                    rows = _TableRows(table, self.state)
                    group["params"][place] = rows.rows
                    tables.append((group, place, rows))
        try:
            yield
        finally:
            for group, place, rows in tables:
                group["params"][place] = rows.table
                rows.put_back()


class _TableRows:
    """The rows of a table that are in its gradient, with their part of the optimizer's state."""

    def __init__(self, table: nn.Parameter, state: dict[Tensor, dict[str, Any]]) -> None:
        assert table.grad is not None
        gradient = table.grad.coalesce()
        self.table = table
        self.state = state
        self.indices = gradient.indices()[0]
        self.rows = nn.Parameter(table[self.indices])
        self.rows.grad = gradient.values()
        if table in state:
            state[self.rows] = {name: self._cut(value) for name, value in state[table].items()}

    def put_back(self) -> None:
        """Write the rows and their state into the table and its state."""
        self.table[self.indices] = self.rows
        self.table.grad = None
        for name, value in self.state.pop(self.rows, {}).items():
            whole = self.state[self.table]
            if isinstance(value, Tensor) and value.shape == self.rows.shape:
                if name not in whole:
                    whole[name] = torch.zeros_like(self.table)
                whole[name][self.indices] = value
            else:
                whole[name] = value

    def _cut(self, value: Any) -> Any:
        by_row = isinstance(value, Tensor) and value.shape == self.table.shape
        return value[self.indices] if by_row else value


def with_sparse_row_updates(algorithm: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return an optimizer of torch with SparseRowUpdates.

    Each entry in its state of a parameter must have the shape of the parameter, or be one number.
    """
    return type(f"SparseRow{algorithm.__name__}", (SparseRowUpdates, algorithm), {})


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
    """Return the parameter, or for a sparse gradient a dense substitute whose gradient shares the sparse values."""
    if parameter.grad is None or not parameter.grad.is_sparse:
        return parameter
    parameter.grad = parameter.grad.coalesce()  # rows that were looked up twice count once, with their sum
    values = parameter.grad.values()
    stand_in = nn.Parameter(torch.empty_like(values))
    stand_in.grad = values
    return stand_in
