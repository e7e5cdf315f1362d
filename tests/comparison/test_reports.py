import json
from pathlib import Path

import pytest

from relx.comparison.reports import Report, read_reports
from relx.errors import DataError


def line(epoch: int) -> str:
    return json.dumps(
        {
            "epoch": epoch, "step": 7 * epoch, "protocol": "strict", "loss": 0.5, "metrics": {"triple_f1": 0.25},
            "improved": True, "seconds": 1.0, "sentences_per_second": 3.0,
        }
    )  # fmt: skip


def test_each_line_is_a_report(tmp_path: Path) -> None:
    (tmp_path / "epochs.jsonl").write_text(f"{line(1)}\n{line(2)}\n")
    one, two = read_reports(tmp_path)
    assert one == Report(1, 7, "strict", 0.5, {"triple_f1": 0.25}, True)
    assert (two.epoch, two.step) == (2, 14)


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "epochs.jsonl").write_text(f"{line(1)}\n{line(2)[:20]}")
    assert len(read_reports(tmp_path)) == 1


@pytest.mark.parametrize("content", ["", '{"epoch": 1'])
def test_a_run_that_has_only_begun(tmp_path: Path, content: str) -> None:
    (tmp_path / "epochs.jsonl").write_text(content)
    with pytest.raises(DataError, match="epochs.jsonl: holds no report yet"):
        read_reports(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="epochs.jsonl: no such file"):
        read_reports(tmp_path)


WRONG = [
    json.dumps({**json.loads(line(1)), **change})
    for change in ({"metrics": 3}, {"metrics": {"f1": "high"}}, {"loss": None}, {"step": [1]}, {"epoch": float("inf")})
]


@pytest.mark.parametrize("damaged", ["{", "[]", '{"epoch": 1}', '"x"', "[" * 50_000, *WRONG])
def test_a_damaged_line_has_its_place(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "epochs.jsonl").write_text(f"{line(1)}\n{damaged}\n{line(2)}\n")
    with pytest.raises(DataError, match=r"epochs.jsonl:2: holds no report of relx"):
        read_reports(tmp_path)
