"""A cache on disk of the results of taggers and parsers, so that no sentence is annotated twice."""

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
Sentence = list[str]

FILE = "annotations.sqlite"
DAMAGED = ".damaged"
TABLE = "CREATE TABLE IF NOT EXISTS annotations (key BLOB PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
# So many sentences are annotated before they are stored: what a killed run loses at most.
CHUNK = 1000
# SQLite's older versions take no more than 999 values in a query.
QUERY = 500
PATIENCE = 60.0
# After this many seconds the log says that it waits for another process.
SILENCE = 1.0


class AnnotationCache:
    """Annotations (any JSON values but null) of sentences, by their tokens and by who annotated them.

    All annotators share one SQLite file in ``folder``, by default the user's cache folder. Several processes may use it
    at once, and one that is killed leaves it whole. A damaged file is reported and moved aside, to make place for a new
    one. A value in it that is damaged, or of another form, is reported and computed again. A file that cannot be
    used for another reason is reported once and not used.
    """

    def __init__(self, annotator: str, folder: str | None = None) -> None:
        self.annotator = annotator
        self.path = Path(folder or default_folder(), FILE)
        self._has_failed = False

    def annotated(
        self,
        sentences: Sequence[Sentence],
        annotate: Callable[[list[Sentence]], Sequence[T]],
        fits: Callable[[Any, int], bool] = lambda value, length: value is not None,
    ) -> list[T]:
        """Return the annotation of each sentence; call ``annotate``, in batches, for sentences that are not cached.

        ``fits`` returns whether a cached value is a valid annotation of a sentence with the given number of tokens.
        """
        keys = [self._key(sentence) for sentence in sentences]
        lengths = {key: len(sentence) for key, sentence in zip(keys, sentences, strict=True)}
        kept = self._read(lengths.keys())
        known: dict[bytes, T] = {key: value for key, value in kept.items() if fits(value, lengths[key])}
        if unfit := len(kept) - len(known):
            logger.warning(
                "%s: %d annotations are damaged or of another form; relx computes them again", self.path, unfit
            )
        unknown = {key: sentence for key, sentence in zip(keys, sentences, strict=True) if key not in known}
        if unknown:
            logger.info("%d of %d sentences are not in %s yet", len(unknown), len(keys), self.path)
        for chunk in _chunks(unknown.items(), CHUNK):
            found = dict(zip(dict(chunk), annotate([sentence for _, sentence in chunk]), strict=True))
            self._write(found)
            known |= found
        return [known[key] for key in keys]

    def _key(self, sentence: Sentence) -> bytes:
        return hashlib.blake2b(json.dumps([self.annotator, sentence]).encode(), digest_size=16).digest()

    def _read(self, keys: Collection[bytes]) -> dict[bytes, Any]:
        """Return the cached value of each key that exists; the value is None if it cannot be decoded."""
        found: dict[bytes, Any] = {}

        def read(database: sqlite3.Connection) -> None:
            for chunk in _chunks(keys, QUERY):
                places = ",".join("?" * len(chunk))
                rows = database.execute(f"SELECT key, value FROM annotations WHERE key IN ({places})", chunk)
                found.update((key, _decoded(value)) for key, value in rows)

        self._use(read)
        return found

    def _write(self, annotations: Mapping[bytes, T]) -> None:
        rows = [(key, json.dumps(value)) for key, value in annotations.items()]
        self._use(lambda database: database.executemany("INSERT OR REPLACE INTO annotations VALUES (?, ?)", rows))

    def _use(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Work on the database in one transaction."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._transact_on_whole_file(work)
        except (OSError, sqlite3.Error) as error:
            if not self._has_failed:
                logger.warning(
                    "%s: relx cannot use this cache of annotations and keeps none (%s); name another folder with "
                    "XDG_CACHE_HOME or with the argument cache of a tagger or parser", self.path, error,
                )  # fmt: skip
            self._has_failed = True

    def _transact_on_whole_file(self, work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            self._transact(work)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # a lock, a full disk: classes of their own below this one
                raise
            aside = self.path.with_name(FILE + DAMAGED)
            self.path.replace(aside)
            logger.warning("%s: damaged (%s); relx moved it to %s and begins a new cache", self.path, error, aside)
            self._transact(work)

    def _transact(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Run the work while no other process holds the lock; do not wait if an earlier attempt has failed."""
        patience = 0.0 if self._has_failed else PATIENCE
        try:
            self._transact_within(min(SILENCE, patience), work)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or self._has_failed:
                raise
            logger.warning("%s: another process uses this cache; relx waits for up to %.0f s", self.path, patience)
            self._transact_within(patience, work)

    def _transact_within(self, patience: float, work: Callable[[sqlite3.Connection], object]) -> None:
        with closing(sqlite3.connect(self.path, timeout=patience)) as database, database:
            database.text_factory = bytes  # a damaged value need not be text
            database.execute(TABLE)
            work(database)


def default_folder() -> Path:
    """Return the user's cache folder for relx."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "relx")


def _decoded(value: bytes) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError, RecursionError):  # not JSON, or not even text
        return None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk
