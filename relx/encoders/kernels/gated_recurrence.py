"""A recurrence whose cell keeps a memory for each set of tasks: what SRN and the partition filter share.

At each step the sums W_x x_t + b + W_h h_{t-1} give a candidate, and gates for each task and for both values, the
candidate and the history. The memory of a set of tasks is made of the products of both values with the gates of the
set. The cell is c_t = W_c [memories] + b_c, h_t its state, and the output tanh of the memories.

The gradient is written by hand, because a graph of single operations costs several times the arithmetic. What no step
has to wait for is one product over all steps; a step is few operations, which write where their results are needed.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from relx.encoders.kernels.gate_products import Exclusion, GateProductGradients, GateProducts
from relx.utils.precision import products_in_bfloat16


class ForwardSteps:
    """The steps of a cell of size d."""

    gates: Tensor  # [steps, 2, tasks, batch, d], of the candidate and of the history
    cells: Sequence[Tensor]  # where c_t is written, [batch, d] for each step
    kept: tuple[Tensor, ...]  # what the steps back are made from

    def activate(self, step: int) -> None:
        """Write the values and the gates of a step from its sums and the cell before it."""
        raise NotImplementedError

    def state(self, step: int) -> Tensor:
        """h_t [batch, d], from c_t."""
        raise NotImplementedError


class BackwardSteps:
    """The gradients of the steps, from the last to the first."""

    values: Tensor  # [steps, 2, batch, d]
    gates: Tensor  # [steps, 2, tasks, batch, d]
    states: Tensor  # h_t, [steps, batch, d]
    of_cells: Tensor  # [steps, batch, d]
    of_gates: Tensor  # [2, tasks, batch, d], of one step

    def recall(self, step: int) -> None:
        """Write the gates of a step, if they were not kept."""

    def through_state(self, step: int, of_state: Tensor) -> None:
        """Write the gradient of c_t, from that of h_t and from the step after."""
        raise NotImplementedError

    def through_sums(self, step: int, of_candidate: Tensor, of_history: Tensor) -> None:
        """Write the gradients of a step's sums, from those of its values and from ``of_gates``."""
        raise NotImplementedError


class Cell:
    """One kind of cell. Its sums are ``blocks`` of size d, the last of them the candidate's."""

    tasks: int
    blocks: int
    exclusive: bool  # whether the memory of a single task leaves out what the task shares

    @property
    def sets(self) -> int:
        """The number of memories."""
        return 2**self.tasks - 1

    def forward(self, sums: Tensor, values: Tensor) -> ForwardSteps:
        """The steps, which use up ``sums`` [steps, batch, blocks, d] and write ``values`` [2, batch, d]."""
        raise NotImplementedError

    def backward(self, kept: Sequence[Tensor], of_sums: Tensor) -> BackwardSteps:
        """The steps back, which write ``of_sums`` [steps, batch, blocks, d]."""
        raise NotImplementedError


class MemoryRecurrence(torch.autograd.Function):
    """[batch, steps, input_dim] -> tanh of the memories, [batch, steps, sets, d], zero at padding.

    With ``halves``, a processor that can takes the products of matrices in bfloat16; everything else is as it was.
    """

    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        inputs: Tensor,
        mask: Tensor,
        w_x: Tensor,
        b: Tensor,
        w_h: Tensor,
        w_c: Tensor,
        b_c: Tensor,
        halves: bool,
    ) -> Tensor:
        ctx.cell, ctx.halves = cell, halves
        ctx.exclusion = Exclusion(cell.tasks if cell.exclusive else 0)
        with products_in_bfloat16(halves):
            return _remember(ctx, inputs, mask, w_x, b, w_h, w_c, b_c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_outputs: Tensor) -> tuple[Tensor | None, ...]:
        with products_in_bfloat16(ctx.halves):
            of_inputs, of_weights = _gradients(ctx, of_outputs)
        return None, of_inputs, None, *of_weights, None


def _remember(
    ctx: Any, inputs: Tensor, mask: Tensor, w_x: Tensor, b: Tensor, w_h: Tensor, w_c: Tensor, b_c: Tensor
) -> Tensor:
    """The outputs; ``ctx`` is given what the gradient needs."""
    cell, exclusion = ctx.cell, ctx.exclusion
    real = mask.to(inputs.dtype)[:, :, None, None]
    sums = nn.functional.linear(inputs.transpose(0, 1).contiguous(), w_x, b).unflatten(2, (cell.blocks, -1))
    products = sums.new_empty(*sums.shape[:2], cell.sets, len(b_c))
    kept = _run(cell, sums, products, w_h, _weights_of_products(w_c, exclusion), b_c)
    outputs = _read_out(products, exclusion, real)
    ctx.save_for_backward(inputs, real, products, outputs, w_x, w_h, w_c, *kept)
    return outputs


