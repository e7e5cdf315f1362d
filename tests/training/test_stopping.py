import pytest

from relx.training.checkpointing.state import TrainingState
from relx.training.trainer import Interval, StoppingCriteria


def due(every: str, steps: int, epochs: int = 4) -> list[int]:
    """The steps of a run of epochs of so many steps at which something is due."""
    state, found = TrainingState(), []
    interval, stopping = Interval(every), StoppingCriteria(epochs, None, "triple_f1")
    while not stopping.should_stop(state):
        state.advance(1.0, 2, steps)
        if interval.is_due(state, epochs):
            found.append(state.step)
            state.note_report({}, False)
    return found


@pytest.mark.parametrize(
    ("every", "steps"),
    [
        ("1 epoch", [5, 10, 15, 20]),
        ("2 epochs", [10, 20]),
        ("3 epochs", [15, 20]),
        ("8 steps", [8, 16, 20]),
        ("1 step", list(range(1, 21))),
        ("100 steps", [20]),
    ],
)
def test_it_is_due_every_so_often_and_at_the_end(every: str, steps: list[int]) -> None:
    assert due(every, 5) == steps


@pytest.mark.parametrize("text", ["", "5", "epoch", "0 steps", "-1 steps", "1.5 epochs", "2 weeks", "1 epoch or so"])
def test_nothing_else_is_understood(text: str) -> None:
    with pytest.raises(ValueError, match="validate_every is .*; write a .* steps or epochs, such as '500 steps'"):
        Interval(text)


def test_a_state_is_due_once() -> None:
    state, interval = TrainingState(), Interval("1 epoch")
    assert not interval.is_due(state, epochs=3)
    state.advance(1.0, 2, steps=1)
    assert interval.is_due(state, epochs=3)
    state.note_report({}, True)
    assert not interval.is_due(state, epochs=3)


class TestPatience:
    def over(self, patience: int | None, *f1: float) -> list[bool]:
        """After each report that finds these values."""
        state, ends = TrainingState(), []
        stopping = StoppingCriteria(99, patience, "triple_f1")
        for value in f1:
            state.advance(1.0, 1, steps=2)
            metrics = {"triple_f1": value}
            state.note_report(metrics, stopping.is_better(metrics, state))
            ends.append(stopping.should_stop(state))
        return ends

    def test_reports_without_a_better_metric_are_counted(self) -> None:
        assert self.over(2, 0.1, 0.3, 0.2, 0.3) == [False, False, False, True]

    def test_not_before_the_first_success(self) -> None:
        assert self.over(1, 0.0, 0.0, 0.1, 0.1) == [False, False, False, True]

    def test_without_patience_there_is_no_end(self) -> None:
        assert not any(self.over(None, 0.3, 0.2, 0.1))
