"""A file of suggestions that a person reviews, with what is done kept on disk."""

import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.data.example import Example
from relx.errors import DataError, RelxError
from relx.readers import holds_error, make_reader, reader_for, sentences_of

REVIEW, NUMBER = "review", "number"
SUGGESTIONS = {"labelstudio": {"type": "labelstudio", "labels": "predicted"}}


class Review:
    """Hold the suggestions of a file of any form, and write what is reviewed to ``NAME.reviewed.jsonl`` beside it.

    That file has the reviewed sentences in relx's own form, each with its number under ``review`` in its ``meta``; it
    is written whole each time. A review goes on where it ended. Raises DataError for files that cannot be read or do
    not belong together, RelxError for a folder in which nothing can be written.
    """

    def __init__(self, path: str, tokenizer: Tokenizer | None = None, splitter: SentenceSplitter | None = None) -> None:
        form = reader_for(path)
        read = sentences_of(make_reader(SUGGESTIONS.get(form, form), tokenizer, splitter), path)
        self.path = path
        self.suggested = [example for example in read if not holds_error(example)]
        stem = Path(path.rstrip("/")).name.removesuffix(".gz")
        name = stem if os.path.isdir(path) else stem.rpartition(".")[0] or stem
        self.output = Path(path.rstrip("/")).parent / f"{name}.reviewed.jsonl"
        self._lock = threading.Lock()
        if not os.access(self.output.parent, os.W_OK):
            raise RelxError(f"{self.output.parent}: what is reviewed cannot be written there; copy {path} elsewhere")
        self.done = self._read_done() if self.output.exists() else {}

    def sentence(self, number: int) -> Example:
        """Return a sentence as it was reviewed, or as it was suggested."""
        return self.done.get(number, self.suggested[number])

    def save(self, number: int, example: Example | None) -> None:
        """Keep a reviewed sentence, or forget it for None, and write the file."""
        with self._lock:
            done = {key: value for key, value in self.done.items() if key != number}
            if example is not None:
                done[number] = replace(example, meta={**(example.meta or {}), REVIEW: {NUMBER: number}})
            make_reader("jsonl").write((done[key] for key in sorted(done)), self.output)
            self.done = done

    def reviewed(self) -> Iterable[Example]:
        """Return the reviewed sentences in their order."""
        return [self.done[number] for number in sorted(self.done)]

    def _read_done(self) -> dict[int, Example]:
        done: dict[int, Example] = {}
        for example in make_reader("jsonl").read(self.output) if self.output.stat().st_size else ():
            number: Any = ((example.meta or {}).get(REVIEW) or {}).get(NUMBER)
            is_one = isinstance(number, int) and 0 <= number < len(self.suggested)
            if not is_one or example.tokens != self.suggested[number].tokens:
                raise DataError(
                    f"{self.output}: is no review of {self.path}: a sentence begins {' '.join(example.tokens[:6])!r} "
                    "and is not the one of its number; move the file elsewhere"
                )
            done[number] = example
        return done
