"""``relx calibrate``: what it prints, writes and refuses; and the calibration at the end of a training."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import tiny as sample

from relx.archive_file import read_facts, read_members, write_members
from relx.calibration.calibration import Calibration, TaskCalibration
from relx.calibration.curves import Isotonic, Logistic
from relx.commands import main
from relx.errors import ArchiveError
from relx.predictors import Predictor

TEXT = "Ann Lee was born in New York ."


@pytest.fixture
def copy(archive: str, tmp_path: Path) -> Path:
    """An archive of its own for a test, without a calibration."""
    files = read_members(archive)
    files.pop("calibration.json", None)
    write_members(tmp_path / "model.tar.gz", files)
    return tmp_path / "model.tar.gz"


@pytest.fixture
def dev(tiny: Path) -> str:
    return str(tiny.parent / "dev.jsonl")


def member(archive: Path | str, name: str = "calibration.json") -> Any:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return json.load(file)


def test_it_calibrates_an_archive(copy: Path, dev: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_members(copy)
    assert main(["calibrate", str(copy), dev]) == 0
    out = capsys.readouterr().out
    assert "all relations" in out and "all entities" in out and "cross-fitted in 5 folds" in out
    assert out.splitlines()[-2:] == [str(copy), str(copy.with_name("reliability.svg"))]
    assert copy.with_name("reliability.svg").read_text().startswith("<?xml")
    after = read_members(copy)
    calibration = json.loads(after.pop("calibration.json"))
    assert after == before
    assert Calibration.from_json(calibration).to_json() == calibration
    facts = read_facts(copy)
    assert facts.calibration is not None
    assert ("thresholds", facts.calibration.summary()) in facts.rows()


def test_the_predictor_says_calibrated_scores_and_raw_ones(copy: Path, dev: str, archive: str) -> None:
    raw = Predictor.load(copy)(TEXT)
    main(["calibrate", str(copy), dev])
    model = Predictor.load(copy)
    assert model.archive.calibration is not None
    [expected] = [r.score for r in raw.relations]
    [calibrated] = [r.score for r in model(TEXT).relations]
    assert calibrated == pytest.approx(model.archive.calibration.relations.curve("born_in")([expected])[0])
    assert model.predict(TEXT, calibrated=False) == raw
    assert model.predict(TEXT, min_score={"born_in": 1.0}).relations == []
    assert list(model.stream([TEXT], min_score=1.0)) == [model.predict(TEXT, min_score=1.0)]


def test_commands_take_minimum_and_raw_scores(
    copy: Path, dev: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["calibrate", str(copy), dev])
    (tmp_path / "text").write_text(TEXT)
    capsys.readouterr()

    def relations(*options: str) -> list[dict[str, Any]]:
        assert main(["predict", str(copy), str(tmp_path / "text"), "--text", *options]) == 0
        return json.loads(capsys.readouterr().out)["relations"]

    assert len(relations()) == 1
    assert relations("--min-score", "born_in=1") == []
    assert relations("--raw-scores")[0]["score"] != relations()[0]["score"]
    assert main(["evaluate", str(copy), dev, "--min-score", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[dev]["exact_span"]["triples"]["predicted"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "ARCHIVE", "DEV", "--min-score", "born_inn=0.5", "--min-score", "LOC=7"],
         "error: minimum score born_inn=0.5: no such type; did you mean 'born_in'?\n"
         "minimum score LOC=7.0: expected a number from 0 to 1\n"),
        (["calibrate", "ARCHIVE", "DEV", "--precision", "1.5"],
         "error: --precision 1.5: expected a share above 0, and at most 1\n"),
        (["calibrate", "ARCHIVE", "BARE"],
         "error: BARE: the model finds no relation here, so there is nothing to calibrate: take sentences like those "
         "of the training that hold the relation types of the model\n"),
        (["calibrate", "ARCHIVE", "DEV", "--diagram", "a.bmp"], "error: a.bmp: a drawing ends in one of: "),
    ],
)  # fmt: skip
def test_bad_input_is_one_message(
    arguments: list[str], message: str, copy: Path, dev: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"tokens": ["Nothing", "here"], "entities": [], "relations": []}\n')
    before = read_members(copy)
    places = {"ARCHIVE": str(copy), "DEV": dev, "BARE": str(bare)}
    assert main([places.get(argument, argument) for argument in arguments]) == 2
    assert capsys.readouterr().err.startswith(message.replace("BARE", str(bare)))
    assert read_members(copy) == before


def test_other_settings_of_the_model_leave_the_calibration_aside(
    archive: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Predictor.load(archive, overrides=["data_loader.batch_size=3"]).archive.calibration is not None
    assert not caplog.records
    assert Predictor.load(archive, overrides=["model.head.dropout=0.2"]).archive.calibration is None
    assert "was calibrated with other settings of the model" in caplog.text


def whole() -> dict[str, Any]:
    relations = TaskCalibration(Logistic(1.0, 0.5), {"born_in": Isotonic((0.1, 0.5), (0.2, 0.9))}, 0.3)
    return Calibration(TaskCalibration(), relations, {"sentences": 3}).to_json()


@pytest.mark.parametrize(
    "damaged",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"entities": 1, "relations": {}, "facts": {}}',
        json.dumps({**whole(), "code": "import os"}).encode(),
        json.dumps({**whole(), "facts": 3}).encode(),
        json.dumps(whole()).replace("0.3", "1e999").encode(),
        json.dumps(whole()).replace("0.3", "NaN").encode(),
        json.dumps(whole()).replace("0.3", '"0.3"').encode(),
        json.dumps(whole()).replace("logistic", "pickle").encode(),
        json.dumps(whole()).replace("[0.1, 0.5]", "[0.5, 0.1]").encode(),
        json.dumps(whole()).replace('"slope": 1.0', '"slope": -1.0').encode(),
        b"[" * 100_000,
    ],
)
def test_a_damaged_calibration_is_refused(damaged: bytes, copy: Path) -> None:
    write_members(copy, {**read_members(copy), "calibration.json": damaged})
    for opened in (Predictor.load, read_facts):
        with pytest.raises(ArchiveError, match="calibration.json is damaged") as error:
            opened(copy)
        assert len(str(error.value)) < 300


class TestTraining:
    def test_a_run_is_calibrated_and_scored_both_ways(self, trained: Path) -> None:
        metrics = json.loads((trained / "metrics.json").read_text())
        assert metrics["test"].keys() == metrics["calibrated"]["test"].keys() == {"exact_span", "last_word"}
        assert metrics["calibrated"]["validation"]["sentences"] == 36
        assert member(trained / "model.tar.gz")["facts"] == metrics["calibrated"]["validation"]
        assert (trained / "reliability.svg").exists()

    def test_it_changes_no_weights_and_no_plain_score(self, trained: Path, tiny: Path, tmp_path: Path) -> None:
        sample.train(tiny, tmp_path / "run", epochs=12)
        assert not (tmp_path / "run" / "reliability.svg").exists()
        plain, calibrated = (read_members(run / "model.tar.gz") for run in (tmp_path / "run", trained))
        assert "calibration.json" not in plain
        assert plain["weights.safetensors"] == calibrated["weights.safetensors"]
        scores = [json.loads(files["metrics.json"]) for files in (plain, calibrated)]
        assert scores[0]["test"] == scores[1]["test"] and scores[0]["validation"] == scores[1]["validation"]
        assert "calibrated" not in scores[0]

    def test_a_model_that_finds_nothing_is_archived_uncalibrated(
        self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        shutil.copy(tiny, tmp_path / "tiny.jsonnet")
        for split in ("train", "dev", "test"):
            shutil.copy(tiny.parent / f"{split}.jsonl", tmp_path)
        slow = ("calibrate=true", "trainer.optimizer.lr=1e-9")
        sample.train(tmp_path / "tiny.jsonnet", tmp_path / "run", *slow, epochs=1)
        assert "the scores are not calibrated: the model finds no relation here" in caplog.text
        assert read_facts(tmp_path / "run" / "model.tar.gz").calibration is None


def test_windows_count_as_their_documents(copy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neighboring windows share sentences, and would show a fold what it is measured on."""
    data = tmp_path / "documents.jsonl"
    record = {"text": "Ann was born in Rome . Bob left Oslo . Dan works in Rome now .", "entities": [], "relations": []}
    record["entities"] = [{"characters": [0, 3], "type": "PER"}, {"characters": [16, 20], "type": "LOC"}]
    record["relations"] = [{"head": 0, "type": "born_in", "tail": 1}]
    data.write_text(6 * (json.dumps(record) + "\n"))
    assert main(["calibrate", str(copy), str(data), "--reader", '{"type": "jsonl", "window": 2}']) == 0
    assert member(copy)["facts"]["sentences"] == 6
    assert member(copy)["facts"]["relations"]["gold_before"] == 6


def test_progress_is_logged(
    copy: Path, dev: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relx.utils.logs.MINUTE", 0.0)
    with caplog.at_level("INFO"):
        assert main(["calibrate", str(copy), dev]) == 0
    assert any(record.message.startswith("sentences: 1 of ") for record in caplog.records)
