"""A sentence with its entities and relations: one class for gold data and for predictions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from relx.data.alignment import joined_offsets, same_words
from relx.utils import drawing, html
from relx.utils.text import aligned, counted

LONGEST_SHOWN = 200
Triple = tuple[str, str, str, float | None]  # the words of the head, the type, the words of the tail, the score


class Entity(NamedTuple):
    """A mention of an entity: the tokens ``start`` (inclusive) to ``end`` (exclusive).

    A mention that the data names but that could not be found among the tokens has no ``start`` and no ``end``: it is
    kept with its ``text``, so that scoring can count what it costs.

    A located mention has a ``text`` only if that differs from its tokens: it is spelled otherwise, or it is a part of
    them (it cuts a token). Of a mention that cuts a token, ``characters`` is its own place in the sentence's text.
    ``id`` is the user's own name of the mention.
    """

    start: int | None
    end: int | None
    type: str | None = None
    text: str | None = None
    score: float | None = None
    characters: tuple[int, int] | None = None
    id: str | None = None

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
    """A directed, typed relation between two mentions of one sentence.

    ``unseen`` marks a prediction of a type that the model has not learned, and that was only described to it.
    """

    head: Entity
    type: str
    tail: Entity
    score: float | None = None
    unseen: bool = False

    @property
    def located(self) -> bool:
        """Whether both mentions were found among the tokens."""
        return self.head.located and self.tail.located


class Context(NamedTuple):
    """Hold the document around a sentence: the tokens of all its sentences, of which ``first`` to ``stop`` are read.

    ``stop`` is exclusive. All sentences of a document share ``sentences``.
    """

    sentences: Sequence[Sequence[str]]
    first: int
    stop: int

    def before(self, words: int) -> list[str]:
        """Return the last words before the sentence, at most so many."""
        found: list[str] = []
        for tokens in reversed(self.sentences[: self.first]):
            if len(found) >= words:
                break
            found = [*tokens, *found]
        return found[max(0, len(found) - words) :]

    def after(self, words: int) -> list[str]:
        """Return the first words after the sentence, at most so many."""
        found: list[str] = []
        for tokens in self.sentences[self.stop :]:
            if len(found) >= words:
                break
            found += tokens
        return found[:words]


@dataclass(slots=True, repr=False)
class Example:
    """One sentence.

    ``offsets`` are the (start, end) characters of each token in ``text``, end exclusive. ``dependency_heads``
    (``heads`` in JSON) has the 1-based number of each token's governing token, 0 for a root; ``deprels`` are the
    relations to them. ``meta`` is the user's own and is carried through unread.

    ``only_arguments`` are the spans of those predicted entities that a model found only as arguments of its relations.
    ``context`` is the document that the sentence was cut from, for embedders that read words around it.
    """

    tokens: list[str]
    entities: list[Entity] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    text: str | None = None
    offsets: list[tuple[int, int]] | None = None
    pos_tags: list[str] | None = None
    dependency_heads: list[int] | None = None
    deprels: list[str] | None = None
    id: str | None = None
    meta: dict[str, Any] | None = None
    only_arguments: frozenset[tuple[int, int]] = field(default=frozenset(), compare=False)
    context: Context | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        text = " ".join(self.tokens) if self.text is None else self.text
        triples = ((self.mention_text(r.head), r.type, self.mention_text(r.tail), r.score) for r in self.relations)
        return text_with_triples("Example", text, len(self.entities), triples)

    def token_text(self, entity: Entity) -> str:
        """Return the tokens of a located mention, joined by spaces."""
        return " ".join(self.tokens[entity.start : entity.end])

    def cuts_token(self, entity: Entity) -> bool:
        """Return whether a mention covers a part of its tokens only."""
        if not entity.located or entity.text is None:
            return False
        return entity.characters is not None or not same_words(entity.text, self.token_text(entity))

    def mention_text(self, entity: Entity) -> str:
        """Return the words of a mention.

        These are its tokens joined by spaces, or the data's own text if it was not located or cuts a token.
        """
        if not entity.located:
            return entity.text or ""
        return " ".join((entity.text or "").split()) if self.cuts_token(entity) else self.token_text(entity)

    def characters(self, entity: Entity) -> tuple[int, int] | None:
        """Return (start, end) of a mention in ``text``, in characters; None without offsets or location."""
        if entity.characters is not None:
            return entity.characters
        if self.offsets is None or entity.start is None or entity.end is None:
            return None
        return self.offsets[entity.start][0], self.offsets[entity.end - 1][1]

    def mentions(self) -> list[Entity]:
        """Return the distinct mentions: the entities, then the arguments of relations that are no entities."""
        arguments = (argument for relation in self.relations for argument in (relation.head, relation.tail))
        return list(dict.fromkeys([*self.entities, *arguments]))

    def glued(self) -> list[int]:
        """Return the numbers of the tokens that follow the token before them without a blank."""
        offsets = self.offsets or []
        return [i for i in range(1, len(offsets)) if offsets[i][0] <= offsets[i - 1][1]]

    def to_svg(self, types: Sequence[str] = (), style: str = drawing.STANDALONE_STYLE) -> str:
        """Draw the sentence: its mentions as boxes, its relations as arcs. What has no place is left out.

        ``types`` fixes the color of each entity type by its position. The result is a file of its own; a page that has
        ``relx.utils.drawing.STYLE`` already needs no ``style`` in each drawing.
        """
        mentions = list(dict.fromkeys(e._replace(score=None) for e in self.mentions() if e.located))
        spans = [drawing.Span(*mention.span, mention.type or "") for mention in mentions]
        number = {mention: i for i, mention in enumerate(mentions)}
        arcs = [
            drawing.Arc(number[r.head._replace(score=None)], number[r.tail._replace(score=None)], r.type)
            for r in self.relations
            if r.located
        ]
        return drawing.draw(self.tokens, spans, arcs, self.glued(), types, style=style)

    def _repr_html_(self) -> str:
        """Show the sentence, its entities and its triples in a notebook."""
        shown = self.to_svg(style=drawing.STYLE)
        if self.entities:
            rows = [(self.mention_text(e), e.type or "", _shown(e.score)) for e in self.entities]
            shown += html.table([("entity", "type", "score"), *rows])
        mention = self.mention_text
        return shown + triple_table((mention(r.head), r.type, mention(r.tail), r.score) for r in self.relations)

    def unlabeled(self) -> "Example":
        """Return the same sentence without entities and relations."""
        return Example(
            self.tokens, text=self.text, offsets=self.offsets, pos_tags=self.pos_tags,
            dependency_heads=self.dependency_heads, deprels=self.deprels, id=self.id, meta=self.meta,
            context=self.context,
        )  # fmt: skip


def text_with_triples(kind: str, text: str, entities: int, triples: Iterable[Triple]) -> str:
    """Return a text, cut if it is long, and below it each triple with its score on a line."""
    rows = [(head, type, tail, _shown(score)) for head, type, tail, score in triples]
    counts = f"{counted(entities, 'entity')}, {counted(len(rows), 'relation')}"
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
    lines = aligned(rows, left=3) if rows else []
    return "\n".join([f"{kind}({cut!r}, {counts})", *(f"  {line}".rstrip() for line in lines)])


def triple_table(triples: Iterable[Triple]) -> str:
    """Return triples as a table of HTML, or nothing where there are none."""
    rows = [(head, type, tail, _shown(score)) for head, type, tail, score in triples]
    return html.table([("head", "relation", "tail", "score"), *rows]) if rows else ""


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"


def text_and_offsets(example: Example) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of a sentence and the places of its tokens; without them, the tokens joined by blanks."""
    if example.text is not None and example.offsets is not None:
        return example.text, example.offsets
    return " ".join(example.tokens), joined_offsets(example.tokens)


def relatable(example: Example) -> list[Entity]:
    """Return the entities of a sentence between which relations can be predicted, in the order of the text.

    These are the located ones; of several with equal tokens the first.
    """
    by_span: dict[tuple[int, int], Entity] = {}
    for entity in example.entities:
        if entity.located:
            by_span.setdefault(entity.span, entity)
    return [by_span[span] for span in sorted(by_span)]
