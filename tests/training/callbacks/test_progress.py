import logging
import sys

import pytest
from reports import report, step

from relx.training.callbacks import Callback, Report
from relx.training.callbacks.default import EpochLines, ProgressBar


def test_hooks_that_are_not_overridden_do_nothing() -> None:
    callback = Callback()
    callback.on_epoch_start(1, 2, 0)
    callback.on_step_end(step())
    callback.on_validation([], [])
    callback.on_report(report())
    callback.on_end()
    callback.load_state_dict(callback.state_dict())


class TestEpochLines:
    def line(self, told: Report, caplog: pytest.LogCaptureFixture) -> str:
        with caplog.at_level(logging.INFO):
            EpochLines(9, "exact_span").on_report(told)
        return caplog.messages[-1]

    def test_an_epoch_is_one_line_with_the_protocol(self, caplog: pytest.LogCaptureFixture) -> None:
        scores = "triple_f1 12.5  entity_f1 100.0 (exact_span)"
        assert self.line(report(), caplog) == f"epoch 3/9  loss 0.500  {scores}  123 sentences/s  2.0 s  *"

    def test_only_the_best_has_a_star(self, caplog: pytest.LogCaptureFixture) -> None:
        assert self.line(report(improved=False), caplog).endswith("  2.0 s")

    def test_without_validation(self, caplog: pytest.LogCaptureFixture) -> None:
        assert self.line(report(metrics={}), caplog) == "epoch 3/9  loss 0.500  123 sentences/s  2.0 s"


class TestProgressBar:
    def test_it_shows_loss_and_the_best_metric_with_its_protocol(self, capsys: pytest.CaptureFixture[str]) -> None:
        bar = ProgressBar(9, "triple_f1", "exact_span")
        for number, told in ((1, report(1)), (2, report(2, improved=False, metrics={"triple_f1": 0.1}))):
            bar.on_epoch_start(number, 1, 0)
            bar.on_step_end(step(number))
            bar.on_report(told)
        bar.on_epoch_start(3, 1, 0)
        bar.on_step_end(step(3, mean_loss=0.125))
        assert "epoch 1/9" in capsys.readouterr().err
        assert bar.bar is not None
        assert (bar.bar.n, bar.bar.postfix) == (1, "loss 0.125, best triple_f1 12.5 (exact_span)")

    def test_the_best_metric_is_shown_again_after_a_resume(self) -> None:
        before, after = ProgressBar(9, "triple_f1", "exact_span"), ProgressBar(9, "triple_f1", "exact_span")
        before.on_report(report())
        after.load_state_dict(before.state_dict())
        after.on_epoch_start(4, 1, 0)
        after.on_step_end(step())
        assert after.bar is not None and after.bar.postfix == "loss 0.250, best triple_f1 12.5 (exact_span)"

    def test_it_stays_after_a_report_in_the_middle_of_an_epoch_and_goes_on_after_a_resume(self) -> None:
        bar = ProgressBar(9, "triple_f1", "exact_span")
        bar.on_epoch_start(3, 5, 2)
        for _ in range(2):
            bar.on_step_end(step())
            bar.on_report(report())
        assert bar.bar is not None and (bar.bar.n, bar.bar.total, bar.bar.disable) == (4, 5, False)

    def test_a_resumed_epoch_starts_where_it_was_left_and_a_report_in_its_middle_does_not_end_it(self) -> None:
        bar = ProgressBar(9, "triple_f1", "exact_span")
        bar.on_epoch_start(1, 5, 2)
        bar.on_step_end(step())
        bar.on_report(report())
        bar.on_step_end(step())
        assert bar.bar is not None and (bar.bar.n, bar.bar.total) == (4, 5)
        bar.on_end()

    def test_an_end_in_the_middle_closes_it(self) -> None:
        bar = ProgressBar(9, "triple_f1", "exact_span")
        bar.on_epoch_start(1, 5, 0)
        bar.on_step_end(step())
        bar.on_end()
        assert bar.bar is not None and bar.bar.disable
        bar.on_end()

    def test_in_a_notebook_a_short_epoch_leaves_nothing_and_a_long_one_has_a_bar(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
        bar = ProgressBar(9, "triple_f1", "exact_span")
        for number, later in ((1, 0.0), (2, 3.0)):
            bar.on_epoch_start(number, 2, 0)
            assert bar.bar is not None
            bar.bar.start_t -= later
            bar.bar.last_print_t -= later
            bar.on_step_end(step(number))
            bar.on_report(report(number))
            bar.on_end()
            written = capsys.readouterr().err
            # A bar that another test left open makes tqdm move the cursor.
            assert f"epoch {number}/9:  50%" in written if later else "epoch" not in written

    def test_an_end_before_the_start(self) -> None:
        ProgressBar(9, "triple_f1", "exact_span").on_end()
