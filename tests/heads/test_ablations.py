"""The numbers of parameters that docs/systems/ablations.md gives for the ablations of HMT, RIN and GraphRel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sentences import sentence

from relx.data.vocabulary import Vocabulary
from relx.heads.graphrel import GraphRel
from relx.heads.head import Head
from relx.heads.hmt import HMT
from relx.heads.rin import RIN

PAGE = (Path(__file__).parents[2] / "docs/systems/ablations.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith(("| `hmt_", "| `rin_", "| `graphrel_"))]
SIGNATURES = {"r0": ["PER", "LOC"], "r1": ["ORG", "MISC"]}


def vocabulary(relations: int) -> Vocabulary:
    alone = [sentence(2, ((0, 1), name, (1, 2))) for name in SIGNATURES]
    return Vocabulary([*alone, sentence(2, *[((0, 1), f"r{number}", (1, 2)) for number in range(relations)])])


def size(head: Head) -> int:
    return sum(parameter.numel() for parameter in head.parameters())


def hmt(**arguments: Any) -> int:
    return size(HMT(300, vocabulary(29), signatures=SIGNATURES, **arguments))


def rin(**arguments: Any) -> int:
    return size(RIN(100, vocabulary(170), **{"rounds": 1, **arguments}))


def graphrel(**arguments: Any) -> int:
    return size(GraphRel(100, vocabulary(170), **arguments))


@pytest.mark.parametrize(
    ("row", "parameters", "ablations"),
    [
        ("entity_task=false", hmt, [{"entity_task": False}]),
        ("feedback=none", hmt, [{"feedback": "none"}]),
        ("feedback=argmax", hmt, [{"feedback": "argmax"}]),
        ("joint_scheme=BIES", hmt, [{"joint_scheme": "BIES"}, {"entity_scheme": "BIO"}]),
        ("head=bilstm_s` (-INT", rin, [{"rounds": 0}]),
        ("`head=bilstm` |", rin, [{"rounds": 0, "projections": False}]),
        ("updater=linear", rin, [{"updater": "linear"}]),
        ("updater=rnn", rin, [{"updater": "rnn"}]),
        (
            "without=relations",
            rin,
            [
                {"interaction": ["entities", "words"]},
                {"interaction": ["relations", "words"]},
                {"interaction": ["relations", "entities"]},
            ],
        ),
        ("phases=1", graphrel, [{"phases": 1}]),
    ],
)
def test_the_page_on_heads_says_how_many_parameters_an_ablation_changes(
    row: str, parameters: Callable[..., int], ablations: list[dict[str, Any]]
) -> None:
    (line,) = [line for line in ROWS if row in line]
    whole = parameters()
    changes = "; ".join(f"{parameters(**ablation) - whole:+,}" for ablation in ablations)
    shown = line.removesuffix(" |").rpartition(" | ")[2]
    assert shown == changes or shown.startswith(f"{changes} of {whole:,} in the head (")
