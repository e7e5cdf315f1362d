from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex

from relx.comparison.plots import draw_curves
from relx.comparison.reports import Report
from relx.errors import ConfigError, DataError
from relx.utils.figures import save


def reports(*f1: float, name: str = "triple_f1", per_epoch: int = 1) -> list[Report]:
    return [
        Report(1 + n // per_epoch, 10 * (n + 1), "exact_span", 5 - n, {name: value}, value == max(f1[: n + 1]))
        for n, value in enumerate(f1)
    ]


def lines(panel) -> list[tuple[list[float], list[float]]]:
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()]


class TestDrawing:
    def test_loss_and_metrics_over_the_epochs_with_the_kept_one_marked(self) -> None:
        loss, f1 = draw_curves({"a": [reports(0.1, 0.3, 0.2)]}, ["triple_f1", "entity_f1"][:1]).axes
        assert lines(loss) == [([1, 2, 3], [5, 4, 3]), ([2], [4])]
        curve, mark = lines(f1)
        assert curve == ([1, 2, 3], pytest.approx([10, 30, 20])) and mark == ([2], pytest.approx([30]))
        assert (loss.get_ylabel(), f1.get_ylabel()) == ("loss", "triple_f1 %\n(exact_span)")
        assert f1.get_xlabel() == "epoch"

    def test_the_runs_of_a_system_share_a_color_and_a_name(self) -> None:
        systems = {"a": [reports(0.1, 0.3), reports(0.2, 0.1)], "b": [reports(0.5, 0.6)]}
        loss, _ = draw_curves(systems, ["triple_f1"]).axes
        colors = [to_hex(line.get_color()) for line in loss.get_lines()]
        assert len(set(colors[:4])) == len(set(colors[4:])) == 1 and len(set(colors)) == 2
        assert [text.get_text() for text in loss.get_legend().get_texts()] == ["a", "b"]

    def test_any_name_of_a_folder_is_in_the_legend(self, tmp_path: Path) -> None:
        figure = draw_curves({name: [reports(0.1)] for name in ("_a", "$x^", "b\x1b\ud83d")}, [])
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
            "./_a", r"\$x^", r"b\x1b\ud83d",
        ]  # fmt: skip
        save(figure, tmp_path / "names.svg")

    def test_several_reports_an_epoch_are_drawn_over_the_steps(self) -> None:
        loss, _ = draw_curves({"a": [reports(0.1, 0.3, 0.2, 0.4, per_epoch=2)]}, ["triple_f1"]).axes
        assert lines(loss)[0][0] == [10, 20, 30, 40]

    def test_without_validation_there_is_the_loss_alone(self) -> None:
        run = [Report(1, 5, "exact_span", 2.0, {}, True)]
        assert len(draw_curves({"a": [run]}, ["triple_f1"]).axes) == 1

    def test_more_systems_than_colors(self) -> None:
        assert len(draw_curves({str(n): [reports(0.1)] for n in range(12)}, []).axes) == 1

    def test_an_unknown_metric(self) -> None:
        with pytest.raises(DataError, match="no run has the metric 'f1'; there are: triple_f1"):
            draw_curves({"a": [reports(0.1)]}, ["f1"])


class TestSaving:
    def test_the_ending_decides_on_the_form(self, tmp_path: Path) -> None:
        for ending, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
            save(draw_curves({"a": [reports(0.1, 0.2)]}, ["triple_f1"]), tmp_path / f"a{ending}")
            assert (tmp_path / f"a{ending}").read_bytes().startswith(start)

    @pytest.mark.parametrize("name", ["a.txt", "a"])
    def test_an_unknown_ending(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=f"{name}: a drawing ends in one of: .*.png"):
            save(draw_curves({"a": [reports(0.1)]}, []), tmp_path / name)
        assert not list(tmp_path.iterdir())
