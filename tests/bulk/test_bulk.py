"""Tables: what is read, what is written, and how the work goes on after it was stopped."""

import gzip
import json
import re
import resource
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny as sample

from relx.commands import main

pa = pytest.importorskip("pyarrow")
import pyarrow.csv  # noqa: E402
import pyarrow.feather  # noqa: E402
import pyarrow.parquet  # noqa: E402

from relx.bulk import pool  # noqa: E402
from relx.bulk import run as bulk_run  # noqa: E402
from relx.bulk.tables import RowReader, table_files  # noqa: E402

TEXTS = [f"{person} was born in {place} . Dan left Oslo ." for person in sample.PEOPLE for place in sample.PLACES]
ROWS = [{"id": f"r{i}", "text": text, "n": i} for i, text in enumerate(TEXTS)]
SMALL = ("--part-tokens", "30")  # four parts
PAGE = (Path(__file__).parents[2] / "docs" / "bulk.md").read_text(encoding="utf-8")
Err = pytest.CaptureFixture[str]
Log = pytest.LogCaptureFixture


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()


def write(name: str, rows: list[dict[str, Any]] | dict[str, list[Any]] = ROWS) -> str:
    """A table of the form that its name says, in two row groups or batches where the form has them."""
    path = f"in/{name}"
    table = pa.Table.from_pylist(rows) if isinstance(rows, list) else pa.table(rows)
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(table, path, row_group_size=7)
    elif name.endswith(".arrow"):
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
    elif name.endswith(".feather"):
        pyarrow.feather.write_feather(table, path, chunksize=7)
    elif name.endswith(".csv"):
        pyarrow.csv.write_csv(table, path)
    else:
        Path(path).write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return path


def compressed(path: str) -> str:
    Path(f"{path}.gz").write_bytes(gzip.compress(Path(path).read_bytes()))
    Path(path).unlink()
    return f"{path}.gz"


def bulk(archive: str, *arguments: str, inputs: str = "in", column: str = "text") -> int:
    return main(["predict", archive, inputs, "--column", column, "--output", "out", *arguments])


def found(folder: str = "out") -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(folder).to_pylist()


def contents(folder: str = "out") -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(folder).glob("*.parquet")}


def poison(numbers: str, once: bool = False) -> None:
    """Write a plugin, die.py: each process that predicts one of these parts is killed, or only the first one."""
    Path("poison").touch()
    Path("die.py").write_text(
        "import multiprocessing, os\nfrom relx.bulk.worker import Worker\npredict = Worker.__call__\n"
        "def die(self, part, folder):\n"
        f"    if str(part.number) in {numbers!r} and os.path.exists('poison'):\n"
        f"        {once} and os.remove('poison')\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return predict(self, part, folder)\n"
        "if multiprocessing.parent_process() is not None:\n    Worker.__call__ = die\n"
    )


@pytest.fixture
def whole(archive: str, capsys: Err) -> dict[str, bytes]:
    """The files of the whole work, done in this process; ``out`` is free again."""
    write("a.parquet")
    assert bulk(archive, "--id-column", "id", *SMALL) == 0
    files = contents()
    shutil.rmtree("out")
    capsys.readouterr()
    return files


