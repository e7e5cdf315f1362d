"""A recurrence whose cell has a partition for each set of tasks: the fast path of SRN and of the partition filter.

At each step the sums W_x x_t + W_h h_{t-1} + b give a candidate, and gates for each task and for both values, the
candidate and the history. The partition of a set of tasks is the sum of the products of both values with the gates of
the set. The cell is c_t = W_c [partitions] + b_c, h_t its state, and the output tanh of the partitions.

The gradient is written by hand, because a graph of single operations costs several times the arithmetic. What no step
has to wait for is one product over all steps; a step is few operations, which write where their results are needed.

A set of tasks is a number from 1 whose binary digits are its tasks, task 0 the lowest: of the tasks e, s and o the sets
are e, s, es, o, eo, so, eso. Each further task brings a set of its own and one with each set before it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from relx.utils.precision import bf16_matmul_on_cpu


def tasks_of(number: int) -> list[int]:
    """List the tasks of a set."""
    return [task for task in range(number.bit_length()) if number >> task & 1]


class ForwardSteps:
    """Run the steps of a cell of size d forward."""

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
    """Run the steps backward, from the last to the first."""

    values: Tensor  # [steps, 2, batch, d]
    gates: Tensor  # [steps, 2, tasks, batch, d]
    states: Tensor  # h_t, [steps, batch, d]
    grad_cells: Tensor  # [steps, batch, d]
    grad_gates: Tensor  # [2, tasks, batch, d], of one step

    def recall(self, step: int) -> None:
        """Write the gates of a step, if they were not kept."""

    def through_state(self, step: int, grad_state: Tensor) -> None:
        """Write the gradient of c_t, from that of h_t and from the step after."""
        raise NotImplementedError

    def through_sums(self, step: int, grad_candidate: Tensor, grad_history: Tensor) -> None:
        """Write the gradients of a step's sums, from those of its values and from ``grad_gates``."""
        raise NotImplementedError


class Cell:
    """Describe one kind of cell: its sums are ``blocks`` of size d, the last of them the candidate's."""

    tasks: int
    blocks: int
    exclusive: bool  # whether the partition of a single task leaves out what the task shares

    @property
    def partitions(self) -> int:
        """The number of partitions."""
        return 2**self.tasks - 1

    def forward(self, sums: Tensor, values: Tensor) -> ForwardSteps:
        """Return the steps, which overwrite ``sums`` [steps, batch, blocks, d] and write ``values`` [2, batch, d]."""
        raise NotImplementedError

    def backward(self, kept: Sequence[Tensor], grad_sums: Tensor) -> BackwardSteps:
        """Return the backward steps, which write ``grad_sums`` [steps, batch, blocks, d]."""
        raise NotImplementedError


class PartitionedRecurrence(torch.autograd.Function):
    """[batch, steps, input_dim] -> tanh of the partitions, [batch, steps, partitions, d], zero at padding.

    With ``bf16_matmul``, a CPU that can takes the matrix products in bfloat16; everything else stays in float32.
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
        bf16_matmul: bool,
    ) -> Tensor:
        """Run all steps and keep what the backward pass needs."""
        ctx.cell, ctx.bf16_matmul = cell, bf16_matmul
        ctx.exclusion = Exclusion(cell.tasks if cell.exclusive else 0)
        with bf16_matmul_on_cpu(bf16_matmul):
            return _forward(ctx, inputs, mask, w_x, b, w_h, w_c, b_c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of inputs and weights, step by step from the last."""
        with bf16_matmul_on_cpu(ctx.bf16_matmul):
            grad_inputs, grad_weights = _backward(ctx, grad_outputs)
        return None, grad_inputs, None, *grad_weights, None


def _forward(
    ctx: Any, inputs: Tensor, mask: Tensor, w_x: Tensor, b: Tensor, w_h: Tensor, w_c: Tensor, b_c: Tensor
) -> Tensor:
    """Return the outputs, and save in ``ctx`` what the gradient needs."""
    cell, exclusion = ctx.cell, ctx.exclusion
    mask = mask.to(inputs.dtype)[:, :, None, None]
    sums = nn.functional.linear(inputs.transpose(0, 1).contiguous(), w_x, b).unflatten(2, (cell.blocks, -1))
    products = sums.new_empty(*sums.shape[:2], cell.partitions, len(b_c))
    kept = _run(cell, sums, products, w_h, _weights_of_products(w_c, exclusion), b_c)
    outputs = _read_out(products, exclusion, mask)
    ctx.save_for_backward(inputs, mask, products, outputs, w_x, w_h, w_c, *kept)
    return outputs


