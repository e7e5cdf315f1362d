"""brat's standoff form (Stenetorp et al. 2012): a folder of texts, each with a file of annotations by character."""

import codecs
import logging
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from relx.annotators.tokenizers.tokenizer import Tokenizer, Tokens, split_tokens
from relx.data.alignment import token_span
from relx.data.example import Entity, Example, Relation
from relx.errors import DataError, Faults
from relx.readers.brat.annotations import Annotations, Mention, read_annotations
from relx.readers.brat.writer import write_folder
from relx.readers.documents import DOCUMENT, END, START
from relx.readers.held import held
from relx.readers.reader import DatasetReader
from relx.readers.sentences import at_least_one
from relx.registry import Injected
from relx.utils.files import byte_lines, require_file, text_lines

_STOPS = frozenset((".", "!", "?"))
_CLOSING = frozenset(("'", '"', "''", "”", "’", ")", "]"))
_OPENING = "“\"'`‘"


class RawSentence(NamedTuple):
    """A sentence, the character of its text at which it begins, and its tokens with places in the sentence."""

    start: int
    text: str
    tokens: Tokens


def lines_of(text: str) -> list[tuple[int, str]]:
    """Return the lines of a text, each with the offset of its first character."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append((start, line))
        start += len(line) + 1
    return lines


def line_sentence(start: int, line: str, tokens: Tokens) -> Iterator[RawSentence]:
    """Yield a line as one sentence; yield nothing if the line has no token."""
    yield from _between(start, line, tokens, [0, len(tokens.words)])


def marked_sentences(start: int, line: str, tokens: Tokens) -> Iterator[RawSentence]:
    """Yield the sentences of a line.

    A sentence ends at a full stop, question mark or exclamation mark that is a separate token, together with the quotes
    and brackets that close directly after it. A blank must follow, and then a capital letter, a letter of a script
    without capitals, or an opening quote.
    """
    ends = [i for i in range(1, len(tokens.words)) if _parts(tokens, i)]
    yield from _between(start, line, tokens, [0, *ends, len(tokens.words)])


def unparted(text: str, sentences: Sequence[RawSentence], mentions: Iterable[tuple[int, int]]) -> list[RawSentence]:
    """Return the sentences of a text after joining those that a mention (a span of characters) crosses."""
    begins = [sentence.start for sentence in sentences]
    inside = {
        begin for start, end in mentions for begin in begins[bisect_right(begins, start) : bisect_left(begins, end)]
    }
    joined: list[RawSentence] = []
    for sentence in sentences:
        joined.append(_join(text, joined.pop(), sentence) if sentence.start in inside else sentence)
    return joined


def _join(text: str, before: RawSentence, after: RawSentence) -> RawSentence:
    shift = after.start - before.start
    offsets = [*before.tokens.offsets, *((start + shift, end + shift) for start, end in after.tokens.offsets)]
    joined = text[before.start : after.start + len(after.text)]
    return RawSentence(before.start, joined, Tokens(before.tokens.words + after.tokens.words, offsets))


def _between(start: int, line: str, tokens: Tokens, ends: Sequence[int]) -> Iterator[RawSentence]:
    for first, stop in pairwise(ends):
        if first < stop:
            begin, end = tokens.offsets[first][0], tokens.offsets[stop - 1][1]
            offsets = [(a - begin, b - begin) for a, b in tokens.offsets[first:stop]]
            yield RawSentence(start + begin, line[begin:end], Tokens(tokens.words[first:stop], offsets))


def _parts(tokens: Tokens, i: int) -> bool:
    """Whether a sentence ends right before this token."""
    word, offsets = tokens.words[i], tokens.offsets
    begins = word[0].isalpha() and not word[0].islower() or word[0] in _OPENING
    if offsets[i - 1][1] == offsets[i][0] or not begins:
        return False
    last = i - 1
    while last > 0 and tokens.words[last] in _CLOSING and offsets[last - 1][1] == offsets[last][0]:
        last -= 1
    return tokens.words[last] in _STOPS


logger = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 64
SHOWN = 3
DISCONTINUOUS, JOINING = "discontinuous mentions", "relations of two sentences"
JOINED, TWICE = "sentence ends inside a mention", "mentions annotated twice"
UNANNOTATED, HIDDEN = "texts without .ann", "hidden files"
# What the log says of each cause; what is not listed was not read.
EFFECTS = {
    DISCONTINUOUS: "none can be predicted, recall counts them",
    JOINING: "none can be predicted, recall counts them",
    JOINED: "not taken as sentence ends (raw text shows no mentions, so prediction may take them)",
    TWICE: "taken once",
}

Placed = tuple[int, Entity]
"""The number of a sentence, and a mention in it."""
Counts = defaultdict[str, list[str]]
"""Where each thing to be reported was met, by what it is."""


@DatasetReader.register("brat")
class BratReader(DatasetReader):
    """Read a folder of brat's .txt and .ann files, split into sentences that know their place in the document.

    Args:
        tokenizer: The tokenizer of the experiment.
        sentences: Where a sentence ends: at the end of a line (``lines``), or also at a full stop, a question mark or
            an exclamation mark within it (``marks``). No sentence ends inside an annotated mention.
    """

    def __init__(self, tokenizer: Injected[Tokenizer], sentences: Literal["marks", "lines"] = "marks"):
        self.tokenizer = tokenizer
        self.sentences_of = marked_sentences if sentences == "marks" else line_sentence

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        """Whether the path is a folder that holds a .txt or an .ann file which is not hidden."""
        folder = Path(path)
        return any(not _is_hidden(file, folder) for name in ("*.txt", "*.ann") for file in folder.rglob(name))

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the sentences of the folder's texts, in the order of the file names.

        Raises DataError, after the last sentence, for all bad lines, each with its ``file:line``, and for a folder
        without a sentence. A discontinuous mention has no position, and neither has the argument of a relation that is
        in another sentence. The log counts both, and also sentence ends inside a mention, hidden files, and lines that
        an Example cannot hold.
        """
        counts: Counts = defaultdict(list)
        yield from at_least_one(self._sentences(Path(path), counts), path)
        if summary := _summary(counts):
            logger.warning("%s: %s", path, summary)

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write a .txt and an .ann for each document, and annotation.conf, to a folder that is new or empty.

        Raises DataError, RelxError.
        """
        write_folder(held(examples, path, holds_characters=True), Path(path))

    def _sentences(self, folder: Path, counts: Counts) -> Iterator[Example]:
        """Labelled sentences, in order; what they cannot hold is counted."""
        faults = Faults()
        files = iter(_texts(folder, counts))
        while chunk := list(islice(files, DOCUMENTS_AT_ONCE)):
            sources = []
            for file in chunk:
                with faults.gathered():
                    sources.append(_Source.of(file, counts))
            for document in self._documents(folder, sources, counts):
                document.annotate(counts)
                yield from document.sentences
        faults.raise_any()

    def _documents(self, folder: Path, sources: Sequence["_Source"], counts: Counts) -> Iterator["_Document"]:
        """Documents whose sentences have no labels yet; the lines of all are tokenized in one call."""
        lines = [lines_of(source.text) for source in sources]
        tokens = iter(self.tokenizer.tokenize([line for of_text in lines for _, line in of_text]))
        for source, of_text in zip(sources, lines, strict=True):
            name = source.file.relative_to(folder).with_suffix("").as_posix()
            mentions = [m.fragments[0] for m in source.annotations.mentions.values() if len(m.fragments) == 1]
            cut: list[RawSentence] = []
            for (start, line), words in zip(of_text, islice(tokens, len(of_text)), strict=True):
                if self.tokenizer.split_at_mentions:
                    words = split_tokens(line, words, (place - start for span in mentions for place in span))
                cut += self.sentences_of(start, line, words)
            whole = unparted(source.text, cut, mentions)
            counts[JOINED] += [
                f"{name} at {place}" for place in sorted({s.start for s in cut} - {s.start for s in whole})
            ]
            sentences = [
                Example(
                    each.tokens.words, text=each.text, offsets=each.tokens.offsets, id=f"{name}:{number}",
                    meta={DOCUMENT: name, START: each.start, END: each.start + len(each.text)},
                )
                for number, each in enumerate(whole)
            ]  # fmt: skip
            yield _Document(source, sentences, [each.start for each in whole])


@dataclass(frozen=True)
class _Source:
    """A text and what is annotated in it."""

    file: Path
    text: str
    annotations: Annotations

    @classmethod
    def of(cls, file: Path, counts: Counts) -> "_Source":
        text, annotations = _text(file), file.with_suffix(".ann")
        if annotations.exists():
            return cls(file, text, read_annotations(annotations, text))
        counts[UNANNOTATED].append(file.name)
        return cls(file, text, Annotations())


@dataclass(frozen=True)
class _Document:
    source: _Source
    sentences: list[Example]
    begins: list[int]

    def annotate(self, counts: Counts) -> None:
        """Give the sentences their labels, and count what they cannot hold."""
        found, file = self.source.annotations, self.source.file.with_suffix(".ann")
        for what, lines in found.skipped.items():
            counts[what] += [f"{file.name}:{line}" for line in lines]
        placed = {name: self._placed(mention, found.scores.get(name)) for name, mention in found.mentions.items()}
        for name, (number, entity) in placed.items():
            where = f"{file.name}:{found.mentions[name].line}"
            if not entity.located:
                counts[DISCONTINUOUS].append(where)
            if entity in self.sentences[number].entities:
                counts[TWICE].append(where)
            else:
                self.sentences[number].entities.append(entity)
        for link in found.links:
            if placed[link.head][0] != placed[link.tail][0]:
                counts[JOINING].append(f"{file.name}:{link.line}")
            self._relate(placed[link.head], link.type, placed[link.tail], found.scores.get(link.name))

    def _placed(self, mention: Mention, score: float | None) -> Placed:
        """Return a mention and the number of the sentence in which it begins."""
        (start, end), *others = mention.fragments
        number = max(0, bisect_right(self.begins, start) - 1)
        if others:
            return number, Entity(None, None, mention.type, mention.text, score)
        begin = self.begins[number]
        entity = _entity(self.sentences[number], start - begin, end - begin, mention)
        return number, entity._replace(score=score)

    def _relate(self, head: Placed, type: str, tail: Placed, score: float | None) -> None:
        """Add a relation to the sentence of its head."""
        (number, subject), (other, object_) = head, tail
        example = self.sentences[number]
        if other != number:
            object_ = Entity(None, None, object_.type, self.sentences[other].mention_text(object_))
        example.relations.append(Relation(subject, type, object_, score))


def _entity(example: Example, start: int, end: int, mention: Mention) -> Entity:
    """Return the tokens that a mention touches, with its own words and characters if it cuts a token."""
    assert example.offsets is not None
    span = token_span(example.offsets, start, end)
    if span is None:
        return Entity(None, None, mention.type, mention.text)
    entity = Entity(*span, mention.type)
    if example.characters(entity) == (start, end):
        return entity
    return entity._replace(text=mention.text, characters=(start, end))


def _text(file: Path) -> str:
    """Return the text in which brat counts characters, with a space in place of a byte order mark."""
    marked = next(byte_lines(file), b"").startswith(codecs.BOM_UTF8)
    return marked * " " + "".join(line for _, line in text_lines(file))


def _texts(folder: Path, counts: Counts) -> list[Path]:
    """Return the text files of a folder, sorted by name; count hidden files."""
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of .txt and .ann files")
    files = sorted(file for name in ("*.txt", "*.ann") for file in folder.rglob(name))
    hidden = [file for file in files if _is_hidden(file, folder)]
    if hidden:
        counts[HIDDEN] += [file.relative_to(folder).as_posix() for file in hidden]
    shown = set(files).difference(hidden)
    faults = Faults()
    for file in sorted(shown):
        with faults.gathered():
            require_file(file, "brat's texts and annotations are files")
        if file.suffix == ".ann" and file.with_suffix(".txt") not in shown:
            faults.add(DataError(f"{file}: has no text; expected {file.with_suffix('.txt').name} beside it"))
    faults.raise_any()
    texts = [file for file in sorted(shown) if file.suffix == ".txt"]
    if not texts:
        raise DataError(f"{folder}: holds no .txt file")
    return texts


def _is_hidden(file: Path, folder: Path) -> bool:
    """Whether a file or a folder on the way to it is hidden, as those that editors and archives leave are."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _summary(counts: Counts) -> str:
    """Each cause with its count and the first places, causes of one effect together."""
    by_effect: defaultdict[str, list[str]] = defaultdict(list)
    for cause, places in counts.items():
        if places:
            shown = ", ".join(places[:SHOWN]) + ", ..." * (len(places) > SHOWN)
            by_effect[EFFECTS.get(cause, "")].append(f"{len(places)} {cause} ({shown})")
    parts = [f"{', '.join(causes)}: {effect}" for effect, causes in by_effect.items() if effect]
    return "; ".join(
        [*parts, *(f"not read: {', '.join(causes)}" for effect, causes in by_effect.items() if not effect)]
    )
