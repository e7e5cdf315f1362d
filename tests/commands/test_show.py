import json
import re
from pathlib import Path

import pytest

from relx.archive_file import read_members, write_members
from relx.commands import main


def test_everything_that_a_user_asks_of_an_archive(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", archive]) == 0
    shown = capsys.readouterr().out
    rows = dict(line.split(":", 1) for line in re.sub("\n +", " ", shown.partition("\n\n")[0]).splitlines())
    rows = {name: value.strip() for name, value in rows.items()}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", rows["trained"])
    assert rows["model"] == "embedder words, head hmt"
    assert re.fullmatch(r"[\d,]+ \(embedder [\d,]+, encoder 0, head [\d,]+\)", rows["weights"])
    assert rows["relations (2)"] == "born_in, works_in" and rows["entity types (2)"] == "LOC, PER"
    assert rows["protocols"] == "exact_span, last_word" and rows["plugins"] == "none"
    assert re.fullmatch(r"path /.*/train.jsonl, sha256 [0-9a-f]{12}, sentences 36, triples 24", rows["train data"])
    assert re.search(r"relx \d.*python 3.*torch \d", rows["versions"])
    assert re.search(r"^test +exact_span +all triples +100.0 +100.0 +100.0$", shown, re.MULTILINE)
    assert re.search(r"^test +entity strict +all entities +100.0 +100.0 +100.0$", shown, re.MULTILINE)


def test_a_long_list_is_wrapped_and_equal_scores_are_shown_once(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = read_members(archive)
    names = [f"relation_{number:02}" for number in range(28)]
    files["vocabulary/relations.txt"] = "\n".join([*names, ""]).encode()
    metrics = json.loads(files["metrics.json"])
    scores = {protocol: json.loads(json.dumps(report)) for protocol, report in metrics["test"].items()}
    scores["last_word"]["triples"]["recall"] = 0.25
    files["metrics.json"] = json.dumps({**metrics, "calibrated": {"test": scores}}).encode()
    write_members(tmp_path / "long.tar.gz", files)
    assert main(["show", str(tmp_path / "long.tar.gz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    [first] = [number for number, line in enumerate(lines) if line.startswith("relations (28):")]
    column = lines[first].index("relation_00")
    assert [line[:column].strip() for line in lines[first + 1 : first + 4]] == [""] * 3
    assert [name for line in lines[first : first + 4] for name in line[column:].strip(",").split(", ")] == names
    assert [line.split()[:4] for line in lines if line.startswith("test, chosen")] == [
        ["test,", "chosen", "thresholds", "last_word"]
    ]


def test_everything_for_programs(archive: str, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", archive, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["format"] == 2 and shown["relations"] == ["born_in", "works_in"]
    assert shown["scores"]["test"] == json.loads((trained / "metrics.json").read_text())["test"]


def test_no_text_of_a_stranger_steers_the_terminal(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = read_members(archive)
    files["vocabulary/relations.txt"] = "evil\x1b[2J\nborn\\nin\u202e\n".encode()
    meta = {"format": 2, "relx": "\x1b]0;title\x07", "date": "now\nversions: none", "plugins": [], "versions": {}}
    files["meta.json"] = json.dumps(meta).encode()
    write_members(tmp_path / "evil.tar.gz", files)
    for option in ([], ["--json"]):
        assert main(["show", str(tmp_path / "evil.tar.gz"), *option]) == 0
        shown = capsys.readouterr().out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
        assert "\nversions: none" not in shown
    assert main(["show", str(tmp_path / "evil.tar.gz")]) == 0
    assert "relations (2):" in capsys.readouterr().out


def test_an_archive_of_a_plugin_that_is_not_here_is_shown(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = read_members(archive)
    need = {"kind": "head", "name": "mine", "include": "mine_heads", "distribution": None}
    files["meta.json"] = json.dumps({**json.loads(files["meta.json"]), "plugins": [need]}).encode()
    write_members(tmp_path / "foreign.tar.gz", files)
    assert main(["show", str(tmp_path / "foreign.tar.gz")]) == 0
    assert re.search(r"^plugins: +mine_heads$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(("content", "message"), [(b"text", "not a complete relx archive"), (None, "no such archive")])
def test_what_is_no_archive_is_one_error(
    tmp_path: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.tar.gz"
    if content is not None:
        path.write_bytes(content)
    assert main(["show", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: {message}")
