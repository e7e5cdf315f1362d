"""Training in mixed precision."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny as sample
import torch

from relx import archive
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.distributed import Distributed, Precision
from relx.training.run import train

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def trained(file: Path, folder: Path, precision: Precision, device: str, **variables: Any) -> list[dict[str, Any]]:
    """The reports of a run."""
    made, full = sample.experiment(file, f"trainer.precision={precision}", "model.head.dropout=0", **variables)
    train(made, RunFolder.claim(folder, force=False), full, Distributed(device, precision))
    return [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("head", ["hmt", "novel_tagging"])
def test_bf16_learns_nearly_as_fp32_does(tiny: Path, tmp_path: Path, head: str) -> None:
    full, half = (trained(tiny, tmp_path / name, name, "cpu", head=head, epochs=2) for name in ("fp32", "bf16"))
    assert [line["loss"] for line in half] == pytest.approx([line["loss"] for line in full], rel=0.02)
    assert [line["loss"] for line in half] != [line["loss"] for line in full]
    weights = archive.load(tmp_path / "bf16" / "model.tar.gz").model.state_dict()
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


@pytest.mark.parametrize(("able", "warned"), [(True, False), (False, True)])
def test_a_processor_without_instructions_for_bf16_is_slow(
    able: bool, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: able)
    Distributed("cpu", "bf16")
    assert ("trainer.precision: this processor has no instructions for bf16" in caplog.text) == warned
    caplog.clear()
    Distributed("cpu")
    assert caplog.text == ""


@needs_gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_gpu_learns_in_every_precision(tiny: Path, tmp_path: Path, precision: Precision) -> None:
    reports = trained(tiny, tmp_path / "run", precision, "cuda", epochs=12)
    assert reports[-1]["loss"] < 0.1 * reports[0]["loss"]
    assert reports[-1]["metrics"]["triple_f1"] > 0.9


@needs_gpu
def test_a_gpu_finds_the_losses_of_a_processor(tiny: Path, tmp_path: Path) -> None:
    one, other = (trained(tiny, tmp_path / device, "fp32", device, epochs=3) for device in ("cpu", "cuda"))
    assert [line["loss"] for line in one] == pytest.approx([line["loss"] for line in other], rel=1e-3)


@needs_gpu
def test_a_run_on_a_gpu_is_resumed_with_its_scale_and_its_random_numbers(tiny: Path, tmp_path: Path) -> None:
    overrides = ("trainer.precision=fp16", "model.head.dropout=0.3")

    def losses(folder: Path) -> list[float]:
        return [json.loads(line)["loss"] for line in (folder / "epochs.jsonl").read_text().splitlines()]

    def go_on(folder: Path, epochs: int) -> None:
        made, full = sample.experiment(tiny, *overrides, epochs=epochs)
        train(made, RunFolder.resume(folder, full), full, Distributed("cuda", "fp16"), recover=True)

    go_on(tmp_path / "peace", epochs=4)
    for epochs in (2, 4):
        go_on(tmp_path / "run", epochs)
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "peace"), rel=1e-4)
