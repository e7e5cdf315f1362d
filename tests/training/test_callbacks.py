import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from relx.errors import RelxError
from relx.training.callbacks import Callback, EpochLines, EpochReport, MetricsFile, ProgressBar

REPORT = EpochReport(3, 0.5, {"triple_f1": 0.125, "triple_recall": 0.2, "entity_f1": 1.0}, True, 123.4, 2.0)


def test_hooks_that_are_not_overridden_do_nothing() -> None:
    callback = Callback()
    callback.on_epoch_start(1, 2)
    callback.on_step_end(0.5)
    callback.on_epoch_end(REPORT)
    callback.on_end()


class TestEpochLines:
    def line(self, report: EpochReport, caplog: pytest.LogCaptureFixture) -> str:
        with caplog.at_level(logging.INFO):
            EpochLines(9, "exact_span").on_epoch_end(report)
        return caplog.messages[-1]

    def test_an_epoch_is_one_line_with_the_protocol(self, caplog: pytest.LogCaptureFixture) -> None:
        scores = "triple_f1 12.5  entity_f1 100.0 (exact_span)"
        assert self.line(REPORT, caplog) == f"epoch 3/9  loss 0.500  {scores}  123 sentences/s  2.0 s  *"

    def test_only_the_best_has_a_star(self, caplog: pytest.LogCaptureFixture) -> None:
        assert self.line(replace(REPORT, improved=False), caplog).endswith("  2.0 s")

    def test_without_validation(self, caplog: pytest.LogCaptureFixture) -> None:
        assert self.line(replace(REPORT, metrics={}), caplog) == "epoch 3/9  loss 0.500  123 sentences/s  2.0 s"


def test_metrics_are_appended_as_json_lines(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "epochs.jsonl", "exact_span")
    file.on_epoch_end(REPORT)
    file.on_epoch_end(replace(REPORT, epoch=4, improved=False))
    first, second = map(json.loads, (tmp_path / "epochs.jsonl").read_text().splitlines())
    assert first == {
        "protocol": "exact_span",
        "epoch": 3,
        "loss": 0.5,
        "metrics": REPORT.metrics,
        "improved": True,
        "sentences_per_second": 123.4,
        "seconds": 2.0,
    }
    assert (second["epoch"], second["improved"]) == (4, False)


def test_a_metrics_file_whose_folder_is_gone_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RelxError, match=r"gone/epochs.jsonl: cannot be written: No such file"):
        MetricsFile(tmp_path / "gone" / "epochs.jsonl", "exact_span").on_epoch_end(REPORT)


class TestProgressBar:
    def test_it_shows_loss_and_the_best_metric_with_its_protocol(self, capsys: pytest.CaptureFixture[str]) -> None:
        bar = ProgressBar(9, "triple_f1", "exact_span")
        for epoch, report in ((1, REPORT), (2, replace(REPORT, improved=False, metrics={"triple_f1": 0.1}))):
            bar.on_epoch_start(epoch, 1)
            bar.on_step_end(0.25)
            bar.on_epoch_end(report)
        bar.on_epoch_start(3, 1)
        bar.on_step_end(0.125)
        assert "epoch 1/9" in capsys.readouterr().err
        assert bar.bar is not None
        assert (bar.bar.n, bar.bar.postfix) == (1, "loss 0.125, best triple_f1 12.5 (exact_span)")

    def test_an_end_in_the_middle_closes_it(self) -> None:
        bar = ProgressBar(9, "triple_f1", "exact_span")
        bar.on_epoch_start(1, 5)
        bar.on_step_end(0.25)
        bar.on_end()
        assert bar.bar is not None and bar.bar.disable
        bar.on_end()

    def test_an_end_before_the_start(self) -> None:
        ProgressBar(9, "triple_f1", "exact_span").on_end()
