from relx.training.checkpointing.state import Best, TrainingState


def test_a_state_knows_its_place() -> None:
    state = TrainingState()
    places = []
    for _ in range(5):
        state.advance(1.0, 1, steps=2)
        places.append((state.step, state.epoch, state.position, state.present_epoch))
    assert places == [(1, 0, 1, 1), (2, 1, 0, 1), (3, 1, 1, 2), (4, 2, 0, 2), (5, 2, 1, 3)]


def test_the_loss_is_the_mean_over_sentences_since_the_report() -> None:
    state = TrainingState()
    state.advance(1.0, 3, steps=9)
    state.advance(2.0, 1, steps=9)
    assert state.mean_loss == 1.25
    state.note_report({}, False)
    assert state.mean_loss == 0
    state.advance(4.0, 2, steps=9)
    assert state.mean_loss == 4


def test_a_state_survives_json() -> None:
    state = TrainingState(7, 2, 1, 0.1 + 0.2, 5, 2, 6, Best(1, 1, 3, {"triple_f1": 1 / 3}), 2.5, interrupted=True)
    copy = TrainingState.from_json(state.to_json())
    assert copy == TrainingState(**{**vars(state), "interrupted": False})
    assert TrainingState.from_json(TrainingState().to_json()) == TrainingState()
