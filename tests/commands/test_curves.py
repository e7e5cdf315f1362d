import sys
from pathlib import Path

import pytest

from relx.commands import main


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestDrawing:
    @pytest.fixture(autouse=True)
    def needs_matplotlib(self) -> None:
        pytest.importorskip("matplotlib")

    def test_a_run_and_a_folder_of_runs(self, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("seeds").mkdir()
        for seed in (1, 2):
            Path(f"seeds/seed_{seed}").symlink_to(trained)
        assert main(["curves", str(trained), "seeds"]) == 0
        assert capsys.readouterr().out == "curves.png\n"
        assert Path("curves.png").read_bytes().startswith(b"\x89PNG")

    def test_other_metrics_and_another_file(self, trained: Path) -> None:
        assert main(["curves", str(trained), "--metric", "triple_recall", "--output", "a.svg"]) == 0
        assert "triple_recall" in Path("a.svg").read_text() or Path("a.svg").stat().st_size > 1000

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["gone"], "gone: neither the folder of a run nor a folder of such folders"),
            (["begun"], "begun/epochs.jsonl: no such file"),
            (["TRAINED", "--metric", "f1"], "no run has the metric 'f1'; there are: entity_f1, "),
            (["TRAINED", "--output", "gone/a.png"], "gone/a.png: cannot be written: No such file"),
        ],
    )
    def test_what_the_user_can_mend_is_one_message_and_code_2(
        self, trained: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("begun").mkdir()
        (Path("begun") / "config.json").write_text("{}")
        assert main(["curves", *(str(trained) if word == "TRAINED" else word for word in arguments)]) == 2
        out, error = capsys.readouterr()
        assert out == "" and error.startswith(f"error: {message}")


def test_without_matplotlib_one_message_says_what_to_type(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["curves", str(trained)]) == 2
    message = "error: this needs matplotlib, which is not installed; get it with: pip install 'relx[plots]'\n"
    assert capsys.readouterr().err == message
