import pytest

from relx.training.checkpointing.state import Best, TrainingState
from relx.training.trainer import Every, StoppingCriteria


def due(every: str, steps: int, epochs: int = 4) -> list[int]:
    """The steps of a run of epochs of so many steps at which something is due."""
    state, found = TrainingState(), []
    course = StoppingCriteria(epochs, None, "triple_f1", Every(every))
    while not course.is_over(state):
        state.advance(1.0, 2, steps)
        if course.report_is_due(state):
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
    with pytest.raises(ValueError, match="every is .*; write a number of steps or epochs, such as '500 steps'"):
        Every(text)


def test_a_state_is_due_once() -> None:
    state = TrainingState()
    course = StoppingCriteria(3, None, "triple_f1", Every("1 epoch"))
    assert not course.report_is_due(state)
    state.advance(1.0, 2, steps=1)
    assert course.report_is_due(state)
    state.note_report({}, True)
    assert not course.report_is_due(state)


class TestPatience:
    def over(self, patience: int | None, *f1: float) -> list[bool]:
        """After each report that finds these values."""
        state, ends = TrainingState(), []
        course = StoppingCriteria(99, patience, "triple_f1", Every("1 step"))
        for value in f1:
            state.advance(1.0, 1, steps=2)
            metrics = {"triple_f1": value}
            state.note_report(metrics, course.is_better(metrics, state))
            ends.append(course.is_over(state))
        return ends

    def test_reports_without_a_better_metric_are_counted(self) -> None:
        assert self.over(2, 0.1, 0.3, 0.2, 0.3) == [False, False, False, True]

    def test_not_before_the_first_success(self) -> None:
        assert self.over(1, 0.0, 0.0, 0.1, 0.1) == [False, False, False, True]

    def test_without_patience_there_is_no_end(self) -> None:
        assert not any(self.over(None, 0.3, 0.2, 0.1))


class TestState:
    def test_it_knows_its_place(self) -> None:
        state = TrainingState()
        places = []
        for _ in range(5):
            state.advance(1.0, 1, steps=2)
            places.append((state.step, state.epoch, state.position, state.present_epoch))
        assert places == [(1, 0, 1, 1), (2, 1, 0, 1), (3, 1, 1, 2), (4, 2, 0, 2), (5, 2, 1, 3)]

    def test_the_loss_is_the_mean_over_sentences_since_the_report(self) -> None:
        state = TrainingState()
        state.advance(1.0, 3, steps=9)
        state.advance(2.0, 1, steps=9)
        assert state.mean_loss == 1.25
        state.note_report({}, False)
        assert state.mean_loss == 0
        state.advance(4.0, 2, steps=9)
        assert state.mean_loss == 4

    def test_it_survives_json(self) -> None:
        state = TrainingState(7, 2, 1, 0.1 + 0.2, 5, 2, 6, Best(1, 1, 3, {"triple_f1": 1 / 3}), 2.5, interrupted=True)
        copy = TrainingState.from_json(state.to_json())
        assert copy == TrainingState(**{**vars(state), "interrupted": False})
        assert TrainingState.from_json(TrainingState().to_json()) == TrainingState()
