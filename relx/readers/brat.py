"""brat's standoff form (Stenetorp et al. 2012): a folder of texts, each with a file of annotations by character."""

import codecs
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from relx.data.alignment import token_span
from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.files import byte_lines, text_lines
from relx.readers.brat_annotations import Mention, read_annotations
from relx.readers.brat_writer import write_folder
from relx.readers.documents import DOCUMENT, START, start_of
from relx.readers.held import held
from relx.readers.raw_sentences import line_sentence, lines_of, marked_sentences
from relx.readers.reader import DatasetReader
from relx.readers.sentences import at_least_one
from relx.registry import Injected
from relx.tokenizers.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 64
DISCONTINUOUS, ACROSS, JOINING = "discontinuous mentions", "mentions in two sentences", "relations of two sentences"
KEPT = (DISCONTINUOUS, ACROSS, JOINING)
UNANNOTATED = "texts without .ann"

Placed = tuple[int, Entity]
"""The number of a sentence, and a mention in it."""


@DatasetReader.register("brat")
class BratReader(DatasetReader):
    """brat's standoff: a folder of .txt and .ann files, split into sentences that know their place in the document.

    ``sentences`` says what a sentence is: a line, or (``marks``) also what ends at a full stop, a question or an
    exclamation mark within a line.
    """

    def __init__(self, tokenizer: Injected[Tokenizer], sentences: Literal["marks", "lines"] = "marks"):
        self.tokenizer = tokenizer
        self.sentences_of = marked_sentences if sentences == "marks" else line_sentence

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        """Whether the path is a folder that holds a .txt or an .ann file."""
        return any(next(Path(path).rglob(name), None) for name in ("*.txt", "*.ann"))

    def read(self, path: str | Path) -> Iterator[Example]:
        """The sentences of the folder's texts, in the order of their names.

        Raises DataError, starting with ``file:line``, at the first bad line, and for a folder without a sentence. A
        mention in several pieces or in two sentences has no place, nor has the one at the far end of a relation of two
        sentences; they are counted in the log, and so are lines that an Example cannot hold.
        """
        counts: Counter[str] = Counter()
        yield from at_least_one(self._sentences(Path(path), counts), path)
        if counts:
            logger.warning("%s: %s", path, _summary(counts))

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """A .txt and an .ann for each document, in a folder that is new or empty. Raises DataError, RelxError."""
        write_folder(held(examples, path), Path(path))

    def _sentences(self, folder: Path, counts: Counter[str]) -> Iterator[Example]:
        """Labelled sentences, in order; what they cannot hold is counted."""
        files = iter(_texts(folder))
        while chunk := list(islice(files, DOCUMENTS_AT_ONCE)):
            for document in self._documents(folder, chunk):
                document.annotate(counts)
                yield from document.sentences

    def _documents(self, folder: Path, files: Sequence[Path]) -> Iterator["_Document"]:
        """Documents whose sentences have no labels yet; the lines of all are tokenized in one call."""
        texts = [_text(file) for file in files]
        lines = [lines_of(text) for text in texts]
        tokens = iter(self.tokenizer.tokenize([line for of_text in lines for _, line in of_text]))
        for file, text, of_text in zip(files, texts, lines, strict=True):
            name = file.relative_to(folder).with_suffix("").as_posix()
            cut = (sentence for line in of_text for sentence in self.sentences_of(*line, next(tokens)))
            sentences = [
                Example(
                    each.tokens.words, text=each.text, offsets=each.tokens.offsets, id=f"{name}:{number}",
                    meta={DOCUMENT: name, START: each.start},
                )
                for number, each in enumerate(cut)
            ]  # fmt: skip
            yield _Document(file.with_suffix(".ann"), text, sentences, [start_of(each) or 0 for each in sentences])


@dataclass(frozen=True)
class _Document:
    annotations: Path
    text: str
    sentences: list[Example]
    begins: list[int]

    def annotate(self, counts: Counter[str]) -> None:
        """Give the sentences their labels, and count what they cannot hold."""
        if not self.annotations.exists():
            counts[UNANNOTATED] += 1
            return
        found = read_annotations(self.annotations, self.text)
        counts.update(found.skipped)
        placed = {name: self._placed(mention, counts) for name, mention in found.mentions.items()}
        for number, entity in dict.fromkeys(placed.values()):
            self.sentences[number].entities.append(entity)
        for link in found.links:
            self._relate(placed[link.head], link.type, placed[link.tail], counts)

    def _placed(self, mention: Mention, counts: Counter[str]) -> Placed:
        """A mention in the sentence in which it begins."""
        (start, end), *others = mention.fragments
        number = max(0, bisect_right(self.begins, start) - 1)
        example, begin = self.sentences[number], self.begins[number]
        if others or end - begin > len(example.text or ""):
            counts[DISCONTINUOUS if others else ACROSS] += 1
            return number, Entity(None, None, mention.type, mention.text)
        return number, _entity(example, start - begin, end - begin, mention)

    def _relate(self, head: Placed, type: str, tail: Placed, counts: Counter[str]) -> None:
        """A relation stands in the sentence of its head."""
        (number, subject), (other, object_) = head, tail
        example = self.sentences[number]
        if other != number:
            counts[JOINING] += 1
            object_ = Entity(None, None, object_.type, self.sentences[other].mention_text(object_))
        example.relations.append(Relation(subject, type, object_))


def _entity(example: Example, start: int, end: int, mention: Mention) -> Entity:
    """The tokens that a mention touches, and its own words where they are others."""
    assert example.offsets is not None
    span = token_span(example.offsets, start, end)
    if span is None:
        return Entity(None, None, mention.type, mention.text)
    entity = Entity(*span, mention.type)
    return entity if example.characters(entity) == (start, end) else entity._replace(text=mention.text)


def _text(file: Path) -> str:
    """What brat counts the characters of: a byte order mark is one of them, and stands as a blank here."""
    marked = next(byte_lines(file), b"").startswith(codecs.BOM_UTF8)
    return marked * " " + "".join(line for _, line in text_lines(file))


def _texts(folder: Path) -> list[Path]:
    """The texts of a folder, by name."""
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of .txt and .ann files")
    texts = set(folder.rglob("*.txt"))
    for file in sorted(folder.rglob("*.ann")):
        if file.with_suffix(".txt") not in texts:
            raise DataError(f"{file}: has no text; expected {file.with_suffix('.txt').name} beside it")
    if not texts:
        raise DataError(f"{folder}: holds no .txt file")
    return sorted(texts)


def _summary(counts: Counter[str]) -> str:
    kept = ", ".join(f"{counts[name]} {name}" for name in KEPT if counts[name])
    others = ", ".join(f"{count} {name}" for name, count in counts.items() if name not in KEPT)
    parts = [f"{kept}: none can be predicted, recall counts them"] if kept else []
    return "; ".join(parts + ([f"not read: {others}"] if others else []))