def _backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """Return the gradients of the inputs, where autograd needs them, and of the weights in their order."""
    inputs, mask, products, outputs, w_x, w_h, w_c, *kept = ctx.saved_tensors
    grad_products = _through_read_out(grad_outputs, outputs, ctx.exclusion, mask)
    grad_sums = products.new_empty(*products.shape[:2], len(w_h))
    steps = ctx.cell.backward(kept, grad_sums.unflatten(2, (ctx.cell.blocks, -1)))
    _run_back(steps, grad_products, grad_sums, w_h, _weights_of_products(w_c, ctx.exclusion))
    grad_cells, grad_inputs = steps.grad_cells, (grad_sums @ w_x).transpose(0, 1) if ctx.needs_input_grad[1] else None
    grad_w_c = _grad_weight(grad_cells, products.flatten(2))
    ctx.exclusion.apply_(_by_partition(grad_w_c))
    grad_w_x = _grad_weight(grad_sums, inputs.transpose(0, 1))
    grad_w_h = _grad_weight(grad_sums[1:], steps.states[:-1])
    grad_b, grad_b_c = grad_sums.sum((0, 1)), grad_cells.sum((0, 1))
    return grad_inputs, (grad_w_x, grad_b, grad_w_h, grad_w_c, grad_b_c)


def _run(cell: Cell, sums: Tensor, products: Tensor, w_h: Tensor, w_p: Tensor, b_c: Tensor) -> Sequence[Tensor]:
    """Run all steps, write ``products`` and return what the steps keep for the gradient."""
    room = sums.new_empty(2, 1 + cell.partitions, sums.shape[1], sums.shape[-1])
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


def _run_back(steps: BackwardSteps, grad_products: Tensor, grad_sums: Tensor, w_h: Tensor, w_p: Tensor) -> None:
    """Run all steps backward and write ``grad_sums`` [steps, batch, blocks * d]."""
    gradients = GateProductGradients(steps.values, steps.gates, grad_products, steps.grad_gates)
    grad_candidate, grad_history = gradients.grad_values
    grad_product = grad_products.flatten(2)[..., len(w_p) :].unbind(0)
    grad_inside, grad_cells = grad_sums.unbind(0), steps.grad_cells.unbind(0)
    grad_state = torch.zeros_like(grad_cells[0])
    for step in reversed(range(len(grad_cells))):
        steps.recall(step)
        steps.through_state(step, grad_state)
        grad_product[step].addmm_(grad_cells[step], w_p)
        gradients.derive(step)
        steps.through_sums(step, grad_candidate, grad_history)
        torch.mm(grad_inside[step], w_h, out=grad_state)


class GateProducts:
    """Multiply, for each set of tasks, a value with the gates of these tasks, and sum over both values."""

    def __init__(self, products: Tensor, gates: Tensor, sums: Tensor) -> None:
        """``products`` [2, 1 + partitions, batch, d] is work space; the empty set holds the values of a step.

        ``gates`` [steps, 2, tasks, batch, d] are read, ``sums`` [steps, batch, partitions, d] are written.
        """
        self.sums = sums.transpose(1, 2).unbind(0)
        self.first, self.second = products[:, 1:]
        self.doublings = [
            (products[:, : 1 << task], gate.unbind(0), products[:, 1 << task : 2 << task])
            for task, gate in enumerate(gates.unsqueeze(3).unbind(2))
        ]

    def add_up(self, step: int) -> None:
        """Write the sums of a step."""
        for without, gate, with_task in self.doublings:
            torch.mul(without, gate[step], out=with_task)
        torch.add(self.first, self.second, out=self.sums[step])


