import json
from pathlib import Path

import pytest
from reports import report

from relx.errors import RelxError
from relx.training.callbacks.metrics_file import MetricsFile


def test_metrics_are_appended_as_json_lines(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path, "exact_span")
    file.on_report(report(3))
    file.on_report(report(4, improved=False))
    first, second = map(json.loads, (tmp_path / "epochs.jsonl").read_text().splitlines())
    assert first == {
        "protocol": "exact_span",
        "epoch": 3,
        "step": 12,
        "loss": 0.5,
        "metrics": report().metrics,
        "improved": True,
        "sentences_per_second": 123.4,
        "seconds": 2.0,
    }
    assert (second["epoch"], second["improved"]) == (4, False)


@pytest.mark.parametrize("written", [0, 1, 2])
def test_what_was_written_after_a_checkpoint_is_gone_after_the_resume(tmp_path: Path, written: int) -> None:
    file = MetricsFile(tmp_path, "exact_span")
    for number in range(written):
        file.on_report(report(number))
    state = json.loads(json.dumps(file.state_dict()))
    file.on_report(report(8))
    resumed = MetricsFile(tmp_path, "exact_span")
    resumed.load_state_dict(state)
    resumed.on_report(report(9))
    lines = (tmp_path / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [*range(written), 9]


def test_a_file_that_was_removed_in_between_starts_anew(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path, "exact_span")
    file.load_state_dict({"bytes": 100})
    file.on_report(report())
    assert len((tmp_path / "epochs.jsonl").read_text().splitlines()) == 1


def test_a_metrics_file_whose_folder_is_gone_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RelxError, match=r"gone/epochs.jsonl: cannot be written: No such file"):
        MetricsFile(tmp_path / "gone", "exact_span").on_report(report())
