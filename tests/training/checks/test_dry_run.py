import json
from pathlib import Path

import pytest
import tiny as sample
from torch import Tensor

from relx.commands import main
from relx.data.batch import Batch
from relx.errors import ConfigError, MissingExtra, TrainingError
from relx.heads.head import Head, HeadOutput
from relx.heads.hmt import HMT
from relx.training.callbacks import tracker
from relx.training.checks.dry_run import dry_run
from relx.training.distributed import Distributed


def outcome(tiny: Path, *overrides: str) -> str:
    made, _ = sample.experiment(tiny, *overrides)
    return dry_run(made, Distributed("cpu"))


def test_data_vocabulary_oracle_a_step_and_a_prediction_and_no_file(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(tiny), "--var", f"data={tiny.parent}", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["sentences", "36", "36", "36"]
    [vocabulary] = [line for line in lines if line.startswith("vocabulary: ")]
    assert "relations 2" in vocabulary and "words 17" in vocabulary
    assert any(line.startswith("model: ") and line.endswith(" weights to train") for line in lines)
    [step] = [line for line in lines if line.startswith("a step on the largest batch, 4 sentences of up to 8 tokens: ")]
    assert "gradient norm" in step and step.endswith("; 9 steps an epoch")
    assert lines[-1].startswith("a prediction of the 32 longest sentences of validation: ")
    assert "oracle check on train: the scheme's ceiling is P 100.0" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_the_vocabulary_of_data_without_entity_types_names_none(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("train", "dev", "test"):
        records = map(json.loads, (tiny.parent / f"{name}.jsonl").read_text("utf-8").splitlines())
        untyped = [{**of, "entities": [{**entity, "type": None} for entity in of["entities"]]} for of in records]
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(of)}\n" for of in untyped), "utf-8")
    for data, named in ((tiny.parent, True), (tmp_path, False)):
        assert main(["train", str(tiny), "--var", f"data={data}", "--dry-run"]) == 0
        [vocabulary] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("vocabulary: ")]
        assert ("entity_types" in vocabulary) is named and "relations 2" in vocabulary


def test_frozen_weights_are_counted_apart(tiny: Path) -> None:
    assert "frozen" in outcome(tiny, "model.embedder.trainable=false")
    assert "frozen" not in outcome(tiny)


def test_without_validation_and_clipping(tiny: Path) -> None:
    lines = outcome(tiny, *sample.WITHOUT_VALIDATION, "trainer.grad_norm=null").splitlines()
    assert "gradient norm" in lines[-2]
    assert "32 longest sentences of train" in lines[-1]


def test_what_would_end_a_run_ends_it(tiny: Path, registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    @Head.register("broken")
    class Broken(HMT):
        def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
            return super().loss(output, batch) * float("nan")

    with pytest.raises(TrainingError, match="the loss is nan"):
        outcome(tiny, "model.head.type=broken")
    with pytest.raises(ConfigError, match="matches the name of no weight"):
        outcome(tiny, 'trainer.parameter_groups={"nothing": {"lr": 1}}')
    monkeypatch.setattr(tracker, "get_available_trackers", lambda: [])
    with pytest.raises(MissingExtra, match="tensorboard is not installed"):
        outcome(tiny, 'trainer.callbacks=[{"type": "tensorboard"}]')


def test_it_says_nothing_of_an_output_folder_that_is_taken(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    command = ["train", str(tiny), "--var", f"data={tiny.parent}", "-s", str(tmp_path / "taken"), "--dry-run"]
    assert main(command) == 0
    assert (tmp_path / "taken" / "file").read_text() == "mine"
