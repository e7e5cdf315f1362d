"""WebAnno TSV 3 (INCEpTION, Klie et al. 2018): tokens with the labels of annotation layers in columns."""

import codecs
import logging
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from relx.annotators.sentence_splitters.splitter import uncut
from relx.data.alignment import Span
from relx.data.document import Document, DocumentMention
from relx.data.example import Example
from relx.data.json_validation import shown
from relx.data.windows import windows
from relx.errors import DataError, Faults
from relx.readers.documents import UNREAD, entity_at
from relx.readers.held import held
from relx.readers.reader import DatasetReader
from relx.readers.sentences import at_least_one
from relx.readers.text_folder import is_hidden
from relx.readers.webanno.codes import (
    BASE,
    CHAINS,
    FORMAT,
    NO_VALUE,
    RELATIONS,
    SENTENCE_ID,
    SPANS,
    TEXT,
    plain_text,
    plain_value,
    stack,
    units,
)
from relx.readers.webanno.writer import write_folder
from relx.utils.argument_checks import require_sizes
from relx.utils.files import byte_lines, text_lines

logger = logging.getLogger(__name__)

OLDEST = (3, 2)  # the first version whose escapes are documented
LABELS = ("label", "value")
LONGEST_GAP = 1_000_000
EMPTY = "mentions without words: left out, with their relations"
SKIPPED = "layers that are not read: {}"
# Layers of DKPro Core, such as lemmas and parts of speech; the only one with mentions is that of named entities.
_LINGUISTIC = re.compile(r"(de\.tudarmstadt\.ukp\.dkpro\.core|org\.dkpro\.core)\.(?!.*\.NamedEntity$)")
_VERSION = re.compile(re.escape(FORMAT) + r"(\d+)\.(\d+)")
_PLACE = re.compile(r"(\d{1,9})-(\d{1,9})")
_NUMBER = re.compile(r"\d{1,9}")
_SOURCE = re.compile(r"([\d.-]+)(?:\[(\d{1,9})_(\d{1,9})\])?")
JOINING = f"relations of two sentences: {UNREAD}"
JOINED = "sentence ends inside a mention: ignored"
TWICE = "mentions annotated twice: read once"


class _Layer(NamedTuple):
    """A layer of annotations: its name, the column that shows its annotations, and whether this has their labels.

    Of a layer of relations, ``heads`` is the column of their heads, and ``base`` the layer of heads and tails.
    """

    name: str
    column: int
    has_label: bool
    heads: int = 0
    base: str = ""

    def label(self, cell: str) -> str:
        """Return the label of an annotation; without one it is the last part of the layer's name."""
        return plain_value(cell) if self.has_label and cell != NO_VALUE else self.name.rpartition(".")[2]


class _Header(NamedTuple):
    """The layers of mentions and of relations that are read, and the number of all columns of annotations."""

    spans: list[_Layer]
    relations: list[_Layer]
    columns: int


@dataclass
class _Mention:
    """A mention and its characters in the document."""

    type: str
    start: int
    end: int


@dataclass
class _Parsed:
    """A document as its file has it; places are characters of ``text``.

    ``sentences`` has the place and the id of each sentence. ``relations`` join two of the ``mentions`` by their
    numbers. ``unread`` counts what an Example cannot hold.
    """

    text: str = ""
    length: int = 0  # of the text, in units of UTF-16
    sentences: list[tuple[Span, str | None]] = field(default_factory=list)
    tokens: list[Span] = field(default_factory=list)
    mentions: list[_Mention] = field(default_factory=list)
    relations: dict[tuple[int, str, int], None] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)


class _Row(NamedTuple):
    where: str
    unit: str
    place: Span
    cells: Sequence[str]