class TestForms:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: write("a.parquet"), lambda: write("a.arrow"), lambda: write("a.feather"), lambda: write("a.csv"),
            lambda: compressed(write("a.csv")), lambda: write("a.jsonl"), lambda: compressed(write("a.jsonl")),
        ],
        ids=["parquet", "arrow", "feather", "csv", "csv.gz", "jsonl", "jsonl.gz"],
    )  # fmt: skip
    def test_any_row_can_be_the_first(self, make: Callable[[], str]) -> None:
        reader = RowReader([make()], ["id", "text"])
        for start, count in ((0, 3), (3, 5), (9, 2), (1, 11), (11, 1)):
            rows = reader.read(0, start, count)
            assert rows.to_pylist() == [{"id": row["id"], "text": row["text"]} for row in ROWS[start : start + count]]

    def test_folders_patterns_and_files(self) -> None:
        for name in ("b.parquet", "a.csv", "c.jsonl"):
            write(name)
        Path("in/_SUCCESS").touch()
        Path("in/readme.md").touch()
        assert table_files(["in"]) == (["in/a.csv", "in/b.parquet", "in/c.jsonl"], ["in/readme.md"])
        assert table_files(["in/*.[pc]*", "in/c.jsonl"])[0] == ["in/a.csv", "in/b.parquet", "in/c.jsonl"]

    def test_predictions_below_an_input_are_not_read(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        for inputs in ("in", "in/**/*.parquet"):
            command = ["predict", archive, inputs, "--column", "text", "--output", "in/out"]
            assert main(command) == main(command) == 0
            shutil.rmtree("in/out")
        assert main([*command[:2], "in", *command[3:], "--keep", "n"]) == 0
        names = ["in/out/part-000000.parquet"]
        assert table_files(["in/out"])[0] == table_files(["in/out/*.parquet"])[0] == names

    def test_files_with_nothing_in_them(self, archive: str, caplog: Log, capsys: Err) -> None:
        for name in ("a.csv", "b.jsonl", "c.csv", "d.jsonl"):
            Path(f"in/{name}").touch()
        for name in ("c.csv", "d.jsonl"):
            compressed(f"in/{name}")
        assert bulk(archive, "--id-column", "id") == 2
        assert capsys.readouterr().err == "error: the tables hold no row\n"
        write("e.parquet")
        assert bulk(archive, "--id-column", "id") == 0
        assert [row["id"] for row in found()] == [row["id"] for row in ROWS]
        assert "4 tables without a row, such as in/a.csv" in caplog.text

    def test_columns_of_nulls_and_narrow_integers(self, archive: str) -> None:
        one, two = pa.array([1, 2], pa.int32()), pa.array([3], pa.uint32())
        write("a.parquet", {"id": one, "text": pa.nulls(2), "n": pa.nulls(2)})
        write("b.parquet", {"id": two, "text": TEXTS[:1], "n": ["x"]})
        assert bulk(archive, "--id-column", "id", "--keep", "n", "--max-errors", "1") == 0
        rows = [(row["id"], row["error_kind"], row["n"]) for row in found()]
        assert rows == [(1, "without a text", None), (2, "without a text", None), (3, None, "x")]
        assert {pyarrow.parquet.read_schema(f"out/{name}").field("id").type for name in contents()} == {pa.int64()}

    def test_files_of_several_forms(self, archive: str, caplog: Log) -> None:
        write("a.parquet", ROWS[:5])
        compressed(write("b.jsonl", ROWS[5:]))
        Path("in/notes").touch()
        assert bulk(archive, "--id-column", "id") == 0
        assert [row["id"] for row in found()] == [row["id"] for row in ROWS]
        assert "1 file in the folders is no table and not read, such as in/notes" in caplog.text


class TestOutput:
    def test_has_what_relx_predict_finds_in_each_text(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        assert bulk(archive, "--id-column", "id", "--keep", "n", "--keep", "text", *SMALL) == 0
        out, err = capsys.readouterr()
        assert (out, len(contents())) == ("", 4)
        assert err.startswith("12 rows in 4 parts: 24 sentences, ")
        Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        assert main(["predict", archive, "a.jsonl"]) == 0
        documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert any(document["relations"] for document in documents)
        for document, row, given in zip(documents, found(), ROWS, strict=True):
            assert {key: row[key] for key in ("id", "text", "n")} == given
            assert (row["error"], row["error_kind"]) == (None, None)
            for key in ("entities", "relations"):
                assert [{k: v for k, v in item.items() if v is not None} for item in row[key]] == document[key]
            assert row["sentences"] == [{"start": s["start"], "end": s["end"]} for s in document["sentences"]]
            assert [row["text"][e["start"] : e["end"]] for e in row["entities"]] == [e["text"] for e in row["entities"]]

    def test_has_the_documented_columns(self, archive: str) -> None:
        write("a.parquet", {"n": [7, 8], "text": TEXTS[:2], "at": pa.array([0.5, None]).dictionary_encode()})
        assert bulk(archive, "--id-column", "n", "--keep", "at") == 0
        schema = pyarrow.parquet.read_schema("out/part-000000.parquet")
        assert schema.names == ["id", "sentences", "entities", "relations", "error", "error_kind", "at"]
        for name in schema.names[1:6]:
            type = str(schema.field(name).type).replace("element: ", "")
            assert f"| `{name}` | `{type}` |" in PAGE
        assert (schema.field("id").type, schema.field("at").type) == (pa.int64(), pa.float64())

    def test_without_ids_names_file_and_row(self, archive: str) -> None:
        write("a.csv", ROWS[:2])
        assert bulk(archive, "--sentences") == 0
        assert [(row["id"], len(row["sentences"])) for row in found()] == [("a.csv:1", 1), ("a.csv:2", 1)]

    def test_options_of_prediction_count(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        assert bulk(archive, "--window", "2", "--min-score", "1") == 0
        assert not any(row["relations"] for row in found())
        assert "0 relations" in capsys.readouterr().err

    def test_rows_without_a_prediction(self, archive: str, capsys: Err) -> None:
        texts = [b"Ann Lee left Rome .", None, b"\xff", b"", None]
        bad = pa.array(texts, pa.binary()).view(pa.string())
        write("a.parquet", {"id": list("abcde"), "text": bad})
        assert bulk(archive, "--id-column", "id", "--max-errors", "0.6") == 0
        rows = found()
        assert [row["error_kind"] for row in rows] == [
            None, "without a text", "not UTF-8", None, "without a text",
        ]  # fmt: skip
        assert [row["error"] for row in rows if row["error"]] == [
            "text: is null", "text: not UTF-8 text (byte 1)", "text: is null",
        ]  # fmt: skip
        assert rows[1]["entities"] is None and rows[3]["entities"] == []
        summary = "3 rows without a prediction:\n  2 without a text\n  1 not UTF-8\n"
        assert capsys.readouterr().err.endswith(summary)
        assert bulk(archive, "--id-column", "id") == 2
        assert capsys.readouterr().err.endswith(
            summary + "error: out: more than 50% of the rows have no prediction (--max-errors)\n"
        )

    def test_a_text_of_a_csv_that_is_not_utf8(self, archive: str, capsys: Err) -> None:
        Path("in/a.csv").write_bytes(b"id,text\n1,Ann Lee left Rome .\n2,\xff\n")
        assert bulk(archive, "--id-column", "id", "--keep", "text") == 0
        assert [row["error"] for row in found()] == [None, "text: not UTF-8 text (byte 1)"]
        assert [row["text"] for row in found()] == ["Ann Lee left Rome .", "\ufffd"]
        shutil.rmtree("out")
        capsys.readouterr()
        assert bulk(archive, "--id-column", "text", column="id") == 2
        message = "error: in/a.csv: the column 'text' holds an id that is not UTF-8; correct it\n"
        assert capsys.readouterr().err == message
        Path("in/a.csv").write_bytes(b"id,\xff\n1,Ann Lee left Rome .\n")
        assert bulk(archive) == 2
        assert capsys.readouterr().err == "error: in/a.csv: has a column whose name is not UTF-8; correct it\n"


def test_the_commands_of_the_page(archive: str) -> None:
    shutil.copy(archive, "model.tar.gz")
    for folder in (".", "in", "more"):
        Path(folder).mkdir(exist_ok=True)
        table = pa.table({"id": [folder], "text": [TEXTS[0]], "date": [1], "source": ["x"]})
        pyarrow.parquet.write_table(table, f"{folder}/news.parquet")
    commands = [shlex.split(line) for line in re.findall(r"^    relx (predict .*)$", PAGE, re.MULTILINE)]
    assert len(commands) >= 3
    for command in (command for command in commands if "--engine" not in command):
        assert main([word for word in command if word != "--workers" and word != "2"]) == 0
        assert {row["entities"][0]["text"] for row in found()} == {"Ann Lee"}
        shutil.rmtree("out")


@pytest.mark.parametrize(
    ("processes", "cores", "most", "threads"),
    [(2, 8, "", 4), (3, 2, "", 1), (2, 8, "1", 1), (2, 8, "16", 4), (2, 8, "4,2", 4), (2, 8, "0", 4)],
)
def test_threads(processes: int, cores: int, most: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", most)
    assert pool.threads_of_each(processes, cores) == threads


@pytest.mark.slow
class TestGoingOn:
    def test_when_a_process_is_killed(self, archive: str, whole: dict[str, bytes], caplog: Log) -> None:
        caplog.set_level("INFO", "relx")
        Path("stop.py").write_text(
            "import os, relx.bulk.run as run\nlist_part = run.list_part\n"
            "def kill(folder, entry):\n    list_part(folder, entry)\n    os.kill(os.getpid(), 9)\n"
            "if os.path.exists('armed'):\n    run.list_part = kill\n"
        )
        Path("armed").touch()
        command = ["predict", archive, "in", "--column", "text", "--output", "out", "--id-column", "id", *SMALL]
        # The plugin is part of what a work depends on, so that both runs have it.
        assert sample.start(*command, "--workers", "2", "--include", "stop.py").wait() == -signal.SIGKILL
        [entry] = Path("out/_parts.jsonl").read_text().splitlines()
        Path("out/_parts.jsonl").write_text(f"{entry}\n{entry[:-20]}")  # as if it was killed while it wrote
        Path("armed").unlink()
        assert main([*command, "--include", "stop.py"]) == 0
        assert "1 of 4 parts are done already" in caplog.messages
        assert contents() == whole
        assert len(Path("out/_parts.jsonl").read_text().splitlines()) == 4

    def test_two_processes_write_the_same_bytes(self, archive: str, whole: dict[str, bytes]) -> None:
        assert bulk(archive, "--id-column", "id", "--workers", "2", *SMALL) == 0
        assert contents() == whole

    def test_a_killed_worker_is_replaced(self, archive: str, whole: dict[str, bytes], caplog: Log) -> None:
        poison("2", once=True)
        assert bulk(archive, "--id-column", "id", "--workers", "2", "--include", "die.py", *SMALL) == 0
        assert contents() == whole
        assert caplog.messages == [
            "a prediction process died (signal 9) in rows 7 to 9 of in/a.parquet; relx starts another"
        ]

    def test_a_part_that_kills_its_process_twice_is_given_up(
        self, archive: str, whole: dict[str, bytes], capsys: Err
    ) -> None:
        poison("2")
        arguments = ("--id-column", "id", "--workers", "2", "--include", "die.py", *SMALL)
        assert bulk(archive, *arguments) == 2
        assert capsys.readouterr().err.splitlines() == [
            "error: 1 part without predictions, because a prediction process died in each 2 times; "
            "if the system ended it for lack of memory, use fewer (--workers):",
            "  part-000002.parquet: rows 7 to 9 of in/a.parquet",
            "All other parts are done, and the same command tries these again",
        ]
        assert sorted(contents()) == [f"part-00000{number}.parquet" for number in (0, 1, 3)]
        Path("poison").unlink()
        assert bulk(archive, *arguments) == 0
        assert contents() == whole

    def test_when_each_part_kills_its_process(
        self, archive: str, whole: dict[str, bytes], capsys: Err, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "MOST_GIVEN_UP", 1)
        poison("0123")
        assert bulk(archive, "--id-column", "id", "--workers", "2", "--include", "die.py", *SMALL) == 2
        assert capsys.readouterr().err.splitlines()[0].startswith("error: 2 parts without predictions, because a ")

    def test_when_no_process_can_begin(self, archive: str, whole: dict[str, bytes], capsys: Err) -> None:
        Path("die.py").write_text(
            "import multiprocessing, os\nif multiprocessing.parent_process() is not None:\n    os._exit(1)\n"
        )
        assert bulk(archive, "--id-column", "id", "--workers", "2", "--include", "die.py") == 2
        assert capsys.readouterr().err.startswith("error: prediction processes die (exit code 1) before they predict; ")

    def test_when_the_disk_is_full(self, archive: str, whole: dict[str, bytes], capsys: Err) -> None:
        smallest = min(map(len, whole.values()))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (smallest, limits[1]))
        try:
            assert bulk(archive, "--id-column", "id", *SMALL) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "parquet: cannot be written: File too large" in capsys.readouterr().err
        assert len(contents()) < 4 and not [*Path("out").glob(".part*")]
        assert bulk(archive, "--id-column", "id", *SMALL) == 0
        assert contents() == whole

    def test_parts_that_were_changed_are_predicted_anew(
        self, archive: str, whole: dict[str, bytes], caplog: Log
    ) -> None:
        caplog.set_level("INFO", "relx")
        assert bulk(archive, "--id-column", "id", *SMALL) == 0
        Path("out/part-000001.parquet").write_bytes(b"x")
        Path("out/part-000002.parquet").unlink()
        Path("out/.part-000003.parquet.abc").touch()
        assert bulk(archive, "--id-column", "id", *SMALL) == 0
        assert caplog.messages[-2:] == [
            "2 parts of out changed or missing; relx predicts them again", "2 of 4 parts are done already",
        ]  # fmt: skip
        assert contents() == whole and not [*Path("out").glob(".part*")]

    def test_predictions_of_two_kinds_are_not_mixed(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        assert bulk(archive, "--id-column", "id") == 0
        before = contents()
        Path("other.tar.gz").write_bytes(gzip.compress(gzip.decompress(Path(archive).read_bytes())))
        write("a.parquet", ROWS[::-1])
        capsys.readouterr()
        assert bulk("other.tar.gz", "--id-column", "id", "--window", "2", "--keep", "n") == 2
        assert capsys.readouterr().err.splitlines() == [
            "error: out: holds predictions with other settings, and relx does not mix two kinds:",
            "  archive is another file",
            "  --keep was [], is [\"n\"]",
            "  --window was 1, is 2",
            "  the table in/a.parquet has changed",
            "undo this, or write to another folder",
        ]  # fmt: skip
        assert contents() == before

    def test_another_place_is_not_another_table(self, archive: str) -> None:
        write("a.parquet")
        assert bulk(archive, "--id-column", "id") == 0
        Path("in").rename("moved")
        shutil.copy(archive, "copy.tar.gz")
        assert bulk("copy.tar.gz", "--id-column", "id", inputs="moved/a.parquet") == 0

    @pytest.mark.parametrize(
        "damage",
        [
            lambda entry: entry.pop("failures"), lambda entry: entry.update(rows="3"),
            lambda entry: entry["counts"].update(sentences=None), lambda entry: entry.update(part=-1),
        ],
    )  # fmt: skip
    def test_a_damaged_entry_is_predicted_again(
        self, archive: str, caplog: Log, damage: Callable[[dict[str, Any]], object]
    ) -> None:
        write("a.parquet")
        assert bulk(archive, "--id-column", "id", *SMALL) == 0
        first, *others = Path("out/_parts.jsonl").read_text().splitlines()
        entry = json.loads(first)
        damage(entry)
        Path("out/_parts.jsonl").write_text("\n".join([json.dumps(entry), "oops", *others, ""]))
        assert bulk(archive, "--id-column", "id", *SMALL) == 0
        assert "2 parts of out changed or missing; relx predicts them again" in caplog.messages
        assert len(Path("out/_parts.jsonl").read_text().splitlines()) == 4

    @pytest.mark.parametrize(
        "damage",
        [
            lambda plan: plan["files"][0].pop("sha256"), lambda plan: plan.update(settings=[]),
            lambda plan: plan["settings"].update({"--include": ["mine.py"]}), lambda plan: plan["parts"].append({}),
        ],
    )  # fmt: skip
    def test_a_damaged_plan_is_one_message(self, archive: str, capsys: Err, damage: Callable[[Any], object]) -> None:
        write("a.parquet")
        assert bulk(archive, "--id-column", "id") == 0
        plan = json.loads(Path("out/_plan.json").read_text())
        damage(plan)
        Path("out/_plan.json").write_text(json.dumps(plan))
        capsys.readouterr()
        assert bulk(archive, "--id-column", "id") == 2
        assert capsys.readouterr().err.startswith("error: out/_plan.json: cannot be read as a plan of relx: ")

    def test_changed_code_of_a_plugin_is_another_work(
        self, archive: str, capsys: Err, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.path", [*sys.path])
        write("a.parquet")
        for file in ("mine.py", "bulk_room/__init__.py", "bulk_room/part.py"):
            Path(file).parent.mkdir(exist_ok=True)
            Path(file).touch()
        command = ("--id-column", "id", "--include", "mine.py", "--include", "bulk_room")
        assert bulk(archive, *command) == 0
        other = ("--include", "bulk_room", "--include", str(Path("mine.py").absolute()))
        assert bulk(archive, "--id-column", "id", *other) == 0
        for file, plugin in (("mine.py", "mine.py"), ("bulk_room/part.py", "bulk_room")):
            Path(file).write_text("# changed\n")
            capsys.readouterr()
            assert bulk(archive, *command) == 2
            lines = capsys.readouterr().err.splitlines()
            assert lines[1:-1] == [f"  the code of --include {plugin} has changed"]
            Path(file).write_text("")
        assert bulk(archive, "--id-column", "id") == 2
        assert '  --include was ["bulk_room", "mine.py"], is []' in capsys.readouterr().err

    def test_options_of_one_meaning_are_the_same_work(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        assert bulk(archive, "--min-score", "0.5", "--min-score", "entities=0.4") == 0
        scores = ("--min-score", "entities=0.40", "--min-score", "relations=.5")
        assert bulk(archive, *scores, "--longest", "512") == 0
        assert bulk(archive, *scores[:2]) == 2
        was, now = '{"entities": 0.4, "relations": 0.5}', '{"entities": 0.4}'
        assert capsys.readouterr().err.splitlines()[-2] == f"  --min-score was {was}, is {now}"

    def test_without_ids_a_name_is_part_of_the_table(self, archive: str, capsys: Err) -> None:
        write("jan.parquet")
        assert bulk(archive, *SMALL) == 0
        lines = Path("out/_parts.jsonl").read_text().splitlines(keepends=True)
        Path("out/_parts.jsonl").write_text("".join(lines[:-1]))
        Path("in/jan.parquet").rename("in/feb.parquet")
        assert bulk(archive, *SMALL) == 2
        message = "the table in/feb.parquet had the name jan.parquet, which is in the ids of its rows"
        assert message in capsys.readouterr().err

    def test_tables_are_compared_by_content(self, archive: str, capsys: Err) -> None:
        for number, name in enumerate(("a.parquet", "b.parquet", "c.parquet")):
            write(name, ROWS[2 * number : 2 * number + 2])
        assert bulk(archive, "--id-column", "id") == 0
        Path("in/a.parquet").rename("in/z.parquet")
        assert bulk(archive, "--id-column", "id") == 2
        order = "the tables are in another order; it was in/z.parquet, in/b.parquet, in/c.parquet"
        assert capsys.readouterr().err.splitlines()[-2] == f"  {order}"
        files = ["in/z.parquet", "in/b.parquet", "in/c.parquet"]
        command = ["--column", "text", "--id-column", "id", "--output", "out"]
        assert main(["predict", archive, *files, *command]) == 0
        write("b.parquet", ROWS[6:7])
        write("d.parquet", ROWS[7:8])
        Path("in/z.parquet").unlink()
        capsys.readouterr()
        assert bulk(archive, "--id-column", "id") == 2
        assert capsys.readouterr().err.splitlines()[1:-1] == [
            "  the table in/b.parquet has changed", "  the table in/d.parquet is new",
            "  the table a.parquet is missing",
        ]  # fmt: skip

    def test_without_a_terminal_a_line_says_how_far_it_is(
        self, archive: str, monkeypatch: pytest.MonkeyPatch, caplog: Log
    ) -> None:
        caplog.set_level("INFO", "relx")
        monkeypatch.setattr(bulk_run, "MINUTE", 0.0)
        write("a.parquet")
        assert bulk(archive, "--id-column", "id", *SMALL) == 0
        line = caplog.messages[0]
        assert line.startswith("3 of 12 rows, ") and line.endswith(" rows/s, 0 minutes left")


class TestBadInput:
    def test_columns(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        write("b.parquet", {"id": [1, 2], "text": [1, 2]})
        write("c.parquet", {"id": [1.5], "text": ["x"], "n": [1]})
        assert bulk(archive, "--id-column", "id", "--keep", "n") == 2
        assert capsys.readouterr().err.splitlines() == [
            "error: 2 faults",
            "  in/b.parquet: has no column 'n'; its columns: id, text",
            "  in/c.parquet: the column 'id' holds double; expected ids that are texts or integers",
        ]
        assert bulk(archive, "--id-column", "id") == 2
        assert "in/b.parquet: the column 'text' holds int64; expected texts (string)" in capsys.readouterr().err
        write("b.parquet", {"id": [1, 2], "text": ["a", "b"]})
        Path("in/c.parquet").unlink()
        assert bulk(archive, "--id-column", "id") == 2
        message = "error: in/b.parquet: the column 'id' holds int64, in in/a.parquet string; make them equal\n"
        assert capsys.readouterr().err == message
        assert not Path("out").exists()

    def test_ids(self, archive: str, capsys: Err) -> None:
        write("a.parquet", {"id": ["x", None, "y", "x", None], "text": list("abcde")})
        write("b.parquet", {"id": ["z", "y", "x"], "text": list("abc")})
        assert bulk(archive, "--id-column", "id") == 2
        assert capsys.readouterr().err.splitlines() == [
            "error: 3 faults",
            "  in/a.parquet: the column 'id' is null in 2 of its rows, first in row 2; each row needs an id",
            "  in/a.parquet, row 4: the id 'x' is that of in/a.parquet, row 1 already; each row needs its own",
            "  in/b.parquet, row 2: the id 'y' is that of in/a.parquet, row 3 already; each row needs its own",
        ]
        assert not contents()

    def test_files_that_cannot_be_read(self, archive: str, capsys: Err) -> None:
        Path(write("a.parquet")).write_bytes(b"PAR1 is not enough PAR1")
        Path(write("b.feather")).write_bytes(b"no table")
        Path(write("c.csv")).write_bytes(b"id,text\n1,a\n2\n")
        Path(write("d.jsonl")).write_bytes(b'{"id": 1, "text": "a"}\noops\n')
        assert bulk(archive, "--id-column", "id") == 2
        first, *faults = capsys.readouterr().err.splitlines()
        assert first == "error: 4 faults"
        for fault, name in zip(faults, ("a.parquet", "b.feather", "c.csv"), strict=False):
            assert fault.startswith(f"  in/{name}: cannot be read as {name[2:]}: ")
        assert faults[3].startswith("  in/d.jsonl:2: not JSON")

    def test_one_that_is_damaged_inside(self, archive: str, capsys: Err) -> None:
        path = Path(write("a.parquet"))
        content = bytearray(path.read_bytes())
        content[20:200] = bytes(180)
        path.write_bytes(content)
        assert bulk(archive, "--id-column", "id") == 2
        assert capsys.readouterr().err.startswith("error: in/a.parquet: cannot be read as parquet: ")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["in", "--column", "text", "--output", "out"], "in: holds no table; expected files of the forms"),
            (["in/*.csv", "--column", "text", "--output", "out"], "in/*.csv: no file matches this pattern"),
            (["a.txt", "in/x.csv", "--column", "text", "--output", "out"], "2 faults\n  a.txt: is no table by its"),
            (["in", "--column", "text"], "tables need a folder for the output: --output FOLDER"),
            (["in", "--keep", "n"], "--keep has no effect without --column, which names the texts of tables"),
            (["in", "--workers", "2"], "--workers has no effect without --column"),
            (["a.parquet"], "a.parquet: is a table by its name; name the column of its texts (--column)"),
            (["in", "--column", "text", "--output", "out", "--triples"], "--triples does not go with tables"),
            (["in", "--column", "text", "--output", "out", "--on-error", "stop"], "--on-error stop does not go with"),
            (["in", "--column", "text", "--output", "out", "--workers", "0"], "--workers 0: expected a number, at le"),
            (["in", "--column", "text", "--output", "out", "--address", "x"], "--address has no effect without --eng"),
        ],
    )  # fmt: skip
    def test_arguments(self, archive: str, arguments: list[str], message: str, capsys: Err) -> None:
        Path("a.txt").touch()
        assert main(["predict", archive, *arguments]) == 2
        assert capsys.readouterr().err.startswith(f"error: {message}")
        assert not Path("out").exists()

    def test_a_folder_with_something_else(self, archive: str, capsys: Err) -> None:
        write("a.parquet")
        Path("out").mkdir()
        Path("out/mine.txt").touch()
        assert bulk(archive, "--id-column", "id") == 2
        message = "error: out: holds mine.txt and no work that relx could continue; write to another folder\n"
        assert capsys.readouterr().err == message

    def test_tables_without_rows(self, archive: str, capsys: Err) -> None:
        write("a.parquet", {"text": pa.array([], pa.string())})
        assert bulk(archive) == 2
        assert capsys.readouterr().err == "error: in/a.parquet: holds no row\n"
