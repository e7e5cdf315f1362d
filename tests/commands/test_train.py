import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny as sample

from relx.calibration.fitting import DIAGRAM
from relx.commands import main
from relx.errors import TrainingError
from relx.predictors import Predictor
from relx.training.checkpointing.run_folder import FILES
from relx.utils.folder_lock import locked

SLOW = """
import sys, time
from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.registry import Injected

@Seq2SeqEncoder.register("slow")
class Slow(Seq2SeqEncoder):
    def __init__(self, input_dim: Injected[int], seconds: float) -> None:
        super().__init__()
        self.output_dim, self.seconds = input_dim, seconds

    def forward(self, inputs, mask):
        print("thinking", file=sys.stderr, flush=True)
        time.sleep(self.seconds)
        return inputs
"""


@pytest.fixture
def data(tiny: Path) -> list[str]:
    return ["--var", f"data={tiny.parent}"]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def wait_for(pattern: str, read: Callable[[], str]) -> str:
    """What was read up to the pattern."""
    text, end = "", time.monotonic() + 200
    while not re.search(pattern, text):
        assert time.monotonic() < end, text
        text += read()
    return text


class TestFolder:
    def test_by_default_it_is_named_like_the_file(
        self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["train", str(tiny), *data, "--var", "epochs=1"]) == 0
        assert capsys.readouterr().out == "runs/tiny/model.tar.gz\n"
        files = {*FILES, "checkpoints", ".lock"} - {DIAGRAM}  # it is not calibrated
        assert set(os.listdir("runs/tiny")) == files

    def test_an_earlier_run_is_replaced_only_by_force(
        self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["train", str(tiny), *data, "--var", "epochs=1", "-s", "out"]
        assert main(command) == 0
        Path("out/notes.txt").write_text("mine")
        before = Path("out/model.tar.gz").read_bytes()
        assert main([*command, "--var", "seed=2"]) == 2
        assert "error: out: exists and is not empty; choose another folder (-s), or" in capsys.readouterr().err
        assert Path("out/model.tar.gz").read_bytes() == before
        assert main([*command, "--var", "seed=2", "--force"]) == 0
        assert Path("out/model.tar.gz").read_bytes() != before
        assert len(Path("out/epochs.jsonl").read_text().splitlines()) == 1
        assert Path("out/notes.txt").read_text() == "mine"

    def test_a_failed_start_needs_no_force_afterwards(self, tiny: Path, data: list[str]) -> None:
        assert main(["train", str(tiny), "--var", "data=nowhere", "-s", "out"]) == 2
        assert main(["train", str(tiny), *data, "--var", "epochs=1", "-s", "out"]) == 0

    @pytest.mark.parametrize(
        ("folder", "message"),
        [
            ("file", "error: file: cannot be used as output folder: File exists"),
            ("file/below", "error: file/below: cannot be used as output folder: Not a directory"),
            ("/proc/relx", "error: /proc/relx: cannot be used as output folder: "),
        ],
    )
    def test_one_that_cannot_be_made(
        self, tiny: Path, data: list[str], folder: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("file").touch()
        assert main(["train", str(tiny), *data, "-s", folder, "--force"]) == 2
        assert capsys.readouterr().err.startswith(message)


class TestRecover:
    def test_a_run_goes_on_where_it_was(self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        command = ["train", str(tiny), *data, "-s", "out"]
        assert main([*command, "--var", "epochs=2", "--recover"]) == 0
        before = Path("out/epochs.jsonl").read_text()
        assert main([*command, "--var", "epochs=3", "--recover"]) == 0
        after = Path("out/epochs.jsonl").read_text()
        assert after.startswith(before) and len(after.splitlines()) == 3
        assert capsys.readouterr().out == "out/model.tar.gz\n" * 2

    def test_another_experiment_is_refused_key_by_key(
        self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["train", str(tiny), *data, "-s", "out", "--var", "epochs=1"]
        assert main(command) == 0
        assert main([*command, "--recover", "--var", "seed=4", "-o", "model.head.dropout=0.5"]) == 2
        error = capsys.readouterr().err
        assert (
            "error: out: was started with another experiment:\n  model.head.dropout: 0.1 -> 0.5\n  seed: 1 -> 4\n"
            in error
        )

    def test_to_go_on_and_to_start_anew_exclude_each_other(self, tiny: Path) -> None:
        with pytest.raises(SystemExit):
            main(["train", str(tiny), "--recover", "--force"])


class TestTwoAtOnce:
    @pytest.mark.parametrize("way", ["--recover", "--force"])
    def test_the_second_is_refused_and_changes_nothing(
        self, tiny: Path, data: list[str], way: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["train", str(tiny), *data, "--var", "epochs=1", "-s", "out"]
        assert main(command) == 0
        before = {file: file.read_bytes() for file in Path("out").rglob("*") if file.is_file() and file.name != ".lock"}
        with locked(Path("out")):
            assert main([*command, way]) == 2
        assert re.search(r"error: out: another relx is working here \(process \d+ on ", capsys.readouterr().err)
        assert {file: file.read_bytes() for file in before} == before

    def test_a_run_holds_its_folder_to_its_end_and_no_longer(self, tiny: Path, data: list[str]) -> None:
        Path("slow.py").write_text(SLOW)
        slow = ["--include", "slow.py", "-o", 'model.encoder={"type": "slow", "seconds": 100}']
        process = sample.start("train", tiny, *data, *slow, "-s", "out", stderr=subprocess.PIPE)
        try:
            wait_for("thinking", process.stderr.readline)
            with pytest.raises(TrainingError, match=f"process {process.pid} on"), locked(Path("out")):
                pass
        finally:
            process.kill()
            process.communicate()
        with locked(Path("out")):
            pass


class TestSeeds:
    def test_each_seed_is_a_run_in_a_folder_of_its_own(
        self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["train", str(tiny), *data, "--var", "epochs=1", "--seeds", "3,1"]) == 0
        assert capsys.readouterr().out == "".join(f"runs/tiny/seed_{seed}/model.tar.gz\n" for seed in (3, 1))
        losses = {}
        for seed in (1, 3):
            assert json.loads(Path(f"runs/tiny/seed_{seed}/config.json").read_text())["seed"] == seed
            losses[seed] = json.loads(Path(f"runs/tiny/seed_{seed}/epochs.jsonl").read_text())["loss"]
        assert main(["train", str(tiny), *data, "--var", "epochs=1", "--var", "seed=1", "-s", "one"]) == 0
        assert json.loads(Path("one/epochs.jsonl").read_text())["loss"] == losses[1] != losses[3]

    def test_every_folder_is_looked_at_before_the_first_run(
        self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("out/seed_2").mkdir(parents=True)
        Path("out/seed_2/notes.txt").write_text("mine")
        assert main(["train", str(tiny), *data, "--seeds", "1,2", "-s", "out"]) == 2
        assert "error: out/seed_2: exists and is not empty" in capsys.readouterr().err
        assert os.listdir("out/seed_1") == [".lock"] and os.listdir("out/seed_2") == ["notes.txt"]

    def test_a_seed_stands_there_once(self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", str(tiny), *data, "--seeds", "1,2,01"]) == 2
        assert "error: --seeds 1,2,01: a seed is named twice" in capsys.readouterr().err

    def test_what_is_no_list_of_them(self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", str(tiny), *data, "--seeds", "1;2"]) == 2
        assert "error: --seeds 1;2: expected whole numbers with commas" in capsys.readouterr().err


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["-o", "trainer.epoch=3"], "trainer.epoch: unknown key; did you mean 'epochs'?"),
            (["-o", "trainer.optimizer.lr=-1"], "trainer.optimizer.lr: Invalid learning rate: -1"),
            (["-o", "validation_data_path=null", "--var", "patience=2"], "trainer.patience needs a validation_"),
            (["-o", "test_data_path=bad.jsonl"], "bad.jsonl:2: not JSON at column 1: Expecting value"),
            (["-o", "train_data_path=empty.jsonl"], "empty.jsonl:1: holds no record"),
            (["-o", "train_data_path=gone.jsonl"], "gone.jsonl: no such file"),
            (["--var", "vectors=gone.txt"], "gone.txt: no such file"),
            (["--var", "vectors=bad.jsonl"], "bad.jsonl:1: expected numbers after the word"),
            (["-o", "model.head.hidden_size=0"], "hidden_size"),
            (["-o", 'protocols=["exact"]'], '"exact" is not a choice'),
            (["--include", "gone.py"], "plugin 'gone.py': no such file"),
            (["--device", "tpu"], "device 'tpu' cannot be used here; try cpu, cuda or cuda:1\n"),
            (["--device", "cpu", "-o", "trainer.precision=fp16"], "trainer.precision: fp16 needs a GPU"),
            (
                ["-o", "trainer.validate_every=often"],
                "trainer: validate_every is 'often'; write a number of steps",
            ),
            (["-o", 'trainer.init_from={"head": "gone.tar.gz"}'], "gone.tar.gz: no such archive"),
            (
                ["-o", "validation_data_path=null", "-o", 'trainer.schedule={"type": "reduce_on_plateau"}'],
                "trainer.schedule needs a validation_data_path to watch",
            ),
        ],
    )
    def test_what_the_user_can_mend_is_one_message_and_code_2(
        self, tiny: Path, data: list[str], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("bad.jsonl").write_text('{"tokens": ["a"]}\noops\n')
        Path("empty.jsonl").touch()
        assert main(["train", str(tiny), *data, "-s", "out", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error and "Traceback" not in error

    def test_a_loss_that_explodes(self, tiny: Path, data: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        wild = ["-o", 'trainer.optimizer={"type": "sgd", "lr": 1e30}', "-o", "trainer.grad_norm=null"]
        assert main(["train", str(tiny), *data, *wild, "-s", "out"]) == 2
        error = capsys.readouterr().err
        assert re.match(r"error: epoch 1, step \d: the loss is (nan|inf) on a batch of 4 sentences; alone, ", error)
        assert "; the first: training sentence " in error and "trainer.optimizer.lr" in error


class TestInterrupt:
    @pytest.fixture
    def start(self, tiny: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
        """Starts ``relx train`` with the tiny experiment, and sees to it that it ends."""
        started = []

        def start(*arguments: str, stderr: int = subprocess.PIPE) -> "subprocess.Popen[str]":
            options = {"stdout": subprocess.PIPE, "stderr": stderr}
            started.append(sample.start("train", tiny, "-s", "out", *arguments, **options))
            return started[-1]

        yield start
        for process in started:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_step_is_finished_and_a_usable_archive_left(
        self, start: Callable, data: list[str], number: signal.Signals
    ) -> None:
        process = start(*data, "--var", "epochs=10000")
        seen = wait_for(r"epoch 3/10000 .*\n", process.stderr.readline)
        process.send_signal(number)
        out, rest = process.communicate(timeout=200)
        assert (process.returncode, out) == (130, "out/model.tar.gz\n")
        assert "warning: interrupted: finishing the step and saving; interrupt again to stop at once" in rest
        assert "warning: epoch" not in seen and "\nepoch 3" in seen
        assert "\r" not in seen + rest and "Traceback" not in rest  # no terminal, no progress bar
        metrics = json.loads(Path("out/metrics.json").read_text())
        assert metrics["interrupted"] and metrics["epochs"] >= 3 and "test" not in metrics
        best = [json.loads(line) for line in Path("out/epochs.jsonl").read_text().splitlines()]
        assert metrics["best_epoch"] == [report["epoch"] for report in best if report["improved"]][-1]
        assert len(Predictor.load("out/model.tar.gz")(["Ann Lee was born in Rome ."])) == 1

    def test_a_terminal_shows_a_bar_and_before_the_first_validation_the_archive_is_usable_too(
        self, start: Callable, tiny: Path
    ) -> None:
        for split in ("train", "dev", "test"):
            sample.write_corpus(Path(f"{split}.jsonl"), times=50 if split == "train" else 1)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        process = start("--var", "data=.", "-o", "data_loader.batch_size=1", stderr=theirs)
        os.close(theirs)
        wait_for(r"\repoch 1/2: .* \d+/1800 .*loss \d", lambda: os.read(ours, 1000).decode(errors="replace"))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=200)
        os.close(ours)
        assert (process.returncode, out) == (130, "out/model.tar.gz\n")
        metrics = json.loads(Path("out/metrics.json").read_text())
        assert (metrics["interrupted"], metrics["epochs"], metrics["best_epoch"]) == (True, 0, None)
        assert len(Predictor.load("out/model.tar.gz")(["Ann Lee was born in Rome ."])) == 1

    def test_a_second_one_ends_at_once(self, start: Callable, data: list[str]) -> None:
        Path("slow.py").write_text(SLOW)
        process = start(*data, "--include", "slow.py", "-o", 'model.encoder={"type": "slow", "seconds": 100}')
        wait_for("thinking", process.stderr.readline)
        process.send_signal(signal.SIGINT)
        wait_for("interrupted: finishing", process.stderr.readline)
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=200)
        assert (process.returncode, out) == (130, "")
        assert "Traceback" not in rest
        assert not Path("out/model.tar.gz").exists()
