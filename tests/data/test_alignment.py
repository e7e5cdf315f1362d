import pytest

from relx.data.alignment import token_span

OFFSETS = [(0, 3), (4, 8), (8, 9), (10, 12)]


@pytest.mark.parametrize(
    ("characters", "tokens"),
    [
        ((0, 3), (0, 1)),
        ((4, 9), (1, 3)),
        ((3, 8), (1, 2)),
        ((5, 6), (1, 2)),
        ((2, 11), (0, 4)),
        ((3, 4), None),
        ((12, 20), None),
    ],
)
def test_characters_to_tokens(characters, tokens):
    assert token_span(OFFSETS, *characters) == tokens
