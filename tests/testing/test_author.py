"""An author's own test module, in a folder that knows nothing of relx's tests, run by pytest and by unittest's like."""

from pathlib import Path

import pytest
import tiny as sample

pytestmark = pytest.mark.slow

MODULE = """
from relx.heads.head import Head
from relx.heads.rin import RIN
from relx.testing import HeadTestCase


@Head.register("mine")
class Mine(RIN):
    pass


class TestMine(HeadTestCase):
    head = {"type": "mine", "rounds": 1}
    steps = 20


@Head.register("dull")
class Dull(RIN):
    def loss(self, scores, batch):
        return super().loss(scores, batch).detach() + 0 * scores["entity"].sum()


class TestDull(HeadTestCase):
    head = {"type": "dull", "rounds": 0}
    steps = 4


def test_in_one_call():
    HeadTestCase.check(head={"type": "mine", "rounds": 0}, steps=20)
"""


def test_pytest_finds_the_tests_of_a_subclass(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(MODULE)
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    run = sample.run(*options, tmp_path, cwd=tmp_path, program=pytest.main)
    failed = {line.split("::")[-1].split(" ")[0] for line in run.stdout.splitlines() if line.startswith("FAILED")}
    untrained = {"test_it_trains", "test_a_gradient_reaches_every_weight"}
    unlearned = {"test_it_learns_every_relation_by_heart", "test_relations_that_share_their_mentions_come_back"}
    assert failed == untrained | unlearned, run.stdout
    assert "4 failed, 29 passed" in run.stdout and "errors" not in run.stdout
    assert "AssertionError: the gradient of embedder.table is zero everywhere" in run.stdout
