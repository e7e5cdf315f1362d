"""brat's standoff form (Stenetorp et al. 2012): a folder of texts, each with a file of annotations by character."""

import codecs
import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from relx.annotators.sentence_splitters.splitter import SentenceSplitter, raw_sentences, uncut
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.document import Document, DocumentMention
from relx.data.example import Entity, Example
from relx.data.windows import windows
from relx.errors import DataError, Faults
from relx.readers.brat.annotations import Annotations, Mention, read_annotations
from relx.readers.brat.writer import write_folder
from relx.readers.documents import UNREAD, entity_at, raw_document
from relx.readers.held import held
from relx.readers.reader import DatasetReader
from relx.readers.sentences import at_least_one
from relx.readers.text_folder import is_hidden
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes
from relx.utils.files import byte_lines, require_file, text_lines

logger = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 64
SHOWN = 3
DISCONTINUOUS, JOINING = "discontinuous mentions", "relations of two sentences"
JOINED, TWICE = "sentence ends inside a mention", "mentions annotated twice"
UNANNOTATED, HIDDEN = "texts without .ann", "hidden files"
# What the log says of each cause; what is not listed was not read.
EFFECTS = {
    DISCONTINUOUS: "a model cannot predict them, but recall counts them",
    JOINING: UNREAD,
    JOINED: "not used (raw text has no mentions, so prediction may end sentences there)",
    TWICE: "read once",
}

Counts = defaultdict[str, list[str]]
"""The places of each kind of finding to report."""


@DatasetReader.register("brat")
class BratReader(DatasetReader):
    """Read a folder of brat's .txt and .ann files, split into sentences that know their place in the document.

    No sentence ends inside an annotated mention.

    Args:
        tokenizer: The tokenizer of the experiment.
        sentence_splitter: The sentence splitter of the experiment.
        window: The number of neighboring sentences that the model reads as one. Each relation between mentions of such
            a window can be learned.
    """

    def __init__(
        self, tokenizer: Injected[Tokenizer], sentence_splitter: Injected[SentenceSplitter], window: int = 1
    ) -> None:
        self.tokenizer = tokenizer
        self.sentence_splitter = sentence_splitter
        require_sizes(window=window)
        self.window = window

    @classmethod
    def recognizes(cls, path: str | Path) -> bool:
        """Whether the path is a folder that holds a .txt or an .ann file which is not hidden."""
        folder = Path(path)
        return any(not is_hidden(file, folder) for name in ("*.txt", "*.ann") for file in folder.rglob(name))

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
        """Labeled sentences, in order; what they cannot hold is counted."""
        faults = Faults()
        files = iter(_texts(folder, counts))
        while chunk := list(islice(files, DOCUMENTS_AT_ONCE)):
            sources = []
            for file in chunk:
                with faults.gathered():
                    sources.append(_Source.of(file, counts))
            for source, document in zip(sources, self._documents(folder, sources, counts), strict=True):
                _annotate(document, source, counts, self.window)
                yield from windows(document, self.window)
        faults.raise_any()

    def _documents(self, folder: Path, sources: Sequence["_Source"], counts: Counts) -> Iterator[Document]:
        """Documents whose sentences have no labels yet; the texts of all are split in one call."""
        texts = [source.text for source in sources]
        mentions = [source.mentions_in_one_piece() for source in sources]
        names = [source.file.relative_to(folder).with_suffix("").as_posix() for source in sources]
        cut = self.sentence_splitter.split(texts)
        whole = [uncut(spans, inside) for spans, inside in zip(cut, mentions, strict=True)]
        for name, before, after in zip(names, cut, whole, strict=True):
            starts = {start for start, _ in before} - {start for start, _ in after}
            counts[JOINED] += [f"{name} at {start}" for start in sorted(starts)]
        found = raw_sentences(texts, whole, self.tokenizer, mentions)
        for name, text, sentences in zip(names, texts, found, strict=True):
            yield raw_document(text, sentences, name)


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

    def mentions_in_one_piece(self) -> list[tuple[int, int]]:
        """Return the characters of the mentions that are not discontinuous."""
        return [m.fragments[0] for m in self.annotations.mentions.values() if len(m.fragments) == 1]


def _annotate(document: Document, source: _Source, counts: Counts, window: int) -> None:
    """Give the sentences of a document their labels, and count what they cannot hold."""
    found, file = source.annotations, source.file.with_suffix(".ann")
    for what, lines in found.skipped.items():
        counts[what] += [f"{file.name}:{line}" for line in lines]
    placed = {name: _placed(mention, document, found.scores.get(name)) for name, mention in found.mentions.items()}
    for name, (number, entity) in placed.items():
        where = f"{file.name}:{found.mentions[name].line}"
        if not entity.located:
            counts[DISCONTINUOUS].append(where)
        if entity in document.sentences[number].entities:
            counts[TWICE].append(where)
        else:
            document.sentences[number].entities.append(entity)
    for link in found.links:
        head, tail = placed[link.head], placed[link.tail]
        if abs(head.sentence - tail.sentence) >= window:
            counts[JOINING].append(f"{file.name}:{link.line}")
        document.relate(head, link.type, tail, found.scores.get(link.name))


def _placed(mention: Mention, document: Document, score: float | None) -> DocumentMention:
    """Return a mention in the sentence in which it begins."""
    (start, end), *others = mention.fragments
    number = max(0, bisect_right(document.starts, start) - 1)
    if others:
        return DocumentMention(number, Entity(None, None, mention.type, mention.text, score))
    begin = document.starts[number]
    entity = entity_at(document.sentences[number], start - begin, end - begin, mention.type, mention.text)
    return DocumentMention(number, entity._replace(score=score))


def _text(file: Path) -> str:
    """Return the text in which brat counts characters, with a space in place of a byte order mark."""
    marked = next(byte_lines(file), b"").startswith(codecs.BOM_UTF8)
    return marked * " " + "".join(line for _, line in text_lines(file))


def _texts(folder: Path, counts: Counts) -> list[Path]:
    """Return the text files of a folder, sorted by name; count hidden files."""
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of .txt and .ann files")
    files = sorted(file for name in ("*.txt", "*.ann") for file in folder.rglob(name))
    hidden = [file for file in files if is_hidden(file, folder)]
    if hidden:
        counts[HIDDEN] += [file.relative_to(folder).as_posix() for file in hidden]
    shown = set(files).difference(hidden)
    faults = Faults()
    for file in sorted(shown):
        with faults.gathered():
            require_file(file, "brat's texts and annotations are files")
        if file.suffix == ".ann" and file.with_suffix(".txt") not in shown:
            faults.add(DataError(f"{file}: has no text; expected {file.with_suffix('.txt').name} in the same folder"))
    faults.raise_any()
    texts = [file for file in sorted(shown) if file.suffix == ".txt"]
    if not texts:
        raise DataError(f"{folder}: holds no .txt file")
    return texts


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
