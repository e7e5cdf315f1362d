"""Tables on a real Ray: actors and drivers are killed, and no row is lost, none is there twice."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import tiny as sample

pa = pytest.importorskip("pyarrow")
pytest.importorskip("ray")
import pyarrow.parquet  # noqa: E402

TEXTS = [f"{person} was born in {place} . Dan left Oslo ." for person in sample.PEOPLE for place in sample.PLACES]
COLUMNS = ("--column", "text", "--id-column", "id", "--part-tokens", "30")
ON_RAY = ("--engine", "ray", "--workers", "2")

DIE_ONCE = """
import os
from relx.bulk.worker import Worker
predict = Worker.__call__
def die_once(self, part, folder):
    if part.number == 2 and not os.path.exists({mark!r}):
        open({mark!r}, "w").close()
        os.kill(os.getpid(), 9)
    return predict(self, part, folder)
Worker.__call__ = die_once
"""
KILL_DRIVER = """
import os
from relx.bulk import run
list_part = run.list_part
def kill(folder, entry):
    list_part(folder, entry)
    os.kill(os.getpid(), 9)
if os.path.exists("armed"):
    run.list_part = kill
"""


@pytest.fixture
def whole(archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files that a single process writes."""
    monkeypatch.chdir(tmp_path)
    table = pa.table({"id": [str(number) for number in range(len(TEXTS))], "text": TEXTS})
    pyarrow.parquet.write_table(table, "in.parquet")
    Path("plugin.py").write_text("")
    run = sample.run("predict", archive, "in.parquet", *COLUMNS, "--output", "single", "--include", "plugin.py")
    assert run.returncode == 0, run.stderr
    return contents("single")


def contents(folder: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(folder).glob("*.parquet")}


def on_ray(archive: str, plugin: str) -> tuple[int, str]:
    Path("plugin.py").write_text(plugin)
    command = ("predict", archive, "in.parquet", *COLUMNS, "--output", "out", "--include", "plugin.py", *ON_RAY)
    run = sample.run(*command)
    return run.returncode, run.stderr


def listed() -> list[int]:
    return sorted(json.loads(line)["part"] for line in Path("out/_parts.jsonl").read_text().splitlines())


def test_an_actor_that_is_killed_is_replaced(archive: str, whole: dict[str, bytes]) -> None:
    code, err = on_ray(archive, DIE_ONCE.format(mark=str(Path("died").absolute())))
    assert code == 0, err
    assert Path("died").exists()
    assert "\n12 rows in 4 parts: 24 sentences, " in f"\n{err}"
    assert (contents("out"), listed()) == (whole, [0, 1, 2, 3])


def test_a_killed_driver_is_started_again(archive: str, whole: dict[str, bytes]) -> None:
    Path("armed").touch()
    assert on_ray(archive, KILL_DRIVER)[0] == -signal.SIGKILL
    assert len(listed()) == 1
    Path("armed").unlink()
    code, err = on_ray(archive, KILL_DRIVER)
    assert code == 0, err
    assert "1 of 4 parts are done already" in err
    assert (contents("out"), listed()) == (whole, [0, 1, 2, 3])


def test_what_a_user_can_mend_is_one_message(archive: str, whole: dict[str, bytes]) -> None:
    code, err = on_ray(archive, "from relx.bulk.worker import Worker\nfrom relx.errors import RelxError\n"
                       "def full(self, part, folder):\n    raise RelxError('the disk is full')\n"
                       "Worker.__call__ = full\n")  # fmt: skip
    assert (code, err) == (2, "error: the disk is full\n")
    shutil.rmtree("out")
    command = ["predict", archive, "in.parquet", *COLUMNS, "--output", "out", "--engine", "ray"]
    run = sample.run(*command, "--address", "127.0.0.1:1")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert run.stderr.startswith("error: no Ray cluster at 127.0.0.1:1: ")
