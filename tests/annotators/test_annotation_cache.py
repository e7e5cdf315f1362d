import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from relx.annotators.cache import CHUNK, FILE, AnnotationCache

SENTENCES = [["Ann", "sings"], ["a", "b c"], ["a b", "c"], ["\ud800", "\x00", ""], []]

# A process that annotates the sentences FIRST to LAST; what it says is checked by the readers below.
WORKER = """
import sys
from relx.annotators.cache import AnnotationCache
folder, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, last, 100):
    sentences = [["w", str(number)] for number in range(start, min(last, start + 100))]
    AnnotationCache("worker", folder).annotated(sentences, lambda given: [[s[1]] * 50 for s in given])
    print(start, flush=True)
"""


class Annotator:
    """Says the length of each token, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, sentences):
        self.asked.extend(sentences)
        return [[len(token) for token in sentence] for sentence in sentences]


def worker(folder, first, last):
    command = [sys.executable, "-c", WORKER, str(folder), str(first), str(last)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, text=True, **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def stored(folder):
    """What the cache holds of the workers' sentences: none of it damaged."""
    with sqlite3.connect(folder / FILE) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute("SELECT count(*) FROM annotations").fetchone()[0]


def test_a_sentence_is_annotated_once(tmp_path):
    annotator, cache = Annotator(), AnnotationCache("one", str(tmp_path))
    expected = [[len(token) for token in sentence] for sentence in SENTENCES]
    assert cache.annotated(SENTENCES + SENTENCES[:2], annotator) == expected + expected[:2]
    assert annotator.asked == SENTENCES
    again = AnnotationCache("one", str(tmp_path))
    assert again.annotated([["new"], *SENTENCES[::-1]], annotator) == [[3], *expected[::-1]]
    assert annotator.asked == [*SENTENCES, ["new"]]


def test_annotators_do_not_read_each_other(tmp_path):
    one, other = AnnotationCache("one", str(tmp_path)), AnnotationCache("other", str(tmp_path))
    assert one.annotated(SENTENCES[:1], lambda given: ["x"]) == ["x"]
    assert other.annotated(SENTENCES[:1], lambda given: [{"y": [1, None]}]) == [{"y": [1, None]}]
    assert one.annotated(SENTENCES[:1], Annotator()) == ["x"]


def test_the_users_cache_folder_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    AnnotationCache("one").annotated(SENTENCES, Annotator())
    assert (tmp_path / "relx" / FILE).is_file()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert AnnotationCache("one").path == tmp_path / ".cache/relx" / FILE


def test_an_interrupted_run_keeps_what_it_has_done(tmp_path):
    sentences = [[str(number)] for number in range(CHUNK + 10)]
    cache, annotator = AnnotationCache("one", str(tmp_path)), Annotator()

    def stops(given):
        if len(annotator.asked) >= CHUNK:
            raise KeyboardInterrupt
        return annotator(given)

    with pytest.raises(KeyboardInterrupt):
        cache.annotated(sentences, stops)
    later = Annotator()
    cache.annotated(sentences, later)
    assert later.asked == sentences[CHUNK:]


def test_an_annotator_that_loses_sentences_is_found_out(tmp_path):
    with pytest.raises(ValueError):
        AnnotationCache("one", str(tmp_path)).annotated(SENTENCES, lambda given: [1])


def test_without_a_usable_file_everything_is_annotated(tmp_path, caplog):
    folder = tmp_path / "file"
    folder.write_text("in the place of the folder")
    assert AnnotationCache("one", str(folder)).annotated([["a"], ["bc"]], Annotator()) == [[1], [2]]
    assert "relx cannot use this cache of annotations" in caplog.text
    assert "XDG_CACHE_HOME" in caplog.text


@pytest.mark.parametrize("damage", ["no database", "pages lost"])
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(tmp_path, damage, caplog):
    path, many = tmp_path / FILE, [[str(number)] for number in range(900)]
    AnnotationCache("one", str(tmp_path)).annotated(many, Annotator())
    content = path.read_bytes()
    damaged = b"no database" * 1000 if damage == "no database" else content[:4096] + b"\xff" * (len(content) - 4096)
    path.write_bytes(damaged)
    annotator = Annotator()
    for _ in range(2):
        assert AnnotationCache("one", str(tmp_path)).annotated([["a"], ["bc"]], annotator) == [[1], [2]]
    assert annotator.asked == [["a"], ["bc"]], "the new one keeps what it is given"
    assert (tmp_path / f"{FILE}.damaged").read_bytes() == damaged
    assert caplog.text.count(f"relx moved it to {path}.damaged") == 1


