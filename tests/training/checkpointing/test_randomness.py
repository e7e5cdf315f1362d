import random

import numpy as np
import torch

from relx.training.checkpointing.randomness import random_state, restore_random_state, seed_everything

CPU = torch.device("cpu")


def draw() -> list[float]:
    return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(()).item()]


def test_a_seed_says_what_is_drawn() -> None:
    seed_everything(3)
    first = draw()
    seed_everything(3)
    assert draw() == first
    seed_everything(4)
    assert not set(draw()) & set(first)


def test_each_process_draws_its_own() -> None:
    drawn = []
    for rank in (0, 1, 2, 1):
        seed_everything(3, rank)
        drawn.append(draw())
    assert drawn[1] == drawn[3]
    assert len({number for numbers in drawn[:3] for number in numbers}) == 3 * len(drawn[0])


def test_a_state_is_taken_up_where_it_was_left() -> None:
    seed_everything(3)
    draw()
    state = random_state(CPU)
    expected = draw() + draw()
    restore_random_state(state, CPU)
    assert draw() + draw() == expected