class GateProductGradients:
    """Derive ``GateProducts`` with respect to values and gates.

    What a value adds to the loss is the value times a polynomial in its gates, with the gradient of a set's sum as the
    coefficient of that set. The gates are put in one after the other, in place. That leaves the polynomial itself, the
    gradient of the value, at the empty set, and its derivative by the gate of a task at the set of that task alone.
    """

    def __init__(self, values: Tensor, gates: Tensor, grad_sums: Tensor, grad_gates: Tensor) -> None:
        """``values`` [steps, 2, batch, d], ``gates`` and ``grad_sums`` [steps, batch, 1 + partitions, d] are read.

        ``grad_gates`` [2, tasks, batch, d] is written at each step, and so is ``grad_values`` [2, batch, d].
        """
        tasks, half = gates.shape[2], 2 ** (gates.shape[2] - 1)
        polynomial = values.new_empty(2, 2 * half, *values.shape[2:])
        coefficients = grad_sums.transpose(1, 2).unsqueeze(1)
        self.lower, self.upper = coefficients[:, :, :half].unbind(0), coefficients[:, :, half:].unbind(0)
        self.folded, self.unfolded = polynomial[:, :half], polynomial[:, half:]
        *others, self.last_gate = (gate.unbind(0) for gate in gates[:, :, :, None].unbind(2))
        self.foldings = []
        for task, gate in reversed(list(enumerate(others))):
            halves = polynomial.view(2, -1, 2, 1 << task, *values.shape[2:])
            self.foldings.append((halves[:, :, 0], halves[:, :, 1], [of_step.unsqueeze(1) for of_step in gate]))
        self.values, self.grad_values = values.unbind(0), polynomial[:, 0]
        self.derivatives = [(polynomial[:, 1 << task], grad_gates[:, task]) for task in range(tasks)]

    def derive(self, step: int) -> None:
        """Write the gradients of a step."""
        torch.addcmul(self.lower[step], self.upper[step], self.last_gate[step], out=self.folded)
        self.unfolded.copy_(self.upper[step])
        for without, with_task, gate in self.foldings:
            without.addcmul_(with_task, gate[step])
        for derivative, grad_gate in self.derivatives:
            torch.mul(derivative, self.values[step], out=grad_gate)


class Exclusion:
    """Leave out of the sum of a single task what it shares, as if its gate were rho_k prod_{j != k} (1 - rho_j).

    Multiplied out, that is the sum over the sets with k, a set with an even number of tasks counted negative.
    """

    def __init__(self, tasks: int) -> None:
        self.terms = [
            (1 << task, number, 1 if len(members) % 2 else -1)
            for number in range(1, 2**tasks)
            if len(members := tasks_of(number)) > 1
            for task in members
        ]

    def apply_(self, sums: Sequence[Tensor]) -> None:
        """Apply it in place to one tensor for each set."""
        for single, shared, sign in self.terms:
            sums[single - 1].add_(sums[shared - 1], alpha=sign)

    def transpose_(self, gradients: Sequence[Tensor]) -> None:
        """Turn gradients with respect to the results, or weights of them, into those of the sums, in place."""
        for single, shared, sign in self.terms:
            gradients[shared - 1].add_(gradients[single - 1], alpha=sign)


def _read_out(products: Tensor, exclusion: Exclusion, mask: Tensor) -> Tensor:
    """Take tanh of the partitions as 2 sigmoid(2x) - 1, because CPUs compute sigmoid several times as fast as tanh."""
    steps, batch, *rest = products.shape
    outputs = products.new_empty(batch, steps, *rest)
    torch.mul(products, 2, out=outputs.transpose(0, 1))
    exclusion.apply_(outputs.unbind(2))
    return torch.addcmul(-mask, outputs.sigmoid_(), mask, value=2, out=outputs)


def _through_read_out(grad_outputs: Tensor, outputs: Tensor, exclusion: Exclusion, mask: Tensor) -> Tensor:
    """Return the gradient [steps, batch, 1 + partitions, d], with zeros for the empty set in front."""
    grad_outputs, outputs, mask = (tensor.transpose(0, 1) for tensor in (grad_outputs, outputs, mask))
    steps, batch, partitions, size = outputs.shape
    grad_products = outputs.new_empty(steps, batch, 1 + partitions, size)
    grad_products[:, :, 0] = 0
    # tanh' = 1 - tanh^2, and 0 at padding, where the outputs are 0.
    torch.addcmul(mask, outputs, outputs, value=-1, out=grad_products[:, :, 1:]).mul_(grad_outputs)
    exclusion.transpose_(grad_products.unbind(2)[1:])
    return grad_products


def _weights_of_products(w_c: Tensor, exclusion: Exclusion) -> Tensor:
    """Return the weights that give from the products what ``w_c`` [d, partitions * d] gives from the partitions."""
    weights = w_c.clone() if exclusion.terms else w_c
    exclusion.transpose_(_by_partition(weights))
    return weights


def _by_partition(weights: Tensor) -> Sequence[Tensor]:
    """View [d, partitions * d] as a matrix for each partition."""
    return weights.view(len(weights), -1, len(weights)).unbind(1)


def _grad_weight(gradients: Tensor, inputs: Tensor) -> Tensor:
    """Return the gradient of the weight: [steps, batch, outputs] and [steps, batch, inputs] -> [outputs, inputs]."""
    return gradients.flatten(0, 1).t() @ inputs.flatten(0, 1)
