from pathlib import Path
from typing import Any

import pytest

from relx.errors import TrainingError
from relx.training.checkpointing.run_folder import differences, require_harmless

BEFORE: dict[str, Any] = {
    "train_data_path": "train.jsonl",
    "model": {"embedder": {"embedders": [{"dim": 3}, {"dim": 4}]}, "head": {"type": "hmt"}},
    "trainer": {"epochs": 2, "patience": None, "callbacks": None},
}


def changed(**values: Any) -> dict[str, Any]:
    return {**BEFORE, **values}


def shown(now: dict[str, Any]) -> list[str]:
    return list(map(str, differences(BEFORE, now)))


def test_equal_experiments_do_not_differ() -> None:
    assert shown(changed()) == []


def test_each_value_that_differs_has_its_path() -> None:
    now = changed(
        model={"embedder": {"embedders": [{"dim": 3}, {"dim": 5}, {"dim": 1}]}, "head": {"type": "rin", "rounds": 2}},
        train_data_path="é.jsonl",
    )
    assert shown(now) == [
        "model.embedder.embedders.1.dim: 4 -> 5",
        "model.embedder.embedders.2.dim: nothing -> 1",
        "model.head.rounds: nothing -> 2",
        'model.head.type: "hmt" -> "rin"',
        'train_data_path: "train.jsonl" -> "é.jsonl"',
    ]


def test_a_part_that_comes_where_there_was_none() -> None:
    now = changed(trainer={"epochs": 2, "patience": None, "callbacks": None, "schedule": {"type": "linear"}})
    assert shown(now) == ['trainer.schedule.type: nothing -> "linear"']


@pytest.mark.parametrize(
    "trainer",
    [
        {"epochs": 9, "patience": 3, "callbacks": None},
        {"epochs": 2, "patience": None, "callbacks": [{"type": "alerts"}]},
    ],
)
def test_how_long_a_run_goes_on_and_who_watches_is_harmless(trainer: dict[str, Any]) -> None:
    require_harmless(differences(BEFORE, changed(trainer=trainer)), Path("out"))


def test_anything_else_is_refused_with_all_differences() -> None:
    now = changed(trainer={**BEFORE["trainer"], "epochs": 9}, seed=3)
    message = "^out: was started with another experiment:\n  seed: nothing -> 3\n  trainer.epochs: 2 -> 9\nOnly trainer"
    with pytest.raises(TrainingError, match=message):
        require_harmless(differences(BEFORE, now), Path("out"))
