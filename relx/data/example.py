"""A sentence with its entities and relations: one class for gold data and for predictions."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Entity(NamedTuple):
    """A mention of an entity: the tokens ``start`` (inclusive) to ``end`` (exclusive).

    A mention that the data names but that could not be found among the tokens has no ``start`` and no ``end``: it is
    kept with its ``text``, so that scoring can count what it costs.
    """

    start: int | None
    end: int | None
    type: str | None = None
    text: str | None = None
    score: float | None = None

    @property
    def located(self) -> bool:
        """Whether the mention was found among the tokens."""
        return self.start is not None

    @property
    def span(self) -> tuple[int, int]:
        """(start, end) in tokens, end exclusive. Only of a located mention."""
        assert self.start is not None and self.end is not None
        return self.start, self.end


class Relation(NamedTuple):
    """A directed, typed relation between two mentions of one sentence."""

    head: Entity
    type: str
    tail: Entity
    score: float | None = None

    @property
    def located(self) -> bool:
        """Whether both mentions were found among the tokens."""
        return self.head.located and self.tail.located


@dataclass(slots=True)
class Example:
    """One sentence.

    ``offsets`` are the (start, end) characters of each token in ``text``, end exclusive. ``heads`` are dependency
    heads, one for each token: the 1-based number of the governing token, 0 for a root; ``deprels`` are the relations to
    them. ``meta`` is the user's own and is carried through unread.
    """

    tokens: list[str]
    entities: list[Entity] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    text: str | None = None
    offsets: list[tuple[int, int]] | None = None
    pos_tags: list[str] | None = None
    heads: list[int] | None = None
    deprels: list[str] | None = None
    id: str | None = None
    meta: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def mention_text(self, entity: Entity) -> str:
        """The words of a mention: its tokens joined by spaces, or the data's own text if it was not located."""
        if entity.start is None:
            return entity.text or ""
        return " ".join(self.tokens[entity.start : entity.end])

    def characters(self, entity: Entity) -> tuple[int, int] | None:
        """(start, end) of a mention in ``text``, in characters; None without offsets or location."""
        if self.offsets is None or entity.start is None or entity.end is None:
            return None
        return self.offsets[entity.start][0], self.offsets[entity.end - 1][1]

    def unlabelled(self) -> "Example":
        """The same sentence without entities and relations."""
        return Example(
            self.tokens, text=self.text, offsets=self.offsets, pos_tags=self.pos_tags, heads=self.heads,
            deprels=self.deprels, id=self.id, meta=self.meta,
        )  # fmt: skip
