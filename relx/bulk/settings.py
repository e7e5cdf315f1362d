"""What the predictions of a table depend on."""

import os
from dataclasses import dataclass, replace
from typing import Any

from relx import plugins
from relx.calibration.min_score import parse
from relx.errors import DataError
from relx.predictors.documents import LONGEST
from relx.utils.files import sha256_of
from relx.version import __version__

CODE = "--include"


@dataclass(frozen=True)
class Settings:
    """The archive, the columns of the tables, and the options of prediction; those of ``relx predict``.

    ``part_tokens`` is the size of a part, about: a token is counted as five bytes of text. ``device`` and ``threads``
    (of a process) are those of the machine; predictions do not depend on them otherwise than by rounding.
    """

    archive: str
    column: str
    part_tokens: int
    id_column: str | None = None
    keep: tuple[str, ...] = ()
    sentences: bool = False
    window: int = 1
    longest: int | None = None
    min_score: tuple[str, ...] = ()
    raw_scores: bool = False
    entities: str | None = None
    ignore_case: bool = False
    schema: str | None = None
    overrides: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    device: str | None = None
    threads: int | None = None

    def columns(self) -> list[str]:
        """Return the names of the columns to read, each once."""
        own = [self.column] if self.id_column is None else [self.id_column, self.column]
        return [*dict.fromkeys([*own, *self.keep])]

    def identity(self) -> dict[str, Any]:
        """Return the settings by the names of their options, and files by their digests, wherever they lie.

        The value of CODE has the name and the digest of each plugin. Raises ConfigError for scores that are given
        twice, DataError for files that cannot be read, and PluginError for plugins that cannot.
        """
        files = {"archive": self.archive, "--entities": self.entities, "--schema": self.schema}
        return {
            **{name: None if path is None else digest(path) for name, path in files.items()},
            "--column": self.column,
            "--id-column": self.id_column,
            "--keep": [*self.keep],
            "--sentences": self.sentences,
            "--window": self.window,
            "--longest": self.longest or LONGEST,
            "--min-score": parse([*self.min_score]),  # the same for each order and spelling
            "--raw-scores": self.raw_scores,
            "--ignore-case": self.ignore_case,
            "--override": [*self.overrides],
            CODE: sorted([os.path.basename(plugin), plugins.digest_of(plugin)] for plugin in self.include),
            "--part-tokens": self.part_tokens,
            "the version of relx": __version__,
        }

    def anywhere(self) -> "Settings":
        """Return the same settings for a process that works in another folder."""

        def absolute(path: str | None) -> str | None:
            return None if path is None else os.path.abspath(path)

        include = tuple(os.path.abspath(name) if name.endswith(".py") else name for name in self.include)
        archive = os.path.abspath(self.archive)
        return replace(
            self, archive=archive, entities=absolute(self.entities), schema=absolute(self.schema), include=include
        )


def digest(path: str) -> str:
    """Return the SHA-256 of a file. Raises DataError for one that cannot be read."""
    found = sha256_of(path)
    if found is None:
        raise DataError(f"{path}: no such file, or it cannot be read")
    return found
