import random

import pytest

from relx.data.trees import tree_fault


@pytest.mark.parametrize("heads", [[], [0], [0, 0], [0, 1, 2], [2, 3, 0], [2, 0, 2, 0], [3, 3, 0, 3]])
def test_trees_have_no_fault(heads):
    assert tree_fault(heads) is None


@pytest.mark.parametrize(
    ("heads", "token", "what"),
    [
        ([0, 3], 1, "expected 0 (root) or a token's number, 1 to 2, got 3"),
        ([-1], 0, "expected 0 (root) or a token's number, 1 to 1, got -1"),
        ([0, 2], 1, "a token cannot be its own head; 0 says that it is a root"),
        ([2, 1], 0, "the heads lead in a circle, 1 to 2 to 1, and to no root (0)"),
        ([0, 3, 4, 2], 1, "the heads lead in a circle, 2 to 3 to 4 to 2, and to no root (0)"),
        ([3, 0, 4, 3], 2, "the heads lead in a circle, 3 to 4 to 3, and to no root (0)"),
        ([*range(2, 11), 1], 0, "the heads lead in a circle, 1 to 2 to 3 to 4 to 5 to 6 to 7 to 8 to ..., and to"),
    ],
)
def test_the_first_fault_is_told(heads, token, what):
    found = tree_fault(heads)
    assert found is not None and found[0] == token
    assert found[1].startswith(what)


def test_heads_are_trees_just_when_each_token_leads_to_a_root():
    generator = random.Random(13)
    seen = set()
    for _ in range(500):
        length = generator.randint(1, 6)
        heads = [generator.choice([h for h in range(length + 1) if h != token]) for token in range(1, length + 1)]
        ends = set(range(1, length + 1))
        for _ in range(length):
            ends = {heads[token - 1] for token in ends if token}
        whole = not ends - {0}
        seen.add(whole)
        assert (tree_fault(heads) is None) == whole, heads
    assert seen == {True, False}
