from dataclasses import replace

import pytest

from relx.commands.compare import render
from relx.comparison.bootstrap import Difference
from relx.comparison.runs import Comparison, Scores, System

A = System("runs/a_1", 3, Scores(0.5, 0.01, 0.51), Scores(0.25, 0.02, 0.3), Scores(0.333, 0.0125, 0.36), None)
B = System(
    "b|~", 1, Scores(0.6, None, 0.6), Scores(0.5, None, 0.5), Scores(0.545, None, 0.545),
    Difference(0.212, -0.1, 0.4, 0.01234),
)  # fmt: skip
COMPARISON = Comparison("exact_span", 806, 1000, [A, B])
CAPTION = (
    "exact_span on test: 806 sentences, scores in percent, mean ± standard deviation over the runs; differences of "
    "the mean F1 from runs/a_1, with a paired bootstrap over sentences and over the runs of systems that have several "
    "(1000 resamples)"
)


def test_for_a_terminal() -> None:
    assert render(COMPARISON, "test", "text").splitlines() == [
        CAPTION,
        "",
        "system    runs   precision      recall          F1  best F1  difference   95 % interval       p",
        "runs/a_1     3  50.0 ± 1.0  25.0 ± 2.0  33.3 ± 1.2     36.0           -               -       -",
        "b|~          1        60.0        50.0        54.5     54.5       +21.2  -10.0 to +40.0  0.0123",
    ]


def test_in_markdown() -> None:
    assert render(COMPARISON, "test", "markdown").splitlines() == [
        f"{CAPTION}:",
        "",
        "| system | runs | precision | recall | F1 | best F1 | difference | 95 % interval | p |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| runs/a_1 | 3 | 50.0 ± 1.0 | 25.0 ± 2.0 | 33.3 ± 1.2 | 36.0 | - | - | - |",
        "| b\\|~ | 1 | 60.0 | 50.0 | 54.5 | 54.5 | +21.2 | -10.0 to +40.0 | 0.0123 |",
    ]


def test_in_latex() -> None:
    lines = render(COMPARISON, "test", "latex").splitlines()
    assert lines[:2] == [r"\begin{table}", r"\centering"]
    assert lines[2] == r"\begin{tabular}{lrrrrrrrr}"
    assert lines[4] == r"system & runs & precision & recall & F1 & best F1 & difference & 95 \% interval & p \\"
    first = r"runs/a\_1 & 3 & 50.0 $\pm$ 1.0 & 25.0 $\pm$ 2.0 & 33.3 $\pm$ 1.2 & 36.0 & -- & -- & -- \\"
    second = r"b|\textasciitilde{} & 1 & 60.0 & 50.0 & 54.5 & 54.5 & $+21.2$ & $-10.0$ to $+40.0$ & 0.0123 \\"
    assert lines[6:8] == [first, second]
    assert lines[9].startswith(r"\end{tabular}") and lines[10].startswith(r"\caption{exact\_span on test: ")
    assert lines[11] == r"\end{table}"


@pytest.mark.parametrize(
    ("systems", "caption"),
    [
        ([B], "last_word on validation: 5 sentences, scores in percent"),
        ([A], "last_word on validation: 5 sentences, scores in percent, mean ± standard deviation over the runs"),
    ],
)
def test_the_caption_says_only_what_is_there(systems: list[System], caption: str) -> None:
    assert render(Comparison("last_word", 5, 10, systems), "validation", "text").splitlines()[0] == caption


def test_the_caption_says_whether_runs_are_resampled() -> None:
    one, several = COMPARISON.systems[1], COMPARISON.systems[0]
    for systems, words in (
        ([one, one], "over sentences, not over runs (1000"),
        ([several, several], "over sentences and over the runs of each system (1000"),
    ):
        for form in ("text", "markdown", "latex"):
            assert words in render(replace(COMPARISON, systems=systems), "test", form)
