"""Predict documents: split texts into sentences, predict windows, and join the answers, also as tables of pandas."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from relx.annotators.sentence_splitters.splitter import (
    RawSentence,
    SentenceSplitter,
    SentenceTokenizer,
    Span,
    raw_sentences,
)
from relx.annotators.tokenizers.tokenizer import Tokenizer, Tokens
from relx.data.document import Document, DocumentMention, most_frequent, normalized_name
from relx.data.document_json import document_from_json, is_document
from relx.data.example import Example
from relx.data.json_form import example_from_json
from relx.data.json_validation import BadRecord, raise_any, required, shown
from relx.data.windows import labeled, merged, windows
from relx.errors import MissingExtra, RelxError
from relx.readers.documents import cut_document, raw_document
from relx.utils.argument_checks import require_sizes
from relx.utils.text import counted

if TYPE_CHECKING:
    import pandas as pd

S = TypeVar("S")
Part = Example | RelxError
Input = Example | Document | RelxError

# Enough sentences for batches of similar length, few enough to hold in memory whatever the input's size.
CHUNK = 1024
LONGEST = 512
LARGEST = 20_000_000
# The columns of tables and their types.
PLACE, SCORE, TEXT = "Int64", "float64", "string"
ENTITY_COLUMNS = {"text": TEXT, "type": TEXT, "start": PLACE, "end": PLACE, "score": SCORE}
RELATION_COLUMNS = {
    "head": TEXT, "head_type": TEXT, "head_start": PLACE, "head_end": PLACE, "relation": TEXT,
    "tail": TEXT, "tail_type": TEXT, "tail_start": PLACE, "tail_end": PLACE, "score": SCORE,
}  # fmt: skip
_LABELS = ("text", "sentences", "entities", "relations", "mentions")
_BREAKS = frozenset((";", ":", ","))
_SEPARATE = RelxError("a document without sentences")


@dataclass
class DocumentPredictor:
    """Predict sentences and documents with a function that predicts sentences.

    A document is read in windows of ``window`` neighboring sentences. A sentence of more than ``longest`` tokens is
    read in pieces. With ``with_entities`` the entities of records are kept. Raises ValueError for sizes below 1.
    """

    answer: Callable[[Sequence[Part]], list[Part]]
    tokenizer: Tokenizer
    splitter: SentenceSplitter
    window: int = 1
    longest: int = LONGEST
    with_entities: bool = False
    relations: int = 0
    crossing: int = 0
    in_pieces: int = 0
    left_out: int = 0

    def __post_init__(self) -> None:
        require_sizes(window=self.window, longest=self.longest)

    def documents(
        self, records: Sequence[Mapping[str, Any]], spans: Sequence[Sequence[Span]] | None = None
    ) -> list[Document | BadRecord]:
        """Return the document of each record with a text, without labels, or what is wrong with the record.

        ``spans`` are the sentences of each text; by default the splitter finds them.
        """
        found: list[Document | BadRecord] = [_head(record) for record in records]
        sound = [i for i, document in enumerate(found) if isinstance(document, Document)]
        if self.with_entities:
            for i in sound:
                found[i] = self._with_entities(dict(records[i]))
            return found
        texts = [records[i]["text"] for i in sound]
        of_texts = self.splitter.split(texts) if spans is None else [spans[i] for i in sound]
        split = raw_sentences(texts, of_texts, self.tokenizer)
        for i, sentences in zip(sound, split, strict=True):
            document = found[i]
            assert isinstance(document, Document)
            pieces = [piece for sentence in sentences for piece in self._pieces(sentence)]
            found[i] = raw_document(document.text, pieces, document.id, document.meta)
        return found

    def answers(self, inputs: Iterable[tuple[S, Input]]) -> Iterator[tuple[S, Input]]:
        """Yield the prediction for each input beside its source, in order; an error stays in its place.

        1,024 sentences or windows are predicted at once. A document without an answer to one of them has its error.
        """
        parts = self._parts(inputs)
        collected: list[Part] = []
        while chunk := list(islice(parts, CHUNK)):
            predicted = self.answer([part for *_, part, _ in chunk])
            for (source, given, _, is_last), answer in zip(chunk, predicted, strict=True):
                collected.append(answer)
                if is_last:
                    yield source, self._assembled(given, collected)
                    collected = []

    def notes(self) -> list[str]:
        """Return what the user has to know: sentences in pieces, relations between sentences, mentions left out."""
        found = []
        if self.window > 1:
            found.append(f"{self.crossing:,} of {counted(self.relations, 'relation')} join two sentences")
        if self.in_pieces:
            long = f"{counted(self.in_pieces, 'sentence')} of more than {self.longest:,} tokens (--longest)"
            found.append(f"relx read {long} in pieces; no relation joins two pieces")
        if self.left_out:
            found.append(f"relx left out {counted(self.left_out, 'mention')} across the end of a sentence")
        return found

    def _parts(self, inputs: Iterable[tuple[S, Input]]) -> Iterator[tuple[S, Input, Part, bool]]:
        """Yield what is predicted for each input, and whether it is the last part of its input."""
        for source, given in inputs:
            if not isinstance(given, Document):
                yield source, given, given, True
                continue
            parts: list[Part] = [*windows(given, self.window)] or [_SEPARATE]
            for number, part in enumerate(parts, 1):
                yield source, given, part, number == len(parts)

    def _assembled(self, given: Input, answers: Sequence[Part]) -> Input:
        if not isinstance(given, Document):
            return answers[0]
        if not given.sentences:
            return given
        predicted = []
        for answer in answers:
            if isinstance(answer, RelxError):
                return answer
            predicted.append(answer if self.window > 1 else replace(answer, id=None, meta=None))
        if self.window == 1:
            document = Document(given.text, predicted, given.starts, [], given.id, given.meta)
        else:
            [whole] = merged(predicted)
            document, left_out = labeled(given, whole)
            self.left_out += left_out
        self.relations += sum(len(sentence.relations) for sentence in document.sentences) + len(document.crossing)
        self.crossing += len(document.crossing)
        return document

    def _pieces(self, sentence: RawSentence) -> Iterator[RawSentence]:
        """Yield a sentence, or pieces of a long one, which end at the last comma or the like if there is one."""
        (words, offsets), start = sentence.tokens, 0
        self.in_pieces += len(words) > self.longest
        while len(words) - start > self.longest:
            stop = start + self.longest
            stop = next((i + 1 for i in range(stop - 1, stop - self.longest // 2 - 1, -1) if words[i] in _BREAKS), stop)
            yield _piece(sentence, start, stop)
            start = stop
        yield sentence if start == 0 else _piece(sentence, start, len(offsets))

    def _with_entities(self, record: dict[str, Any]) -> Document | BadRecord:
        tokenizer = SentenceTokenizer(self.tokenizer, self.splitter)
        try:
            if is_document(record):
                return document_from_json({**record, "relations": []})
            example = example_from_json({**record, "relations": []}, tokenizer)
        except BadRecord as error:
            return error
        if not example.tokens:
            return Document(record["text"], id=example.id, meta=example.meta)
        return cut_document(example, tokenizer.spans[record["text"]])


def _head(record: Mapping[str, Any]) -> Document | BadRecord:
    """Return the document of a record without its sentences."""
    try:
        text = required(dict(record), "text", str)
        if len(text) > LARGEST:
            raise BadRecord(f"text: {len(text):,} characters are more than {LARGEST:,}; split the text")
        rest = {key: value for key, value in record.items() if key not in _LABELS}
        head = example_from_json({**rest, "tokens": []})
    except BadRecord as error:
        return error
    return Document(text, id=head.id, meta=head.meta)


def _piece(sentence: RawSentence, start: int, stop: int) -> RawSentence:
    words, offsets = sentence.tokens
    begin, end = offsets[start][0], offsets[stop - 1][1]
    places = [(a - begin, b - begin) for a, b in offsets[start:stop]]
    return RawSentence(sentence.start + begin, sentence.text[begin:end], Tokens(words[start:stop], places))


@dataclass
class DistinctTriples:
    """The triples of documents, each of which is listed once: names, types and relation are the same."""

    found: dict[tuple[Any, ...], list[tuple[str, str, float | None, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, answer: Mapping[str, Any]) -> None:
        """Add the relations of a document in its JSON form."""
        entities = {entity["id"]: entity for entity in answer["entities"]}
        name = f"{answer['id']}:" if answer.get("id") is not None else ""
        for relation in answer["relations"]:
            head, tail = (entities[relation[key]] for key in ("head", "tail"))
            ends = [(entity.get("type"), normalized_name(entity["text"])) for entity in (head, tail)]
            place = f"{name}{min(head['start'], tail['start'])}-{max(head['end'], tail['end'])}"
            places = self.found[ends[0], relation["type"], ends[1], relation.get("unseen", False)]
            places.append((head["text"], tail["text"], relation.get("score"), place))

    def lines(self) -> Iterator[str]:
        """Yield a line for each triple, the best score first: score, number and places of its mentions."""
        rows = []
        for (_, relation, _, unseen), places in self.found.items():
            heads, tails, scores, where = zip(*places, strict=True)
            best = max((score for score in scores if score is not None), default=None)
            score = "" if best is None else f"  ({best:.2f})"
            shown = f"{most_frequent(heads)}  --{relation}->  {most_frequent(tails)}{score}"
            shown += f"  {len(places)}x{'  unseen' if unseen else ''}"
            rows.append((best or 0, f"{shown}  {', '.join(where)}"))
        yield from (line for _, line in sorted(rows, key=lambda row: -row[0]))


class Frames(NamedTuple):
    """What a model finds in the texts of a table, as DataFrames of pandas.

    ``relations`` has a row for each relation, ``entities`` one for each entity. Their column ``document`` names the row
    of the text. Starts and ends are characters of the text, the end exclusive.
    """

    relations: "pd.DataFrame"
    entities: "pd.DataFrame"


def texts_of_table(table: Any, column: str, id_column: str | None = None) -> dict[Hashable, str]:
    """Return the texts of a table of pandas, polars or datasets by the names of their rows.

    The name of a row is its value in ``id_column``, or its label in the index of pandas, or its number from 0. Raises
    BadRecord for a column that is missing, and with all rows that have no text, no name, or the name of another row.
    """
    columns = getattr(table, "columns", None)
    columns = getattr(table, "column_names", None) if columns is None else columns
    if columns is None:
        raise BadRecord(f"expected a table, got {shown(table)}; predict_documents() takes a list of texts")
    for name in filter(None, (column, id_column)):
        if list(columns).count(name) != 1:
            known = ", ".join(map(repr, columns)) or "none"
            raise BadRecord(f"expected a table with one column {name!r}; its columns are: {known}")
    values = list(table[column])
    names = table[id_column] if id_column is not None else getattr(table, "index", range(len(values)))
    found, faults = dict[Hashable, str](), list[str]()
    for number, (name, value) in enumerate(zip(names, values, strict=True), 1):
        if not isinstance(value, str):
            faults.append(f"row {number} ({name!r}): expected a text in {column!r}, got {shown(value)}; leave it out")
        elif name is None or name != name:
            faults.append(f"row {number}: has no value in {id_column or 'the index'!r}")
        elif name in found:
            faults.append(f"row {number}: another row has the name {name!r}; make names unique, as reset_index() does")
        else:
            found[name] = value
    raise_any(faults)
    return found


def frames(names: Sequence[Hashable], documents: Iterable[Document]) -> Frames:
    """Return the tables of documents, whose names are these."""
    rows = {"entities": list[tuple[Any, ...]](), "relations": list[tuple[Any, ...]]()}
    for number, document in enumerate(documents):
        for mention in document.mentions():
            rows["entities"].append((number, *_described(document, mention), mention.entity.score))
        for relation in document.relations():
            head, tail = (_described(document, mention) for mention in (relation.head, relation.tail))
            rows["relations"].append((number, *head, relation.type, *tail, relation.score))
    return Frames(
        _frame(rows["relations"], RELATION_COLUMNS, names), _frame(rows["entities"], ENTITY_COLUMNS, names)
    )  # fmt: skip


def _described(document: Document, mention: DocumentMention) -> tuple[Any, ...]:
    start, end = document.characters(mention) or (None, None)
    text = document.mention_text(mention) if start is None else document.text[start:end]
    return text, mention.entity.type, start, end


def _frame(rows: Sequence[Sequence[Any]], columns: Mapping[str, str], names: Sequence[Hashable]) -> "pd.DataFrame":
    """Return a table of rows that begin with the number of their document, with its name in place of it."""
    import pandas as pd  # noqa: PLC0415  (an extra)

    frame = pd.DataFrame([row[1:] for row in rows], columns=list(columns)).astype(dict(columns))
    # Of the type that the names have in the table of the user, even where there is no row.
    of_rows = pd.Series(list(names)).iloc[[row[0] for row in rows]]
    frame.insert(0, "document", of_rows.to_numpy())
    return frame


def require_pandas() -> None:
    """Raise MissingExtra without pandas."""
    if find_spec("pandas") is None:
        raise MissingExtra("tables need pandas, which is not installed; get it with: pip install 'relx[pandas]'")
