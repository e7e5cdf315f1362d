"""A process that starts with closed streams, on a full disk, from a pipe, or with half a launcher's environment."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relx.__main__ import main as entry_point
from relx.commands import main
from relx.errors import ConfigError, DataError, TrainingError
from relx.readers import read
from relx.training.distributed import LAUNCHER, MPI, Distributed
from relx.training.preparation import read_data
from relx.utils.folder_lock import LOCK, locked

RELX = f"{sys.executable} -m relx"
RECORD = json.dumps({"tokens": ["Ann", "sings"], "entities": [], "relations": []})


def shell(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "valid.json").write_text("{}")
    return subprocess.run(["bash", "-c", command], text=True, capture_output=True, cwd=folder, timeout=60)


@pytest.mark.parametrize("command", ["components head", "--help", "--version"])
def test_standard_output_that_is_closed_is_an_error(tmp_path: Path, command: str) -> None:
    run = shell(f"{RELX} {command} >&-", tmp_path)
    assert (run.returncode, run.stderr) == (2, "error: standard output cannot be written: Bad file descriptor\n")


@pytest.mark.skipif(sys.platform != "linux", reason="another OpenMP")
@pytest.mark.parametrize(("given", "spins"), [("", "10000"), ("GOMP_SPINCOUNT=77", "77")])
def test_idle_threads_of_torch_sleep_early_unless_the_user_decides_otherwise(
    given: str, spins: str, tmp_path: Path
) -> None:
    run = shell(f"OMP_DISPLAY_ENV=verbose {given} {RELX} doctor", tmp_path)
    assert f"GOMP_SPINCOUNT = '{spins}'" in run.stderr


def test_no_message_goes_elsewhere_where_standard_error_is_closed(tmp_path: Path) -> None:
    run = shell(f"{RELX} check gone.jsonnet 2>&-", tmp_path)
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("stream", ["/dev/full", ">(true)"])
def test_the_exit_code_stays_where_standard_error_takes_nothing(tmp_path: Path, stream: str) -> None:
    (tmp_path / "odd.jsonl").write_text('{"tokens": ["a"], "further": 1}\n' * 2)
    assert shell(f"sleep 0.1; {RELX} check gone.jsonnet 2> {stream}", tmp_path).returncode == 2
    run = shell(f"{RELX} convert odd.jsonl out.jsonl 2> {stream}", tmp_path)  # with a warning
    assert (run.returncode, len(list(read(tmp_path / "out.jsonl")))) == (0, 2)


def test_files_do_not_get_the_numbers_of_closed_streams(tmp_path: Path) -> None:
    run = shell(f"exec <&- >&-; {RELX} convert {tmp_path}/in.jsonl out.jsonl", tmp_path)
    assert run.returncode == 2 and "no such file" in run.stderr
    (tmp_path / "in.jsonl").write_text(RECORD + "\n")
    run = shell(f"exec <&- >&- 2>&-; {RELX} convert in.jsonl out.jsonl", tmp_path)
    assert run.returncode == 0
    assert [example.tokens for example in read(tmp_path / "out.jsonl")] == [["Ann", "sings"]]


def test_standard_input_that_is_closed_is_an_error(
    archive: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["predict", archive, "-"]) == 2
    assert capsys.readouterr().err == "error: standard input cannot be read: Bad file descriptor\n"


def test_an_interrupt_before_the_command_is_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "relx.commands":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "relx.commands")
    monkeypatch.setattr(sys, "meta_path", [Interrupting, *sys.meta_path])
    assert entry_point() == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_code_of_a_signal_stays_where_its_exit_is_swallowed(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def swallow(args: object) -> int:
        try:
            signal.raise_signal(number)
        except SystemExit as error:
            raise ConfigError("a library took the exit for an error of its own") from error
        return 0

    monkeypatch.setattr(importlib.import_module("relx.commands.components"), "run", swallow)
    assert main(["components"]) == 128 + number


def test_warnings_of_every_command_have_their_level_in_front(tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text('{"tokens": ["a"], "fur\\nerror: ther": 1}\n')
    run = shell(f"{RELX} data odd.jsonl", tmp_path)
    assert run.stderr.startswith("warning: odd.jsonl: relx does not know these keys") and run.stderr.count("\n") == 1


def test_sigterm_leaves_no_hidden_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "relx", "convert", "/dev/stdin", "out.jsonl", "--from", "jsonl"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=tmp_path)
    while not any(tmp_path.iterdir()):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_met_at_the_lock(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to("/dev/full")
    with pytest.raises(TrainingError, match="cannot be written"), locked(tmp_path):
        pass


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2"}, "the environment has WORLD_SIZE=2 without RANK and LOCAL_RANK; start several"),
        ({"LOCAL_RANK": "0"}, "has LOCAL_RANK=0 without RANK and WORLD_SIZE"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, "has RANK=0 WORLD_SIZE=1 without LOCAL_RANK"),
        ({"RANK": "x", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}, "which is no process of a run"),
        ({"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "1"}, "which is no process of a run"),
        ({"ACCELERATE_TORCH_DEVICE": "nowhere"}, "training cannot start in this environment: .*unset variables"),
    ],
)
def test_half_of_a_launchers_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    for name in (*LAUNCHER, *MPI):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=message):
        Distributed("cpu")


def test_a_fault_that_all_processes_have_is_told_by_the_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = []
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert main(["train", str(tmp_path / "gone.jsonnet")]) == 2
        said.append(capsys.readouterr().err.count("error: "))
    assert said == [1, 0]


class TestPipes:
    @pytest.fixture
    def pipe(self, tmp_path: Path) -> str:
        os.mkfifo(tmp_path / "pipe")
        return str(tmp_path / "pipe")

    def test_the_form_of_a_pipe_is_not_judged(self, pipe: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["data", pipe]) == main(["convert", pipe, f"{pipe}.jsonl"]) == 2
        assert capsys.readouterr().err.count(f"{pipe}: is a pipe or a device, which can be read only once; name") == 2

    def test_nor_is_it_in_an_evaluation(self, pipe: str, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["evaluate", archive, pipe]) == 2
        assert "which can be read only once; name the form of its records (--reader)" in capsys.readouterr().err

    def test_nothing_is_trained_from_a_pipe(self, pipe: str, tiny: Path) -> None:
        import tiny as sample

        made, _ = sample.experiment(tiny, f"train_data_path={pipe}")
        with pytest.raises(DataError, match="read only once; write it to a file: --recover"):
            read_data(made)

    @pytest.mark.parametrize("text", [RECORD, f"\n\n[{RECORD}]", f"[\n{RECORD}\n]\n"])
    def test_a_pipe_of_a_named_form_is_read(self, text: str) -> None:
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        assert [example.tokens for example in read(f"/dev/fd/{reading}", "jsonl")] == [["Ann", "sings"]]
        os.close(reading)


@pytest.mark.parametrize("name", ["a\0b.json", "a\ud800.json"])
def test_a_name_that_no_file_has_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list(read(name, "jsonl"))
