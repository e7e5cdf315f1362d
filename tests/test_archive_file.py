"""What an archive tells about its model, and older formats."""

import gzip
import hashlib
import io
import json
import re
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import relx
from relx.archive import load
from relx.archive_file import _Unpacked, read_facts, read_members, write_members
from relx.commands import main
from relx.errors import ArchiveError


def with_meta(archive: str, place: Path, **changes: Any) -> str:
    """The archive with other values in its ``meta.json``."""
    files = read_members(archive)
    files["meta.json"] = json.dumps({**json.loads(files["meta.json"]), **changes}).encode()
    write_members(place, files)
    return str(place)


@pytest.fixture
def older(archive: str, tmp_path: Path) -> str:
    """An archive as relx wrote it before: format 1 and none of the new facts, packed by tar."""
    files = read_members(archive)
    meta = json.loads(files["meta.json"])
    kept = {name: meta[name] for name in ("relx", "versions", "plugins", "trained_with")}
    files["meta.json"] = json.dumps({"format": 1, **kept}).encode()
    with tarfile.open(tmp_path / "older.tar.gz", "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return str(tmp_path / "older.tar.gz")


def test_an_older_format_is_refused_with_both_versions(
    older: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = (
        f"{older}: has archive format 1 (written by relx {relx.__version__}), and this relx ({relx.__version__}) reads "
        "format 2 only; train the model again, or install the relx that wrote the archive"
    )
    for opened in (load, read_facts, relx.load):
        with pytest.raises(ArchiveError, match=f"^{re.escape(message)}$"):
            opened(older)
    (tmp_path / "text").write_text("Bob\n")
    for command in (["show", older], ["predict", older, str(tmp_path / "text"), "--text"], ["evaluate", older, "x"]):
        assert main(command) == 2
        assert capsys.readouterr().err == f"error: {message}\n"


def test_an_archive_tells_its_date_its_data_and_its_labels(archive: str, tiny: Path, trained: Path) -> None:
    facts = read_facts(archive).to_json()
    age = datetime.now(timezone.utc) - datetime.fromisoformat(facts["date"])
    assert timedelta() <= age < timedelta(hours=1)
    assert set(facts["data"]) == {"train", "validation", "test"}
    train = tiny.parent / "train.jsonl"
    digest = hashlib.sha256(train.read_bytes()).hexdigest()
    assert facts["data"]["train"] == {"path": str(train), "sha256": digest, "sentences": 36, "triples": 24}
    assert facts["relations"] == ["born_in", "works_in"] and facts["entity_types"] == ["LOC", "PER"]
    assert facts["weights"].keys() == {"embedder", "encoder", "head"} and facts["weights"]["encoder"] == 0
    model = load(archive).model
    assert sum(facts["weights"].values()) == sum(parameter.numel() for parameter in model.parameters())
    assert facts["vocabulary"] == model.vocabulary.sizes()
    assert facts["scores"]["test"] == json.loads((trained / "metrics.json").read_text())["test"]
    assert facts["protocols"] == ["exact_span", "last_word"]
    assert facts == load(archive).facts.to_json() == relx.load(archive).facts.to_json()


@pytest.mark.parametrize("value", [None, 5, "text", [1, {}], {"a": {"b": [None]}}, [["x"]], True])
def test_facts_of_any_shape_can_be_shown(
    archive: str, tmp_path: Path, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    files = read_members(archive)
    names = ("date", "versions", "plugins", "weights", "trained_with", "data", "relx")
    files["meta.json"] = json.dumps({"format": 2, **dict.fromkeys(names, value)}).encode()
    files["config.json"] = json.dumps(dict.fromkeys(("model", "protocols", "tokenizer", "pos_tagger"), value)).encode()
    files["metrics.json"] = json.dumps({"test": {"a": value, "b": {"triples": value}}, "validation": value}).encode()
    write_members(tmp_path / "odd.tar.gz", files)
    code = main(["show", str(tmp_path / "odd.tar.gz")])
    shown = capsys.readouterr()
    assert (code, shown.err) == (0, "") and "relations (2):" in shown.out
    assert main(["show", str(tmp_path / "odd.tar.gz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["date"] == value


def test_the_facts_of_an_archive_are_shown_in_a_notebook_with_its_texts_escaped(archive: str, tmp_path: Path) -> None:
    model = relx.load(with_meta(archive, tmp_path / "evil.tar.gz", date="<b>\u202e\x1b[31m"))
    shown = model._repr_html_()
    assert "&lt;b&gt;\\u202e\\x1b[31m" in shown and "<b>" not in shown
    assert "<td>relations (2)</td><td>born_in, works_in</td>" in shown
    assert "<td>test</td><td>exact_span</td><td>all triples</td><td>100.0</td>" in shown


def test_the_stream_of_an_archive_returns_as_much_as_is_asked_for() -> None:
    packed = gzip.compress(b"a" * 10) + gzip.compress(b"b" * 5)
    stream = _Unpacked(io.BytesIO(packed), 15)
    assert (stream.read(4), stream.read(0), stream.read(), stream.read()) == (b"aaaa", b"", b"aaaaaabbbbb", b"")
    with pytest.raises(ArchiveError, match="unpacks to far more"):
        _Unpacked(io.BytesIO(packed), 14).read()