@DatasetReader.register("webanno")
class WebannoReader(DatasetReader):
    """Read a WebAnno TSV 3 file, or a folder of them, as INCEpTION exports documents; write such a folder.

    Tokens and sentences are those of the file. The mentions are the annotations of all layers of spans but those of
    DKPro Core (named entities excepted). The type of a mention or relation is its feature ``label``, ``value`` or the
    first one; without a value it is the last part of the layer's name. Chains, slots and further features are not read.

    Args:
        window: The number of neighboring sentences that the model reads as one.
    """

    def __init__(self, window: int = 1) -> None:
        require_sizes(window=window)
        self.window = window

    @classmethod
    def recognizes(cls, path: str | Path) -> bool:
        """Whether the file, or the first .tsv file of the folder that is not hidden, begins with the form's name."""
        file = next(iter(_files(Path(path))), None)
        try:
            line = next(byte_lines(file), b"") if file is not None else b""
        except DataError:
            return False
        return line.removeprefix(codecs.BOM_UTF8).startswith(FORMAT.encode())

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of the documents, in the order of the file names.

        Raises DataError, after the last sentence, for the first bad line of each file, and for a folder without a
        sentence. The log counts what an Example cannot hold.
        """
        counts: Counter[str] = Counter()
        yield from at_least_one(self._sentences(Path(path), counts), path)
        for what, count in (+counts).items():
            logger.warning("%s: %d %s", path, count, what)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a .tsv file for each document to a folder that is new or empty. Raises DataError, RelxError."""
        write_folder(held(examples, path, holds_characters=True), Path(path))

    def _sentences(self, path: Path, counts: Counter[str]) -> Iterator[Example]:
        faults = Faults()
        for file in _files(path):
            name = file.relative_to(path).with_suffix("") if path.is_dir() else Path(file.stem)
            parsed = None
            with faults.gathered():
                parsed = _parse(file)
            if parsed is not None:
                counts.update(parsed.unread)
                document, ids = _document(parsed, name.as_posix(), self.window, counts)
                for id, example in zip(ids, windows(document, self.window), strict=False):
                    if id is not None and self.window == 1:
                        example.id = id
                    yield example
        faults.raise_any()


