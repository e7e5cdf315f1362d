import json
import math

import pytest
from reports import report, step
from sentences import sentence

from relx.training.callbacks.alerts import Alerts

GOLD = [sentence("Ada was born in London", ((0, 1), "born_in", (4, 5))), sentence("nothing")]
SILENT = [example.unlabeled() for example in GOLD]


def after_epochs(alerts: Alerts, *predictions: list) -> None:
    for number, predicted in enumerate(predictions, 1):
        alerts.on_validation(GOLD, predicted)
        alerts.on_report(report(number))


class TestNoRelation:
    def test_it_warns_once_after_so_many_epochs(self, caplog: pytest.LogCaptureFixture) -> None:
        alerts = Alerts(no_relation_after=2)
        after_epochs(alerts, SILENT)
        assert caplog.messages == []
        after_epochs(alerts, SILENT, SILENT, SILENT)
        [message] = caplog.messages
        assert message.startswith("no relation was predicted in 2 reports in a row, of 1 in the validation set.")
        assert "trainer.optimizer.lr" in message and "--overfit 8" in message

    def test_a_run_that_is_judged_by_entities_may_lack_relations(self, caplog: pytest.LogCaptureFixture) -> None:
        after_epochs(Alerts(no_relation_after=1, metric="entity_f1"), SILENT, SILENT)
        assert caplog.messages == []

    def test_a_single_relation_is_enough(self, caplog: pytest.LogCaptureFixture) -> None:
        after_epochs(Alerts(), SILENT, GOLD, SILENT, SILENT)
        assert caplog.messages == []

    def test_every_such_stretch_is_told_of_once(self, caplog: pytest.LogCaptureFixture) -> None:
        alerts = Alerts(no_relation_after=2)
        after_epochs(alerts, GOLD, SILENT, SILENT, SILENT)
        assert len(caplog.messages) == 1
        after_epochs(alerts, GOLD, SILENT, SILENT)
        assert len(caplog.messages) == 2

    def test_gold_without_relations_is_no_reason(self, caplog: pytest.LogCaptureFixture) -> None:
        alerts = Alerts(no_relation_after=1)
        alerts.on_validation(SILENT, SILENT)
        alerts.on_report(report(1))
        alerts.on_report(report(1, metrics={}))
        assert caplog.messages == []


class TestGradients:
    def steps(self, alerts: Alerts, *norms: float | None, start: int = 1, epoch: int = 1) -> None:
        for number, norm in enumerate(norms, start):
            alerts.on_step_end(step(number, epoch, grad_norm=norm))

    def test_a_jump_is_reported_once_an_epoch(self, caplog: pytest.LogCaptureFixture) -> None:
        alerts = Alerts(spike=10)
        self.steps(alerts, *[1.0, 3.0] * 10, 19.0, 35.0, 40.0)
        [message] = caplog.messages
        start = "epoch 1, step 22: the norm of the gradients is 35; the highest median of 100 steps was 3."
        assert message.startswith(start) and "trainer.grad_norm" in message
        self.steps(alerts, 1.0, 50.0, start=24, epoch=2)
        assert [m.partition(":")[0] for m in caplog.messages] == ["epoch 1, step 22", "epoch 2, step 25"]

    def test_a_jump_to_what_was_usual_once_is_none(self, caplog: pytest.LogCaptureFixture) -> None:
        alerts = Alerts(spike=10)
        self.steps(alerts, *[1.0] * 100, *[0.01] * 100, 9.0)
        assert caplog.messages == []
        self.steps(alerts, 11.0, start=202)
        assert "the norm of the gradients is 11" in caplog.text

    def test_the_first_steps_are_wild(self, caplog: pytest.LogCaptureFixture) -> None:
        self.steps(Alerts(), *[0.001] * 19, 1000.0)
        assert caplog.messages == []

    @pytest.mark.parametrize("norm", [math.inf, math.nan])
    def test_a_norm_that_is_not_finite_is_reported_at_once(self, norm: float, caplog: pytest.LogCaptureFixture) -> None:
        alerts = Alerts()
        self.steps(alerts, norm)
        assert f"the norm of the gradients is {norm}" in caplog.text
        assert json.dumps(alerts.state_dict(), allow_nan=False)

    def test_without_a_norm_there_is_nothing_to_say(self, caplog: pytest.LogCaptureFixture) -> None:
        self.steps(Alerts(), *[None] * 30)
        assert caplog.messages == []


def test_a_resumed_run_remembers_what_was_seen(caplog: pytest.LogCaptureFixture) -> None:
    before, after = Alerts(no_relation_after=2, spike=10), Alerts(no_relation_after=2, spike=10)
    after_epochs(before, GOLD, SILENT)
    for number in range(1, 31):
        before.on_step_end(step(number))
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    after.on_validation(GOLD, SILENT)
    after.on_report(report(3))
    assert "no relation was predicted in 2 reports in a row" in caplog.text
    after.on_step_end(step(31, grad_norm=99.0))
    assert "the norm of the gradients is 99" in caplog.text


@pytest.mark.parametrize("arguments", [{"no_relation_after": 0}, {"spike": 1.0}])
def test_settings_without_sense_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Alerts(**arguments)  # type: ignore[arg-type]
