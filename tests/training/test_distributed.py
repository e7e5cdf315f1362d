"""One process, and several that train one model."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as sample
import torch
from forks import Forked, script

from relx import archive
from relx.commands import main
from relx.errors import RelxError, TrainingError
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.distributed import LAUNCHED, Distributed
from relx.training.run import train

pytestmark = pytest.mark.slow

FUZZ = Path(__file__).resolve().parents[1] / "fuzz"
# Batches of five, two of them a step; of the last one, a single sentence, one process has nothing to do.
UNEVEN = (
    "data_loader.batch_size=5",
    "trainer.gradient_accumulation_steps=2",
    "model.head.dropout=0",
    "trainer.optimizer.lr=0.01",
    "calibrate=true",
)
EPOCHS = 6


class TestOne:
    def test_it_is_the_main_one_and_has_everything(self) -> None:
        alone = Distributed("cpu")
        assert (alone.main, alone.rank, alone.count, alone.device) == (True, 0, 1, torch.device("cpu"))
        assert alone.share(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
        assert alone.map(str, [3, 1, 2]) == ["3", "1", "2"]
        assert alone.gather("mine") == ["mine"]
        assert alone.total(0.1) == 0.1
        assert (alone.any(True), alone.any(False)) == (True, False)
        assert alone.on_main(lambda: 7) == 7

    def test_runs_of_one_program_may_differ_in_precision(self) -> None:
        found = [Distributed("cpu", precision).accelerator.mixed_precision for precision in ("fp32", "bf16", "fp32")]
        assert found == ["no", "bf16", "no"]

    def test_a_device_that_is_none(self) -> None:
        with pytest.raises(RelxError, match="device 'gpu' cannot be used here; try cpu, cuda or cuda:1"):
            Distributed("gpu")

    def test_of_several_each_has_a_gpu_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"RANK": "1", LAUNCHED: "1", "WORLD_SIZE": "2"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("relx.training.distributed.require_device", lambda name: None)
        with pytest.raises(TrainingError, match="--device cuda:1: of several processes each takes a GPU of its own"):
            Distributed("cuda:1")


@pytest.fixture(scope="module")
def folders(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process leaves, and two that ``torchrun`` starts, with the same global batches."""
    place = tmp_path_factory.mktemp("processes")
    sample.train(tiny, place / "one", *UNEVEN, epochs=EPOCHS)
    overrides = [argument for override in UNEVEN for argument in ("-o", override)]
    variables = ["--var", f"data={tiny.parent}", "--var", f"epochs={EPOCHS}"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "relx", "train"]
    run = subprocess.run(
        [sys.executable, *launch, str(tiny), *variables, *overrides, "-s", str(place / "two"), "--device", "cpu"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return {"one": place / "one", "two": place / "two", "output": run}


class TestTwo:
    def test_the_loss_of_each_epoch_is_the_same(self, folders: dict[str, Any]) -> None:
        one, two = ([line["loss"] for line in epochs(folders[name])] for name in ("one", "two"))
        assert len(one) == EPOCHS and one[-1] < 0.7 * one[0]
        assert two == pytest.approx(one, rel=1e-4)

    def test_so_is_every_metric(self, folders: dict[str, Any]) -> None:
        one, two = ([line["metrics"] for line in epochs(folders[name])] for name in ("one", "two"))
        assert one == two
        one, two = (json.loads((folders[name] / "metrics.json").read_text()) for name in ("one", "two"))
        assert {**one, "seconds": 0} == {**two, "seconds": 0}
        assert two["test"]["exact_span"]["triples"]["gold"] == 24

    def test_so_are_the_weights(self, folders: dict[str, Any]) -> None:
        one, two = (archive.load(folders[name] / "model.tar.gz").model.state_dict() for name in ("one", "two"))
        for name, tensor in one.items():
            torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-4)

    def test_one_of_them_speaks(self, folders: dict[str, Any]) -> None:
        output = folders["output"]
        own = [line for line in output.stdout.splitlines() if not line.startswith("[Gloo]")]  # torch 2.9 prints them
        assert own == [str(folders["two"] / "model.tar.gz")]
        assert output.stderr.count("epoch 1/6") == output.stderr.count("weights to train") == 1
        assert "Warning" not in output.stderr

    def test_a_run_goes_on_with_as_many_processes_as_it_had(self, folders: dict[str, Any], tiny: Path) -> None:
        made, full = sample.experiment(tiny, *UNEVEN, epochs=EPOCHS)
        with pytest.raises(TrainingError, match="the checkpoint is that of 2 processes, these are 1; start as many"):
            train(made, RunFolder.resume(folders["two"], full), full, recover=True)

    def test_what_stops_the_main_one_stops_both_with_one_message(self, folders: dict[str, Any], tiny: Path) -> None:
        log = folders["two"] / "log.txt"
        assert forked(log, "train", tiny, "--var", f"data={tiny.parent}", "-s", folders["two"]) == [2, 2]
        assert log.read_text().count("error: ") == 1 and "exists and is not empty" in log.read_text()

    def test_a_fault_of_the_data_is_told_once_and_ends_both(self, tiny: Path, tmp_path: Path) -> None:
        (tmp_path / "train.jsonl").write_text("{}")
        faulty = ["-o", f"train_data_path={tmp_path / 'train.jsonl'}"]
        command = ["train", tiny, "--var", f"data={tiny.parent}", *faulty, "-s", tmp_path / "run"]
        assert forked(tmp_path / "log.txt", *command) == [2, 2]
        log = (tmp_path / "log.txt").read_text()
        assert log.count("error: ") == log.count("train.jsonl:1: ") == 1

    def test_a_signal_to_one_of_them_ends_both_after_the_same_step(self, tiny: Path, tmp_path: Path) -> None:
        reports = tmp_path / "run" / "epochs.jsonl"

        def interrupt(processes: list[Forked]) -> None:
            while not reports.exists():
                assert processes[1].returncode is None
                time.sleep(0.05)
            processes[1].send_signal(signal.SIGTERM)

        command = ["train", tiny, "--var", f"data={tiny.parent}", "--var", "epochs=10000", "-s", tmp_path / "run"]
        assert forked(tmp_path / "log.txt", *command, then=interrupt) == [130, 130]
        metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert metrics["interrupted"] and (tmp_path / "run" / "model.tar.gz").exists()
        assert any((tmp_path / "run" / "checkpoints").iterdir())


class TestTwoThatTryOut:
    @pytest.fixture
    def both(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., tuple[str, str]]:
        """What one process says, and what two say together; all end with the same code."""
        monkeypatch.chdir(tmp_path)

        def both(code: int, command: str, *more: str) -> tuple[str, str]:
            overrides = [argument for override in UNEVEN for argument in ("-o", override)]
            arguments = [command, str(tiny), "--var", f"data={tiny.parent}", *overrides, *more, "--device", "cpu"]
            assert main(arguments) == code
            assert forked(tmp_path / "log.txt", *arguments) == [code, code]
            return "".join(capsys.readouterr()), Path("log.txt").read_text()

        return both

    def test_the_step_of_a_dry_run_is_that_of_one(self, both: Callable[..., tuple[str, str]]) -> None:
        said = both(0, "train", "--dry-run")
        (one,), (two,) = (re.findall(r"loss (\S+), gradient norm (\S+),", text) for text in said)
        assert [float(number) for number in two] == pytest.approx([float(number) for number in one], rel=1e-2)
        assert os.listdir() == ["log.txt"]

    def test_so_is_what_is_learned_by_heart_or_not(self, both: Callable[..., tuple[str, str]]) -> None:
        still = ("-o", 'trainer.parameter_groups={"embedder": {"lr": 0}, "head": {"lr": 0}}')
        one, two = both(2, "train", "--overfit", "3", *still)
        assert one[one.index("error: ") :] == two[two.index("error: ") :] and two.count("error: ") == 1

    def test_so_are_the_losses_of_find_lr_and_one_of_them_draws(self, both: Callable[..., tuple[str, str]]) -> None:
        pytest.importorskip("matplotlib")
        said = both(0, "find-lr", "--steps", "12", "--high", "0.01")
        one, two = (re.findall(r"^ +\S+e-\d\d +(\d\S+)$", text, re.MULTILINE) for text in said)
        assert len(one) == 12
        assert [float(loss) for loss in two] == pytest.approx([float(loss) for loss in one], rel=1e-3)
        assert said[1].count("suggested: ") == said[1].count("drawn in ") == 1


def forked(log: Path, *arguments: object, then: Callable[[list[Forked]], object] = list) -> list[int]:
    """The exit codes of two processes of ``relx`` that were started as one run; ``then`` is done with them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    sizes = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    processes = []
    with open(log, "a") as said:
        for rank in ("0", "1"):
            environment = {**place, **sizes, "RANK": rank, "LOCAL_RANK": rank}
            processes.append(sample.start(*arguments, stdout=said, stderr=said, environment=environment))
    then(processes)
    return [process.wait() for process in processes]


def test_a_killed_run_of_two_processes_is_resumed_exactly() -> None:
    run = sample.run(FUZZ / "fuzz_kills.py", "--kills", 1, "--epochs", 3, "--processes", 2, program=script)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("; 1 exact resumes") == 1


def epochs(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