@pytest.mark.parametrize("value", ["[1, 2", "", b"\xff\xfe", "\x00"])
def test_a_damaged_value_counts_as_unknown(tmp_path, value, caplog):
    cache = AnnotationCache("one", str(tmp_path))
    cache.annotated([["a"], ["bc"]], Annotator())
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        database.execute("UPDATE annotations SET value = CAST(? AS TEXT)", (value,))
    annotator = Annotator()
    for _ in range(2):
        assert cache.annotated([["a"], ["bc"]], annotator) == [[1], [2]]
    assert annotator.asked == [["a"], ["bc"]], "the second time it is known again"
    assert "cannot be used" not in caplog.text
    assert (
        caplog.text.count(f"{tmp_path / FILE}: 2 annotations are damaged or of another form; relx computes them again")
        == 1
    )


def test_it_says_that_it_waits_and_fails_but_once(tmp_path, monkeypatch, caplog):
    cache = AnnotationCache("one", str(tmp_path))
    cache.annotated([["a"]], Annotator())
    monkeypatch.setattr("relx.annotators.cache.SILENCE", 0.01)
    monkeypatch.setattr("relx.annotators.cache.PATIENCE", 0.02)
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for word in "bcd":
            assert cache.annotated([[word]], Annotator()) == [[1]]
    assert caplog.text.count("another process uses this cache; relx waits for up to") == 1
    assert caplog.text.count("relx cannot use this cache of annotations") == 1
    assert cache.annotated([["a"]], lambda given: ["anew"]) == [[1]], "it is used again as soon as it can be"


def test_a_file_in_use_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch, caplog):
    cache = AnnotationCache("one", str(tmp_path))
    cache.annotated([["a"]], Annotator())
    monkeypatch.setattr("relx.annotators.cache.PATIENCE", 0.01)
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert cache.annotated([["b"]], Annotator()) == [[1]]
    assert "locked" in caplog.text
    assert os.listdir(tmp_path) == [FILE]


def test_two_processes_may_write_at_once(tmp_path):
    workers = [worker(tmp_path, 0, 1000), worker(tmp_path, 500, 1500)]
    for process in workers:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=200)[1] for process in workers] == ["", ""], "nobody was refused"
    assert stored(tmp_path) == 1500
    sentences = [["w", str(number)] for number in range(1500)]
    found = AnnotationCache("worker", str(tmp_path)).annotated(sentences, Annotator())
    assert found == [[str(number)] * 50 for number in range(1500)]


def test_killed_writers_leave_it_whole(tmp_path):
    """Killed outright, at any moment of their writing, while another one goes on."""
    survivor, first = worker(tmp_path, 0, 2000), [10**7, 2 * 10**7, 3 * 10**7]
    victims = [worker(tmp_path, start, start + 10**7) for start in first]
    for process in (survivor, *victims):
        process.stdin.write("\n")
        process.stdin.flush()
    for number, process in enumerate(victims):
        process.stdout.readline()
        time.sleep(random.Random(number).random() * 0.05)
        os.kill(process.pid, signal.SIGKILL)
    said = survivor.communicate(timeout=200)[1].splitlines()
    assert all("another process uses this cache; relx waits" in line for line in said)  # as it is on a busy machine
    for process in victims:
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert stored(tmp_path) >= 2000 + 300, "what was stored before the kill is still there"
    annotator = Annotator()
    sentences = [["w", str(number)] for number in (*range(2000), *range(first[0], first[0] + 100))]
    AnnotationCache("worker", str(tmp_path)).annotated(sentences, annotator)
    assert annotator.asked == []


def test_reading_again_is_fast(tmp_path):
    draw = random.Random(1)
    sentences = [[str(draw.random()) for _ in range(25)] for _ in range(4000)]
    cache = AnnotationCache("one", str(tmp_path))
    cache.annotated(sentences, lambda given: [["NNP"] * 25 for _ in given])
    started = time.process_time()
    cache.annotated(sentences, Annotator())
    assert len(sentences) / (time.process_time() - started) > 10_000
