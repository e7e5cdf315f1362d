"""Sentences to predict, of any form that relx reads, as the tokenizer of a model splits them."""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from relx.data.example import Example
from relx.data.json_form import example_to_json, to_line
from relx.errors import DataError
from relx.predictors.predictor import Predictor, read_inputs
from relx.readers import holds_error, make_reader, reader_for, sentences_of
from relx.utils.files import require_file, text_lines

logger = logging.getLogger(__name__)

LINES_AT_ONCE = 512


def texts_of(
    path: str | Path, predictor: Predictor, plain_text: bool = False, reader: str | None = None
) -> Iterator[Example]:
    """Yield the sentences of a file or folder, without labels. With ``plain_text`` each line is one.

    A line of plain text has its number as its id. Raises DataError with all faults of the file, ConfigError for an
    unknown reader.
    """
    if plain_text:
        yield from _lines(path, predictor)
        return
    require_file(path, "name the form of its records (--reader), or write it to a file")
    parts = predictor.archive.parts
    for example in sentences_of(make_reader(reader or reader_for(path), parts.tokenizer, parts.splitter), path):
        if not holds_error(example):
            yield example.unlabeled()


def record_lines(path: str | Path, predictor: Predictor, reader: str) -> Iterator[bytes]:
    """Yield the sentences of a file or folder, with their labels, as lines of records. Raises as ``texts_of`` does."""
    require_file(path, "write it to a file")
    parts = predictor.archive.parts
    for example in sentences_of(make_reader(reader, parts.tokenizer, parts.splitter), path):
        yield to_line(example_to_json(example)).encode()


def _lines(path: str | Path, predictor: Predictor) -> Iterator[Example]:
    visible = ((number, line.strip()) for number, line in text_lines(path))
    records = ({"id": str(number), "text": line} for number, line in visible if line)
    found = False
    while chunk := list(islice(records, LINES_AT_ONCE)):
        for example in read_inputs(chunk, predictor.tokenizer):
            if isinstance(example, Example):
                found = True
                yield example
            else:
                raise DataError(f"{path}: {example}")
    if not found:
        raise DataError(f"{path}: holds no text")
