"""The spaCy component ``relx``: entities and relations of a trained model as annotations of a ``Doc``.

>>> nlp = spacy.blank("en")
>>> nlp.add_pipe("relx", config={"archive": "model.tar.gz"})
>>> doc = nlp("Ada Lovelace was born in London.")
>>> doc.ents, doc.spans["relx"], doc._.relations
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from relx.annotators.sentence_splitters.splitter import visible_spans
from relx.data.document import Document, DocumentMention
from relx.errors import ConfigError, RelxError
from relx.predictors import Predictor
from relx.utils.text import counted

logger = logging.getLogger(__name__)

NAME = "relx"
RELATIONS = "relations"
STORED = f"{NAME}_{RELATIONS}"
UNTYPED = "entity"
BATCH_SIZE = 128
SENTENCES = "SENT_START"
WIDENED = "widened to whole spaCy tokens"
MERGED = "with the span and label of another one after that"
LEFT_OUT = "left out, because no spaCy token has their characters"
NOT_IN_ENTS = "only in doc.spans, because another entity of doc.ents overlaps them"
REPLACED = "of another component in doc.ents replaced"


class SpacyRelation(NamedTuple):
    """A relation between two spans of ``doc.spans["relx"]``, and its score; None for a head without scores."""

    head: Span
    type: str
    tail: Span
    score: float | None


@Language.factory(
    NAME,
    default_config={"window": 1, "min_score": None, "device": None},
    assigns=["doc.ents", "doc.spans", f"doc._.{RELATIONS}"],
)
def make_relx(
    nlp: Language,
    name: str,
    archive: str,
    window: int,
    min_score: float | dict[str, float] | None,
    device: str | None,
) -> "RelxComponent":
    """Return the component for a pipeline; see ``RelxComponent``."""
    return RelxComponent(Predictor.load(archive, device), name, window, min_score)


class RelxComponent(Pipe):
    """Write the entities and relations of a trained model into each Doc.

    ``doc.spans["relx"]`` has all entities, with their scores in ``attrs["scores"]`` (NaN without one). ``doc.ents`` has
    those that do not overlap, the longest first. ``doc._.relations`` has SpacyRelations. A Doc with sentences keeps
    them; the archive's splitter splits others. A mention that begins or ends within a spaCy token has the span of the
    whole tokens. ``counts`` says how many entities were changed, and how; the log does for each batch. Raises
    ConfigError for a window or a minimum score that ``Predictor`` refuses.
    """

    def __init__(
        self, predictor: Predictor, name: str = NAME, window: int = 1, min_score: float | dict[str, float] | None = None
    ) -> None:
        self.name = name
        self.predictor = predictor
        self.decision = predictor.decision(min_score)
        self.window = window
        self.counts: Counter[str] = Counter()
        predictor.document_predictor(self.decision, window)
        _register_relations()

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one Doc."""
        return ([*self.pipe([doc])] or [doc])[0]

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = BATCH_SIZE) -> Iterator[Doc]:
        """Annotate Docs, so many at a time. A Doc with an error goes to the error handler of the pipeline."""
        for docs in minibatch(stream, size=batch_size):
            documents = self.predictor.document_predictor(self.decision, self.window)
            given = documents.documents([{"text": doc.text} for doc in docs], self._sentences(docs))
            changed: Counter[str] = Counter()
            for doc, answer in documents.answers(zip(docs, given, strict=True)):
                if isinstance(answer, Document):
                    _annotate(doc, answer, changed)
                    yield doc
                else:
                    assert isinstance(answer, RelxError)
                    self.get_error_handler()(self.name, self, [doc], answer)
            self.counts += changed
            shown = (f"{counted(count, 'entity')} {what}" for what, count in (+changed).items())
            for note in (*documents.notes(), *shown):
                logger.info("%s: %s", self.name, note)

    def _sentences(self, docs: Sequence[Doc]) -> list[list[tuple[int, int]]]:
        """Return the sentences of each Doc as places in its text: its own, or those that the archive's splitter finds.

        They have no blanks around them.
        """
        split = iter(
            self.predictor.archive.parts.splitter.split([doc.text for doc in docs if not doc.has_annotation(SENTENCES)])
        )
        return [
            visible_spans(doc.text, ((sentence.start_char, sentence.end_char) for sentence in doc.sents))
            if doc.has_annotation(SENTENCES)
            else next(split)
            for doc in docs
        ]


def _annotate(doc: Doc, document: Document, changed: Counter[str]) -> None:
    """Write the entities and relations of a document into its Doc, and count the entities that this changes."""
    spans: dict[tuple[int, int, str], Span] = {}
    scores: dict[tuple[int, int, str], float] = {}
    keys: dict[DocumentMention, tuple[int, int, str]] = {}
    for mention in document.mentions():
        span = _span(doc, document, mention, changed)
        if span is None:
            continue
        key = keys[mention] = (span.start, span.end, span.label_)
        changed[MERGED] += key in spans
        spans.setdefault(key, span)
        score = np.nan if mention.entity.score is None else mention.entity.score
        scores[key] = float(np.fmax(scores.get(key, np.nan), score))
    doc.spans[NAME] = list(spans.values())
    doc.spans[NAME].attrs["scores"] = np.array([scores[key] for key in spans])
    entities = filter_spans(spans.values())
    changed[NOT_IN_ENTS] += len(spans) - len(entities)
    changed[REPLACED] += len(doc.ents)
    doc.set_ents(entities)
    # Plain values, which spaCy can write to bytes and send between processes.
    doc.user_data[STORED] = [
        {"head": keys[relation.head], "type": relation.type, "tail": keys[relation.tail], "score": relation.score}
        for relation in document.relations()
        if relation.head in keys and relation.tail in keys
    ]


def _span(doc: Doc, document: Document, mention: DocumentMention, changed: Counter[str]) -> Span | None:
    """Return the spaCy tokens of a mention; None if no token has its characters."""
    place = document.characters(mention)
    label = mention.entity.type or UNTYPED
    span = None if place is None else doc.char_span(*place, label=label)
    if span is None and place is not None:
        span = doc.char_span(*place, label=label, alignment_mode="expand")
        changed[WIDENED] += span is not None
    changed[LEFT_OUT] += span is None
    return span


def _relations(doc: Doc) -> list[SpacyRelation]:
    """Return the relations of a Doc; none if the component has not seen it."""
    return [
        SpacyRelation(_stored(doc, found["head"]), found["type"], _stored(doc, found["tail"]), found["score"])
        for found in doc.user_data.get(STORED, ())
    ]


def _stored(doc: Doc, key: Sequence[Any]) -> Span:
    start, end, label = key
    return Span(doc, start, end, label=label)


def _register_relations() -> None:
    """Register ``doc._.relations``. Raises ConfigError if it belongs to something else."""
    if not Doc.has_extension(RELATIONS):
        Doc.set_extension(RELATIONS, getter=_relations)
    elif _relations not in Doc.get_extension(RELATIONS):
        raise ConfigError(
            f"Doc._.{RELATIONS} belongs to another component; Doc.remove_extension({RELATIONS!r}) frees it"
        )
