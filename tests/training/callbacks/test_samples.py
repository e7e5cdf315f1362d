from collections.abc import Sequence
from pathlib import Path

import pytest
from reports import step
from sentences import sentence

from relx.data.example import Entity, Relation
from relx.errors import RelxError
from relx.training.callbacks.samples import Samples

GOLD = [
    sentence("nothing here"),
    sentence("Ada of London and Rome", ((0, 1), "in", (2, 3)), ((0, 1), "in", (4, 5))),
    sentence("a b", ((0, 1), "r", (1, 2))),
]


def predicted() -> list:
    said = [example.unlabeled() for example in GOLD]
    said[1].relations = [
        Relation(Entity(0, 1), "in", Entity(2, 3), 0.987),
        Relation(Entity(4, 5), "in", Entity(0, 1), 0.5),
    ]
    return said


def test_what_was_found_missed_and_made_up_is_marked(tmp_path: Path) -> None:
    samples = Samples(tmp_path, "exact_span")
    samples.on_validation(GOLD, predicted())
    samples.on_step_end(step(7, epoch=2))
    samples.on_validation(GOLD, GOLD)
    first, second = (tmp_path / "samples.txt").read_text().split("\n\n")[:2]
    assert first.splitlines() == [
        "before training",
        "  Ada of London and Rome",
        "    = Ada  --in->  London  (0.99)",
        "    - Ada  --in->  Rome",
        "    + Rome  --in->  Ada  (0.50)",
        "  a b",
        "    - a  --r->  b",
    ]
    assert second.splitlines()[0] == "epoch 2, step 7"
    assert all(line.startswith("    = ") for line in second.splitlines() if "->" in line)


def test_triples_are_compared_under_the_protocol(tmp_path: Path) -> None:
    gold = [sentence("New York is big", ((0, 2), "is", (3, 4)))]
    said = [sentence("New York is big", ((1, 2), "is", (3, 4)))]
    for protocol, marks in (("last_word", "="), ("exact_span", "-+")):
        (tmp_path / protocol).mkdir()
        Samples(tmp_path / protocol, protocol).on_validation(gold, said)
        lines = (tmp_path / protocol / "samples.txt").read_text().splitlines()
        assert "".join(line.strip()[0] for line in lines if "->" in line) == marks


@pytest.mark.parametrize(("many", "shown"), [(1, [0]), (6, range(5)), (50, range(0, 50, 10))])
def test_the_sentences_are_spread_over_those_with_relations(tmp_path: Path, many: int, shown: Sequence[int]) -> None:
    gold = [sentence(f"s{number} x", ((0, 1), "r", (1, 2))) for number in range(many)] + [sentence("silence")] * 9
    Samples(tmp_path, "exact_span", sentences=5).on_validation(gold, gold)
    lines = (tmp_path / "samples.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("  s")] == [f"  s{number} x" for number in shown]


def test_any_text_is_written_on_one_line(tmp_path: Path) -> None:
    strange = sentence("a", ((0, 1), "r\n", (0, 1)))
    strange.tokens = ["\ud800\x1b[2J\n"]
    Samples(tmp_path, "exact_span").on_validation([strange], [strange])
    assert (tmp_path / "samples.txt").read_text(encoding="utf-8").splitlines()[1] == "  \\ud800\\x1b[2J\\n"


def test_gold_that_was_not_located_is_shown_too(tmp_path: Path) -> None:
    lost = sentence("somewhere")
    lost.relations = [Relation(Entity(None, None, text="Ada"), "in", Entity(0, 1))]
    Samples(tmp_path, "exact_span").on_validation([lost], [lost.unlabeled()])
    assert "    - Ada  --in->  somewhere" in (tmp_path / "samples.txt").read_text()


def test_what_was_written_after_a_checkpoint_is_gone_after_the_resume(tmp_path: Path) -> None:
    samples = Samples(tmp_path, "exact_span")
    samples.on_validation(GOLD, GOLD)
    state, content = samples.state_dict(), (tmp_path / "samples.txt").read_bytes()
    samples.on_validation(GOLD, GOLD)
    Samples(tmp_path, "exact_span").load_state_dict(state)
    assert (tmp_path / "samples.txt").read_bytes() == content


def test_a_folder_that_is_gone_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RelxError, match=r"samples.txt: cannot be written"):
        Samples(tmp_path / "gone", "exact_span").on_validation(GOLD, GOLD)


def test_no_sentence_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sentences is 0"):
        Samples(tmp_path, "exact_span", sentences=0)
