"""What reading made of gold mentions: each that is not found among the tokens as the data have it, with the cause.

Every command that reads labeled data logs these; ``relx data`` lists them. All stay in the denominator of recall.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from relx.data.example import Entity, Example
from relx.utils.text import printable

logger = logging.getLogger(__name__)

UNLOCATED = "without a place among the tokens"
CUT = "cutting a token, widened to whole tokens"
SHARED = "cutting a token of another mention, of which at most one can be found"
RESPELLED = "spelled otherwise in the text"
CAUSES = (UNLOCATED, CUT, SHARED, RESPELLED)

SHOWN = 3
LONGEST = 60


class Change(NamedTuple):
    """A gold mention that reading changed: the id of its sentence or ``sentence N``, its words, those of its tokens."""

    cause: str
    sentence: str
    mention: str
    tokens: str

    def __str__(self) -> str:
        words = [printable(text, LONGEST) for text in (self.mention, self.tokens) if text]
        return f"{printable(self.sentence, LONGEST)}: {' in '.join(map(repr, words))}"


def name_of(example: Example, number: int) -> str:
    """Return the name of a sentence in messages: its id, or its number in the file, from 1."""
    return example.id if example.id is not None else f"sentence {number}"


def changes_of(example: Example, number: int) -> Iterator[Change]:
    """Yield a Change for each mention that differs from its tokens; ``number`` counts sentences from 1."""
    mentions = example.mentions()
    if all(mention.located and mention.text is None for mention in mentions):
        return
    name = name_of(example, number)
    taken: set[tuple[int, int]] = set()
    for mention in mentions:
        cause = _cause(example, mention, taken)
        if cause is not None:
            yield Change(cause, name, mention.text or "", example.token_text(mention) if mention.located else "")
        if mention.located:
            taken.add(mention.span)


def _cause(example: Example, mention: Entity, taken: set[tuple[int, int]]) -> str | None:
    if not mention.located:
        return UNLOCATED
    if example.cuts_token(mention):
        return SHARED if mention.span in taken else CUT
    return RESPELLED if mention.text is not None else None


class Changes:
    """Counts the changes of a file by cause, and keeps the first of each."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.first: defaultdict[str, list[Change]] = defaultdict(list)

    def add(self, example: Example, number: int) -> None:
        """Count the changes of the sentence of that number."""
        for change in changes_of(example, number):
            self.counts[change.cause] += 1
            if len(self.first[change.cause]) < SHOWN:
                self.first[change.cause].append(change)

    def log(self, path: object) -> None:
        """Warn of what was counted; say nothing of nothing."""
        found = [cause for cause in CAUSES if self.counts[cause]]
        if found:
            lines = "".join(f"\n  {self._line(cause)}" for cause in found)
            logger.warning(
                "%s: gold that tokens cannot hold as it is (relx data --json lists all of it):%s", path, lines
            )

    def _line(self, cause: str) -> str:
        count, first = self.counts[cause], self.first[cause]
        more = "; ..." if count > len(first) else ""
        return f"{count:,} {'mention' if count == 1 else 'mentions'} {cause}: {'; '.join(map(str, first))}{more}"
