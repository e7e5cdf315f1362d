import json
import os
import shutil
from pathlib import Path

import pytest

from relx import archive
from relx.commands import main
from relx.commands.compare import predicted_counts
from relx.scoring.sentences import FILES, load_counts


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def seeds(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one epoch, which have learned nothing yet."""
    folder = tmp_path_factory.mktemp("seeds")
    short = ["--var", f"data={tiny.parent}", "--var", "epochs=1"]
    assert main(["train", str(tiny), "-s", str(folder / "few"), "--seeds", "1,2", *short]) == 0
    return folder / "few"


def cells(line: str) -> list[str]:
    return line.replace(" ± ", "±").replace(" to ", "..").split()


def test_a_run_against_several_seeds(trained: Path, seeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(seeds), str(trained), "--resamples", "500"]) == 0
    caption, _, header, first, second = capsys.readouterr().out.splitlines()
    assert caption.startswith("exact_span on test: 36 sentences, scores in percent, mean ± standard deviation")
    assert f"differences of the mean F1 from {seeds}" in caption and "(500 resamples)" in caption
    metrics = [json.loads((run / "metrics.json").read_text())["test"] for run in sorted(seeds.iterdir())]
    mean = sum(100 * scores["exact_span"]["triples"]["f1"] for scores in metrics) / 2
    name, runs, *_, f1, best, _, _, p = cells(first)
    assert (name, runs, p) == (str(seeds), "2", "-")
    assert float(f1.partition("±")[0]) == pytest.approx(mean, abs=0.06)
    name, runs, precision, recall, f1, best, gain, interval, p = cells(second)
    assert (name, runs, f1, best) == (str(trained), "1", "100.0", "100.0")
    assert float(gain) == pytest.approx(100 - mean, abs=0.06)
    assert float(p) == round(1 / 501, 4)


def test_a_named_protocol_another_split_and_other_forms(
    trained: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--protocol", "last_word", "--split", "validation", "--resamples", "10"]
    assert main(["compare", str(trained), *options, "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("last_word on validation: 36 sentences") and "\n| system | runs |" in out
    assert main(["compare", str(trained), *options, "--format", "latex"]) == 0
    assert r"\begin{tabular}" in capsys.readouterr().out


def test_what_a_run_wrote_down_is_what_its_archive_predicts(
    trained: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, name in ((trained, "trained"), (seeds / "seed_1", "seed_1")):
        shutil.copytree(run, name)
        (Path(name) / FILES["test"]).unlink()
    assert main(["compare", "seed_1", "trained"]) == 0
    out, log = capsys.readouterr()
    assert "trained: holds no counts of the test set's sentences; predicting them from its archive" in log
    assert main(["compare", str(seeds / "seed_1"), str(trained)]) == 0
    again, log = capsys.readouterr()
    assert log == ""
    assert [cells(line)[1:] for line in out.splitlines()[3:]] == [cells(line)[1:] for line in again.splitlines()[3:]]


def test_gold_that_tokens_cannot_hold_is_logged(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Path(shutil.copytree(trained, "run"))
    opened, cut = archive.load(run / "model.tar.gz"), tmp_path / "cut.jsonl"
    cut.write_text('{"text": "Paris-Berlin", "entities": [{"characters": [0, 5]}]}\n')
    archive.save(run / "model.tar.gz", {**opened.config, "test_data_path": str(cut)}, opened.model, {})
    (run / FILES["test"]).unlink()
    assert predicted_counts(run, "test").by_protocol
    assert "1 mention cutting a token, widened to whole tokens" in caplog.text


def test_the_counts_of_a_run_add_up_to_its_scores(seeds: Path) -> None:
    run = seeds / "seed_1"
    metrics = json.loads((run / "metrics.json").read_text())
    for split in FILES:
        counts = load_counts(run, split)
        assert counts is not None
        assert list(counts.by_protocol) == ["exact_span", "last_word"]
        for protocol, rows in counts.by_protocol.items():
            triples = metrics[split][protocol]["triples"]
            assert len(rows) == 36
            for name in ("predicted", "gold", "correct"):
                assert sum(getattr(row, name) for row in rows) == triples[name]


def test_unfinished_seeds_are_left_out(
    seeds: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(seeds, "few")
    os.remove("few/seed_2/metrics.json")
    assert main(["compare", "few", "--resamples", "10"]) == 0
    assert cells(capsys.readouterr().out.splitlines()[-1])[1] == "1"
    assert caplog.messages == ["few/seed_2: not finished; left out"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "gone: neither the folder of a run nor a folder of such folders"),
        (["TRAINED", "TRAINED"], "a run is named twice"),
        (
            ["TRAINED", "--protocol", "strict"],
            "not all runs were scored under the protocol 'strict'; they share: exact",
        ),
        (["TRAINED", "--resamples", "0"], "--resamples must be at least 1"),
        (["TRAINED", "--seed", "-1"], "--seed not negative"),
        (["damaged"], "damaged/test_sentences.json: holds no counts of sentences"),
    ],
)
def test_what_the_user_can_mend_is_one_message_and_code_2(
    trained: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("damaged").mkdir()
    for name in ("config.json", "metrics.json", FILES["test"]):
        (Path("damaged") / name).write_text("{}")
    assert main(["compare", *(str(trained) if word == "TRAINED" else word for word in arguments)]) == 2
    out, error = capsys.readouterr()
    assert out == "" and message in error and "Traceback" not in error


def test_one_folder_under_two_names_is_named_twice(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(trained), f"{trained.parent}/./{trained.name}/"]) == 2
    assert "run/: a run is named twice" in capsys.readouterr().err