def _files(path: Path) -> list[Path]:
    """Return the file itself, or the .tsv files of a folder that are not hidden, sorted by name."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*.tsv") if file.is_file() and not is_hidden(file, path))


def _document(parsed: _Parsed, name: str, window: int, counts: Counter[str]) -> tuple[Document, list[str | None]]:
    """Return the document of a file and the ids of its sentences; no sentence ends inside a mention."""
    ids = {start: id for (start, _), id in parsed.sentences}
    spans = uncut([span for span, _ in parsed.sentences], [(mention.start, mention.end) for mention in parsed.mentions])
    counts[JOINED] += len(parsed.sentences) - len(spans)
    document = Document(parsed.text, starts=[start for start, _ in spans], id=name)
    for start, end in spans:
        first, stop = bisect_left(parsed.tokens, (start, start)), bisect_left(parsed.tokens, (end, end))
        offsets = [(begin - start, last - start) for begin, last in parsed.tokens[first:stop]]
        text = parsed.text[start:end]
        document.sentences.append(Example([text[begin:last] for begin, last in offsets], text=text, offsets=offsets))
    placed = [_placed(mention, document) for mention in parsed.mentions]
    for number, entity in placed:
        entities = document.sentences[number].entities
        counts[TWICE] += entity in entities
        entities += [] if entity in entities else [entity]
    for head, type, tail in parsed.relations:
        counts[JOINING] += abs(placed[head].sentence - placed[tail].sentence) >= window
        document.relate(placed[head], type, placed[tail])
    return document, [ids[start] for start in document.starts]


def _placed(mention: _Mention, document: Document) -> DocumentMention:
    """Return a mention in its sentence."""
    number = max(0, bisect_right(document.starts, mention.start) - 1)
    begin = document.starts[number]
    words = " ".join(document.text[mention.start : mention.end].split())
    place = mention.start - begin, mention.end - begin
    return DocumentMention(number, entity_at(document.sentences[number], *place, mention.type, words))


def _parse(path: Path) -> _Parsed:
    """Return the document of a file. Raises DataError, with the line, for what is not of this form."""
    found = _Parsed()
    lines = ((number, line.rstrip("\r\n")) for number, line in text_lines(path))
    header, first = _header(lines, path, found)
    rows: list[_Row] = []
    for texts, numbered in _sentences(first, lines):
        rows += _sentence(texts, numbered, header.columns, path, found)
    _read_labels(rows, header, found)
    return found


def _header(lines: Iterator[tuple[int, str]], path: Path, found: _Parsed) -> tuple[_Header, list[tuple[int, str]]]:
    """Return the layers, and the first line after them; count the layers that are not read."""
    _, line = next(lines, (1, ""))
    version = _VERSION.fullmatch(line)
    if version is None or int(version[1]) != 3:
        raise DataError(f"{path}:1: expected {FORMAT}3.3, got {shown(line)}")
    if (int(version[1]), int(version[2])) < OLDEST:
        raise DataError(f"{path}:1: version {version[1]}.{version[2]}; export the document again as WebAnno TSV v3.3")
    spans: list[_Layer] = []
    relations: list[_Layer] = []
    column = 0
    for number, line in lines:
        if not line.startswith((SPANS, CHAINS, RELATIONS)):
            return _Header(spans, _between(relations, spans, found), column), [(number, line)]
        name, *features = [*filter(None, line.partition("=")[2].split("|"))] or [line]
        if line.startswith(RELATIONS):
            relations.append(_relation_layer(name, features, column, f"{path}:{number}"))
        elif line.startswith(CHAINS) or _LINGUISTIC.match(name):
            found.unread[SKIPPED.format(name)] += 1
        else:
            spans.append(_span_layer(name, features, column))
        column += len(features) or 1
    return _Header(spans, _between(relations, spans, found), column), []


def _span_layer(name: str, features: Sequence[str], column: int) -> _Layer:
    """Return a layer of mentions; a slot, which has the name of a type beside it, is no label."""
    plain = [feature for feature in features if "." not in feature]
    label = next((own for own in LABELS if own in plain), plain[0] if plain else None)
    return _Layer(name, column + (features.index(label) if label else 0), label is not None)


def _relation_layer(name: str, features: Sequence[str], column: int, where: str) -> _Layer:
    if not features or not features[-1].startswith(BASE):
        raise DataError(f"{where}: expected the layer that the relations join ({BASE}...) as the last feature")
    labels = _span_layer(name, features[:-1], column)
    return labels._replace(heads=column + len(features) - 1, base=features[-1].removeprefix(BASE))


def _between(relations: Iterable[_Layer], spans: Iterable[_Layer], found: _Parsed) -> list[_Layer]:
    """Return the layers of relations between mentions that are read; count the others."""
    names = {layer.name for layer in spans}
    kept = [layer for layer in relations if layer.base in names]
    found.unread.update(SKIPPED.format(layer.name) for layer in relations if layer.base not in names)
    return kept


def _sentences(
    first: list[tuple[int, str]], lines: Iterator[tuple[int, str]]
) -> Iterator[tuple[list[str], list[tuple[int, str]]]]:
    """Yield the comment lines of each sentence, and its numbered lines of tokens."""
    texts: list[str] = []
    rows: list[tuple[int, str]] = []
    for number, line in (*first, *lines, (0, "")):
        if not line or (rows and line.startswith("#")):
            if rows:
                yield texts, rows
            texts, rows = [], []
        if line.startswith("#"):
            texts.append(line)
        elif line:
            rows.append((number, line))


def _sentence(
    texts: Sequence[str], numbered: Sequence[tuple[int, str]], columns: int, path: Path, found: _Parsed
) -> list[_Row]:
    """Add the text and the tokens of a sentence to the document; return its lines with places in the document."""
    text = "\n".join(plain_text(line.removeprefix(TEXT)) for line in texts if line.startswith(TEXT))
    ids = [plain_text(line.removeprefix(SENTENCE_ID)) for line in texts if line.startswith(SENTENCE_ID)]
    rows: list[_Row] = []
    places: dict[int, int] = {}
    start = 0
    for number, line in numbered:
        where = f"{path}:{number}"
        cells = line.split("\t")
        given = _PLACE.fullmatch(cells[1]) if len(cells) >= columns + 3 else None
        if given is None:
            raise DataError(f"{where}: expected 1-1, start-end, a word and {columns} columns, got {shown(line)}")
        if not places:
            start = _begin(int(given[1]), where, found)
            places = {found.length + count: start + i for i, count in enumerate(units(text))}
        begin, end = (places.get(int(character), -1) for character in given.groups())
        if not 0 <= begin <= end or text[begin - start : end - start] not in (cells[2], plain_text(cells[2])):
            raise DataError(f"{where}: {shown(cells[2])} is not at {cells[1]} of the text, in units of UTF-16")
        rows.append(_Row(where, cells[0], (begin, end), cells[3:]))
        if "." not in cells[0]:
            if begin == end or (found.tokens and begin < found.tokens[-1][1]):
                raise DataError(f"{where}: the token at {cells[1]} is empty, or begins within the one before")
            found.tokens.append((begin, end))
    found.sentences.append(((len(found.text), len(found.text) + len(text)), ids[0] if ids else None))
    found.text += text
    found.length += units(text)[-1]
    return rows


def _begin(given: int, where: str, found: _Parsed) -> int:
    """Fill the gap before a sentence as INCEpTION does, and return the character at which it begins."""
    gap = given - found.length
    if not 0 <= gap <= LONGEST_GAP:
        raise DataError(f"{where}: the sentence begins at {given}, but the one before ends at {found.length}")
    found.text += ("\n" if found.text and gap else "").ljust(gap)
    found.length += gap
    return len(found.text)


def _read_labels(rows: Sequence[_Row], header: _Header, found: _Parsed) -> None:
    """Add the mentions and relations of all lines to the document."""
    at_unit: dict[tuple[str, str], list[int | None]] = {}
    by_id: dict[int, int | None] = {}
    for row in rows:
        for layer in header.spans:
            for cell in stack(row.cells[layer.column]):
                at_unit.setdefault((layer.name, row.unit), []).append(_mention(cell, layer, row.place, by_id, found))

    def mention_at(unit: str, id: int, layer: _Layer, row: _Row) -> int | None:
        try:
            return by_id[id] if id else at_unit[layer.base, unit][0]
        except KeyError:
            name = f"[{id}]" if id else f"of {layer.base} at {unit}"
            raise DataError(f"{row.where}: a relation names an annotation {name}, which does not exist") from None

    for row in rows:
        for layer in header.relations:
            labels, heads = stack(row.cells[layer.column]), stack(row.cells[layer.heads])
            for label, head in zip(labels, heads, strict=False):
                given = _SOURCE.fullmatch(head)
                if given is None:
                    raise DataError(f"{row.where}: expected the place of a relation's head, got {shown(head)}")
                source = mention_at(given[1], int(given[2] or 0), layer, row)
                target = mention_at(row.unit, int(given[3] or 0), layer, row)
                if source is not None and target is not None:
                    found.relations[source, layer.label(label), target] = None


def _mention(cell: str, layer: _Layer, place: Span, by_id: dict[int, int | None], found: _Parsed) -> int | None:
    """Add an annotation at a token or a part of one, or extend the one of its id; None for one without words."""
    label, id = cell, 0
    if cell.endswith("]") and not cell.endswith("\\]"):
        label, _, number = cell[:-1].rpartition("[")
        id = int(number) if _NUMBER.fullmatch(number) else 0
    start, end = place
    if start == end:
        found.unread[EMPTY] += 1
        return by_id.setdefault(id, None) if id else None
    known = by_id.get(id)
    if id and known is not None:
        found.mentions[known].end = max(end, found.mentions[known].end)
        return known
    found.mentions.append(_Mention(layer.label(label), start, end))
    if id:
        by_id[id] = len(found.mentions) - 1
    return len(found.mentions) - 1
