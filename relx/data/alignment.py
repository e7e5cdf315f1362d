"""Characters to tokens."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def token_span(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """(first, last + 1) of the tokens that the characters ``start`` to ``end`` touch; None if they touch none.

    A span that cuts a token is thereby widened to the whole of it. ``offsets`` stand in the order of the text.
    """
    first = bisect_right(offsets, start, key=lambda offset: offset[1])
    last = bisect_left(offsets, end, key=lambda offset: offset[0])
    return (first, last) if first < last else None
