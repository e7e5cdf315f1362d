"""Copies of a sentence with other words in it, whose mentions, offsets and relations stay right."""

from collections.abc import Sequence
from typing import NamedTuple

from relx.data.alignment import joined_offsets
from relx.data.example import Entity, Example, Relation


class Words(NamedTuple):
    """Tokens, their text and their places in it; ``mention`` is the ``Entity.text`` of a mention with these words."""

    tokens: Sequence[str]
    text: str
    offsets: Sequence[tuple[int, int]]
    mention: str | None = None


class Edit(NamedTuple):
    """Other words for the tokens ``start`` to ``end`` (exclusive), or words to add before token ``start == end``."""

    start: int
    end: int
    words: Words


def words(*tokens: str) -> Words:
    """Return tokens with blanks between them."""
    return Words(tokens, " ".join(tokens), joined_offsets(list(tokens)))


def words_of(example: Example, mention: Entity) -> Words:
    """Return the words of a located mention as its sentence writes them."""
    start, end = mention.span
    tokens = example.tokens[start:end]
    if example.text is None or example.offsets is None:
        return words(*tokens)._replace(mention=mention.text)
    first, last = example.offsets[start][0], example.offsets[end - 1][1]
    offsets = [(a - first, b - first) for a, b in example.offsets[start:end]]
    return Words(tokens, example.text[first:last], offsets, mention.text)


def can_rewrite(example: Example) -> bool:
    """Return whether all mentions consist of whole tokens; the place of one that cuts a token cannot be kept."""
    return not any(mention.characters for mention in example.mentions())


class Rewriting:
    """A copy of a sentence after edits of disjoint tokens, in order, none of which begins or ends inside a mention.

    ``example`` is the copy: without tags and trees, which the new words would make wrong. ``moved`` is the mention of
    the copy at the place of a mention of the sentence.
    """

    def __init__(self, example: Example, edits: Sequence[Edit]) -> None:
        self.edits = edits
        tokens = list(example.tokens)
        for start, end, new in reversed(edits):
            tokens[start:end] = new.tokens
        text, offsets = _text_and_offsets(example, edits)
        self.example = Example(
            tokens,
            [self.moved(entity) for entity in example.entities],
            [self.moved_relation(relation) for relation in example.relations],
            text,
            offsets,
            id=example.id,
            meta=example.meta,
            context=example.context,
        )

    def moved(self, mention: Entity) -> Entity:
        """Return the mention at the same place; an edit of exactly its tokens gives it other words."""
        if not mention.located:
            return mention
        start, end = mention.span
        shift = sum(len(edit.words.tokens) - (edit.end - edit.start) for edit in self.edits if edit.end <= start)
        for edit in self.edits:
            if (edit.start, edit.end) == (start, end):
                length = len(edit.words.tokens)
                return mention._replace(start=start + shift, end=start + shift + length, text=edit.words.mention)
        return mention._replace(start=start + shift, end=end + shift)

    def moved_relation(self, relation: Relation) -> Relation:
        """Return the relation between the mentions at the same places."""
        return relation._replace(head=self.moved(relation.head), tail=self.moved(relation.tail))


def _text_and_offsets(example: Example, edits: Sequence[Edit]) -> tuple[str | None, list[tuple[int, int]] | None]:
    """Return the text of the copy and the places of its tokens; words are added after the token before them."""
    if example.text is None or example.offsets is None:
        return None, None
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    length = done = number = 0  # characters of the copy, characters and tokens of the sentence

    def keep(last_token: int, last_character: int) -> None:
        nonlocal length, done, number
        assert example.text is not None and example.offsets is not None
        offsets.extend((a - done + length, b - done + length) for a, b in example.offsets[number:last_token])
        pieces.append(example.text[done:last_character])
        length, done, number = length + last_character - done, last_character, last_token

    for start, end, new in edits:
        keep(start, example.offsets[start][0] if end > start else example.offsets[start - 1][1] if start else 0)
        blanks = ("", "") if end > start else (" ", "") if start else ("", " ")
        offsets.extend((length + len(blanks[0]) + a, length + len(blanks[0]) + b) for a, b in new.offsets)
        pieces.append(new.text.join(blanks))
        length += len(pieces[-1])
        if end > start:
            done, number = example.offsets[end - 1][1], end
    keep(len(example.offsets), len(example.text))
    return "".join(pieces), offsets
