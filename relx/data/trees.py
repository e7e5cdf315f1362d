"""What makes the heads of a sentence dependency trees."""

from collections.abc import Sequence

ITS_OWN_HEAD = "a token cannot be its own head; 0 says that it is a root"


def tree_fault(heads: Sequence[int]) -> tuple[int, str] | None:
    """(token, counted from 0, what is wrong with its head), of the first fault; None for trees, one for each root."""
    for token, head in enumerate(heads):
        if not 0 <= head <= len(heads):
            return token, f"expected 0 (root) or a token's number, 1 to {len(heads)}, got {head}"
        if head == token + 1:
            return token, ITS_OWN_HEAD
    cycle = _cycle(heads)
    if cycle is None:
        return None
    way = " to ".join(map(str, [*cycle[:8], "..."] if len(cycle) > 8 else [*cycle, cycle[0]]))
    return cycle[0] - 1, f"the heads lead in a circle, {way}, and to no root (0)"


def _cycle(heads: Sequence[int]) -> list[int] | None:
    """Return the numbers, counted from 1, of the tokens of the first cycle of heads; None if there is no cycle."""
    started_at = [0] * (len(heads) + 1)  # for each token, the one from which the way came that led here
    for start in range(1, len(heads) + 1):
        token = start
        while token and not started_at[token]:
            started_at[token] = start
            token = heads[token - 1]
        if token and started_at[token] == start:
            return _round(heads, token)
    return None


def _round(heads: Sequence[int], token: int) -> list[int]:
    """Return the tokens of the cycle that contains a token."""
    circle = [token]
    while heads[circle[-1] - 1] != token:
        circle.append(heads[circle[-1] - 1])
    return circle
