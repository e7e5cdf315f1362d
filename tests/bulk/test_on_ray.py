"""Tables on a real Ray: actors and drivers are killed, and no row is lost, none is there twice."""

import json
import os
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
DIE_AT_2 = """
import os
from relx.bulk.worker import Worker
predict = Worker.__call__
def die(self, part, folder):
    if part.number == 2:
        os.kill(os.getpid(), 9)
    return predict(self, part, folder)
Worker.__call__ = die
"""
FULL_FOR_THE_LIST = """
from relx.bulk import run
from relx.errors import RelxError
def full(folder, entry):
    raise RelxError("the disk is full")
run.list_part = full
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
    assert run.stdout == ""
    return run.returncode, run.stderr


def listed() -> list[int]:
    return sorted(json.loads(line)["part"] for line in Path("out/_parts.jsonl").read_text().splitlines())


def test_an_actor_that_is_killed_is_replaced(archive: str, whole: dict[str, bytes]) -> None:
    code, err = on_ray(archive, DIE_ONCE.format(mark=str(Path("died").absolute())))
    assert code == 0, err
    assert Path("died").exists()
    assert "an actor died in rows 7 to 9 of in.parquet; Ray started another" in err
    assert "raylet" not in err and "\033" not in err
    assert "\n12 rows in 4 parts: 24 sentences, " in f"\n{err}"
    assert (contents("out"), listed()) == (whole, [0, 1, 2, 3])


def test_a_part_that_kills_its_actor_twice_is_given_up(archive: str, whole: dict[str, bytes]) -> None:
    code, err = on_ray(archive, DIE_AT_2)
    assert code == 2, err
    assert err.splitlines() == [
        "warning: 2 actors died in rows 7 to 9 of in.parquet; Ray started another",
        "error: 1 part without predictions, because a prediction process died in each 2 times; "
        "if the system ended it for lack of memory, use fewer (--workers):",
        "  part-000002.parquet: rows 7 to 9 of in.parquet",
        "All other parts are done, and the same command tries these again",
    ]
    assert listed() == [0, 1, 3]
    assert not [*Path("out").glob(".part*")]


def test_actors_that_die_before_they_predict(archive: str, whole: dict[str, bytes]) -> None:
    code, err = on_ray(archive, 'import os, sys\nif "ray" in sys.modules:\n    os.kill(os.getpid(), 9)\n')
    assert code == 2
    assert err.startswith("error: actors die before they predict; ") and err.count("\n") == 1


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
    assert on_ray(archive, FULL_FOR_THE_LIST) == (2, "error: the disk is full\n")
    shutil.rmtree("out")
    command = ["predict", archive, "in.parquet", *COLUMNS, "--output", "out", "--engine", "ray"]
    run = sample.run(*command, "--address", "127.0.0.1:1")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert run.stderr.startswith("error: no Ray cluster at 127.0.0.1:1: ")
    many = (os.cpu_count() or 1) + 1
    run = sample.run(*command, "--workers", str(many))
    assert run.stderr.startswith(f"error: --workers {many}: the cluster has {many - 1} CPUs, and each actor needs one")
