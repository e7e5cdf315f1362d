"""Windows of neighboring sentences, which a model reads as one sentence, and what they say of their document.

``meta`` of a sentence or window has the name of its document, its place in the document's text and, of a window, the
number of tokens before it in the document.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from relx.data.document import Document, DocumentMention, shifted
from relx.data.example import Context, Entity, Example, Relation

DOCUMENT, START, END, WINDOW = "document", "start", "end", "window"

Place = tuple[int | None, int | None, tuple[int, int] | None, str | None]
"""What tells mentions apart, whatever their types: tokens, characters, and the text of a mention without tokens."""


def windows(document: Document, size: int) -> list[Example]:
    """Return every ``size`` neighboring sentences of a document as one Example; all of them if there are fewer.

    A relation that no window holds stays with the sentence that lists it; its argument elsewhere has no position.
    """
    begins = [0, *accumulate(map(len, document.sentences))]
    tokens = [sentence.tokens for sentence in document.sentences]
    found = []
    for first in range(max(min(1, len(document.sentences)), len(document.sentences) - size + 1)):
        stop = min(first + size, len(document.sentences))
        example = document.window(first, stop)
        example.context = Context(tokens, first, stop)
        place: dict[str, Any] = {} if document.id is None else {DOCUMENT: document.id}
        if example.text is not None:
            place |= {START: document.starts[first], END: document.starts[first] + len(example.text)}
        if size > 1:
            place[WINDOW] = begins[first]
        example.id = None if document.id is None else f"{document.id}:{first}"
        example.meta = {**(document.meta or {}), **place} or None
        found.append(example)
    return found


def merged(examples: Sequence[Example]) -> Sequence[Example]:
    """Return the windows of each document as one Example; leave other sentences as they are.

    Mentions at one place are those of the window that is surest of them, and relations of one type between two places
    are one relation with the best score.
    """
    if all(_tokens_before(example) is None for example in examples):
        return examples
    return [_merge(group) if _tokens_before(group[0]) is not None else group[0] for group in _by_document(examples)]


def places(examples: Sequence[Example]) -> list[tuple[int, int]]:
    """Return the place of each window: the number of its document, as ``merged`` counts, and the tokens before it."""
    return [
        (number, _tokens_before(example) or 0)
        for number, group in enumerate(_by_document(examples))
        for example in group
    ]


def labeled(document: Document, whole: Example) -> tuple[Document, int]:
    """Return a document with the entities and relations of an Example of all its tokens.

    Mentions that cross the end of a sentence are left out, with their relations; also return their number.
    """
    begins = [0, *accumulate(map(len, document.sentences))]
    found = replace(document, sentences=[s.unlabeled() for s in document.sentences], crossing=[])

    def placed(entity: Entity, beside: Entity | None = None) -> DocumentMention:
        start = entity.start if entity.located else beside.start if beside is not None else None
        number = 0 if start is None else bisect_right(begins, start) - 1
        by = (-begins[number], document.starts[0] - document.starts[number])
        return DocumentMention(number, shifted(entity, *by))

    def crosses(entity: Entity) -> bool:
        return entity.located and entity.span[1] > begins[bisect_right(begins, entity.span[0])]

    for entity in whole.entities:
        if not crosses(entity):
            number, own = placed(entity)
            found.sentences[number].entities.append(own)
    for head, type, tail, score, unseen in whole.relations:
        if not crosses(head) and not crosses(tail):
            found.relate(placed(head, tail), type, placed(tail, head), score, unseen)
    return found, sum(map(crosses, whole.mentions()))


def _tokens_before(example: Example) -> int | None:
    value = (example.meta or {}).get(WINDOW)
    return value if type(value) is int else None


def _by_document(examples: Sequence[Example]) -> list[list[Example]]:
    groups: list[list[Example]] = []
    for example in examples:
        if not _tokens_before(example) or not groups or _tokens_before(groups[-1][-1]) is None:
            groups.append([example])
        else:
            groups[-1].append(example)
    return groups


def _merge(group: Sequence[Example]) -> Example:
    whole = _joined(group)
    best: dict[Place, list[Entity]] = {}
    relations: dict[tuple[Place, str, Place], Relation] = {}
    moved = [_moved(example, group[0]) for example in group]
    for entities, _ in moved:
        for place, candidates in _by_place(entities):
            if place not in best or _surest(candidates) > _surest(best[place]):
                best[place] = candidates
    for _, found in moved:
        for relation in found:
            key = _place(relation.head), relation.type, _place(relation.tail)
            if key not in relations or (relation.score or 0) > (relations[key].score or 0):
                relations[key] = relation
    whole.entities = [entity for entities in best.values() for entity in entities]
    whole.only_arguments = _only_arguments(group)
    whole.relations = [
        relation._replace(head=_at(best, relation.head), tail=_at(best, relation.tail))
        for relation in relations.values()
    ]
    return whole


def _joined(group: Sequence[Example]) -> Example:
    """Return the tokens and the text of a document, without labels."""
    tokens: list[str] = []
    texts, length, offsets = [], 0, []
    for window in group:
        before, characters = _shift(window, group[0])
        new = len(tokens) - before
        tokens += window.tokens[new:]
        if window.text is not None and window.offsets is not None:
            texts.append(window.text[length - characters :])
            length += len(texts[-1])
            offsets += [(start + characters, end + characters) for start, end in window.offsets[new:]]
    has_text = group[0].text is not None
    return Example(
        tokens, text="".join(texts) if has_text else None, offsets=offsets if has_text else None, id=group[0].id,
        meta=group[0].meta,
    )  # fmt: skip


def _moved(window: Example, first: Example) -> tuple[list[Entity], list[Relation]]:
    """Return the entities and relations of a window with places in the document."""
    by = _shift(window, first)
    return [shifted(entity, *by) for entity in window.entities], [
        relation._replace(head=shifted(relation.head, *by), tail=shifted(relation.tail, *by))
        for relation in window.relations
    ]


def _only_arguments(group: Sequence[Example]) -> frozenset[tuple[int, int]]:
    """Return the places of mentions that are only arguments of relations in each window that has them."""
    only: set[tuple[int, int]] = set()
    found: set[tuple[int, int]] = set()
    for window in group:
        before = _shift(window, group[0])[0]
        only |= {(start + before, end + before) for start, end in window.only_arguments}
        rest = {entity.span for entity in window.entities if entity.located} - window.only_arguments
        found |= {(start + before, end + before) for start, end in rest}
    return frozenset(only - found)


def _shift(window: Example, first: Example) -> tuple[int, int]:
    start, begin = ((example.meta or {}).get(START, 0) for example in (window, first))
    return _tokens_before(window) or 0, start - begin


def _by_place(entities: Sequence[Entity]) -> Iterator[tuple[Place, list[Entity]]]:
    places: defaultdict[Place, list[Entity]] = defaultdict(list)
    for entity in entities:
        places[_place(entity)].append(entity)
    yield from places.items()


def _place(entity: Entity) -> Place:
    return entity.start, entity.end, entity.characters, None if entity.located else entity.text


def _surest(entities: Sequence[Entity]) -> float:
    return max(entity.score or 0 for entity in entities)


def _at(best: dict[Place, list[Entity]], entity: Entity) -> Entity:
    """Return the mention at the place of an argument: the one of its type if there is one."""
    there = best.get(_place(entity), [entity])
    return next((other for other in there if other.type == entity.type), there[0])
