"""Products of gates for every set of tasks, and their gradients, in a few operations for all sets at once.

A set of tasks is a number from 1 whose binary digits are its tasks, task 0 the lowest: of the tasks e, s and o the sets
are e, s, es, o, eo, so, eso. Each further task brings a set of its own and one with each set before it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def tasks_of(number: int) -> list[int]:
    """The tasks of a set."""
    return [task for task in range(number.bit_length()) if number >> task & 1]


class GateProducts:
    """For each set of tasks the product of a value and the gates of these tasks, summed over two values."""

    def __init__(self, products: Tensor, gates: Tensor, sums: Tensor) -> None:
        """``products`` [2, 1 + sets, batch, d] is the place to work in; the values of a step stand at the empty set.

        ``gates`` [steps, 2, tasks, batch, d] are read, ``sums`` [steps, batch, sets, d] are written.
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
    """The gradients of ``GateProducts`` with respect to values and gates.

    What a value adds to the loss is the value times a polynomial in its gates, with the gradient of a set's sum as the
    coefficient of that set. The gates are put in one after the other, in place. That leaves the polynomial itself, the
    gradient of the value, at the empty set, and its derivative by the gate of a task at the set of that task alone.
    """

    def __init__(self, values: Tensor, gates: Tensor, of_sums: Tensor, of_gates: Tensor) -> None:
        """``values`` [steps, 2, batch, d], ``gates`` as there, and ``of_sums`` [steps, batch, 1 + sets, d] are read.

        ``of_gates`` [2, tasks, batch, d] is written at each step, and so is ``of_values`` [2, batch, d].
        """
        tasks, half = gates.shape[2], 2 ** (gates.shape[2] - 1)
        polynomial = values.new_empty(2, 2 * half, *values.shape[2:])
        coefficients = of_sums.transpose(1, 2).unsqueeze(1)
        self.lower, self.upper = coefficients[:, :, :half].unbind(0), coefficients[:, :, half:].unbind(0)
        self.folded, self.unfolded = polynomial[:, :half], polynomial[:, half:]
        *others, self.last_gate = (gate.unbind(0) for gate in gates[:, :, :, None].unbind(2))
        self.foldings = []
        for task, gate in reversed(list(enumerate(others))):
            halves = polynomial.view(2, -1, 2, 1 << task, *values.shape[2:])
            self.foldings.append((halves[:, :, 0], halves[:, :, 1], [of_step.unsqueeze(1) for of_step in gate]))
        self.values, self.of_values = values.unbind(0), polynomial[:, 0]
        self.derivatives = [(polynomial[:, 1 << task], of_gates[:, task]) for task in range(tasks)]

    def derive(self, step: int) -> None:
        """Write the gradients of a step."""
        torch.addcmul(self.lower[step], self.upper[step], self.last_gate[step], out=self.folded)
        self.unfolded.copy_(self.upper[step])
        for without, with_task, gate in self.foldings:
            without.addcmul_(with_task, gate[step])
        for derivative, of_gate in self.derivatives:
            torch.mul(derivative, self.values[step], out=of_gate)


class Exclusion:
    """Leaves out of the sum of a single task what it shares, as if its gate were rho_k prod_{j != k} (1 - rho_j).

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
        """In place; one tensor for each set."""
        for single, shared, sign in self.terms:
            sums[single - 1].add_(sums[shared - 1], alpha=sign)

    def transpose_(self, gradients: Sequence[Tensor]) -> None:
        """The same for gradients with respect to the results, or for weights of them: gives those of the sums."""
        for single, shared, sign in self.terms:
            gradients[shared - 1].add_(gradients[single - 1], alpha=sign)
