from pathlib import Path
from typing import Any

import pytest

from relx.errors import ConfigError
from relx.registry import Lazy
from relx.training.callbacks import Callback
from relx.training.callbacks.alerts import Alerts
from relx.training.callbacks.default import callbacks_of
from relx.training.callbacks.samples import Samples
from relx.training.trainer import Trainer


def chosen(folder: Path, *named: Lazy[Callback]) -> list[Any]:
    return callbacks_of(Trainer(epochs=3, callbacks=[*named]), folder, "exact_span")


def test_every_run_has_progress_metrics_alerts_and_samples(tmp_path: Path) -> None:
    assert [type(c).__name__ for c in chosen(tmp_path)] == ["EpochLines", "MetricsFile", "Alerts", "Samples"]


def test_naming_one_of_them_sets_it_instead_of_adding_another(tmp_path: Path) -> None:
    callbacks = chosen(tmp_path, Lazy(Alerts, spike=7.0))
    assert [c.spike for c in callbacks if isinstance(c, Alerts)] == [7.0]
    assert sum(isinstance(c, Samples) for c in callbacks) == 1


def test_others_come_after_them(tmp_path: Path) -> None:
    class Mine(Callback):
        def __init__(self, word: str) -> None:
            self.word = word

    assert [c.word for c in chosen(tmp_path, Lazy(Mine, word="a"), Lazy(Mine, word="b"))[-2:]] == ["a", "b"]


def test_a_setting_without_sense_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.callbacks\.0: spike is 0"):
        chosen(tmp_path, Lazy(Alerts, "trainer.callbacks.0", spike=0.0))