def _gradients(ctx: Any, of_outputs: Tensor) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """Those of the inputs, if they are wanted, and of the weights in their order."""
    inputs, real, products, outputs, w_x, w_h, w_c, *kept = ctx.saved_tensors
    of_products = _through_read_out(of_outputs, outputs, ctx.exclusion, real)
    of_sums = products.new_empty(*products.shape[:2], len(w_h))
    steps = ctx.cell.backward(kept, of_sums.unflatten(2, (ctx.cell.blocks, -1)))
    _run_back(steps, of_products, of_sums, w_h, _weights_of_products(w_c, ctx.exclusion))
    of_cells, of_inputs = steps.of_cells, (of_sums @ w_x).transpose(0, 1) if ctx.needs_input_grad[1] else None
    of_w_c = _of_weights(of_cells, products.flatten(2))
    ctx.exclusion.apply_(_by_set(of_w_c))
    of_w_x = _of_weights(of_sums, inputs.transpose(0, 1))
    of_w_h = _of_weights(of_sums[1:], steps.states[:-1])
    of_b, of_b_c = of_sums.sum((0, 1)), of_cells.sum((0, 1))
    return of_inputs, (of_w_x, of_b, of_w_h, of_w_c, of_b_c)


def _run(cell: Cell, sums: Tensor, products: Tensor, w_h: Tensor, w_p: Tensor, b_c: Tensor) -> Sequence[Tensor]:
    """All steps; ``products`` are written. Gives what they keep."""
    room = sums.new_empty(2, 1 + cell.sets, sums.shape[1], sums.shape[-1])
    steps = cell.forward(sums, room[:, 0])
    gate_products = GateProducts(room, steps.gates, products)
    w_h, w_p = w_h.t().contiguous(), w_p.t().contiguous()
    state = torch.zeros_like(sums[0, :, 0])
    inside, product = sums.flatten(2).unbind(0), products.flatten(2).unbind(0)
    for step in range(len(sums)):
        inside[step].addmm_(state, w_h)
        steps.activate(step)
        gate_products.add_up(step)
        torch.addmm(b_c, product[step], w_p, out=steps.cells[step])
        state = steps.state(step)
    return steps.kept


def _run_back(steps: BackwardSteps, of_products: Tensor, of_sums: Tensor, w_h: Tensor, w_p: Tensor) -> None:
    """All steps back; ``of_sums`` [steps, batch, blocks * d] is written."""
    gradients = GateProductGradients(steps.values, steps.gates, of_products, steps.of_gates)
    of_candidate, of_history = gradients.of_values
    of_product = of_products.flatten(2)[..., len(w_p) :].unbind(0)
    of_inside, of_cells = of_sums.unbind(0), steps.of_cells.unbind(0)
    of_state = torch.zeros_like(of_cells[0])
    for step in reversed(range(len(of_cells))):
        steps.recall(step)
        steps.through_state(step, of_state)
        of_product[step].addmm_(of_cells[step], w_p)
        gradients.derive(step)
        steps.through_sums(step, of_candidate, of_history)
        torch.mm(of_inside[step], w_h, out=of_state)


def _read_out(products: Tensor, exclusion: Exclusion, real: Tensor) -> Tensor:
    """tanh of the memories by tanh(x) = 2 sigmoid(2x) - 1, because CPUs compute the sigmoid several times as fast."""
    steps, batch, *rest = products.shape
    outputs = products.new_empty(batch, steps, *rest)
    torch.mul(products, 2, out=outputs.transpose(0, 1))
    exclusion.apply_(outputs.unbind(2))
    return torch.addcmul(-real, outputs.sigmoid_(), real, value=2, out=outputs)


def _through_read_out(of_outputs: Tensor, outputs: Tensor, exclusion: Exclusion, real: Tensor) -> Tensor:
    """[steps, batch, 1 + sets, d], with zeros for the empty set in front."""
    of_outputs, outputs, real = (tensor.transpose(0, 1) for tensor in (of_outputs, outputs, real))
    steps, batch, sets, size = outputs.shape
    of_products = outputs.new_empty(steps, batch, 1 + sets, size)
    of_products[:, :, 0] = 0
    # tanh' = 1 - tanh^2, and 0 at padding, where the outputs are 0.
    torch.addcmul(real, outputs, outputs, value=-1, out=of_products[:, :, 1:]).mul_(of_outputs)
    exclusion.transpose_(of_products.unbind(2)[1:])
    return of_products


def _weights_of_products(w_c: Tensor, exclusion: Exclusion) -> Tensor:
    """The weights that give from the products what ``w_c`` [d, sets * d] gives from the memories."""
    weights = w_c.clone() if exclusion.terms else w_c
    exclusion.transpose_(_by_set(weights))
    return weights


def _by_set(weights: Tensor) -> Sequence[Tensor]:
    """[d, sets * d] as a matrix for each set."""
    return weights.view(len(weights), -1, len(weights)).unbind(1)


def _of_weights(gradients: Tensor, inputs: Tensor) -> Tensor:
    """[steps, batch, outputs] and [steps, batch, inputs] -> [outputs, inputs]."""
    return gradients.flatten(0, 1).t() @ inputs.flatten(0, 1)
