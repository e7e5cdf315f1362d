"""Stanza's pipelines (Qi et al. 2020), made of models that are on this machine: nothing is downloaded."""

import hashlib
import importlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from relx.errors import RelxError
from relx.utils.text import LONGEST_NAME, printable

RESOURCES = "resources.json"
_LANGUAGE = re.compile("[A-Za-z_-]+")
# What Stanza's models are built upon, each kind in a folder of its own.
EMBEDDINGS = ("pretrain", "forward_charlm", "backward_charlm")


@dataclass(frozen=True)
class StanzaModels:
    """The models of some of Stanza's processors for a language, for the part of an experiment that ``part`` names.

    ``folder`` is laid out as Stanza's own (which is the default), or holds the models as ``tokenize.pt``, ``pos.pt``
    and so on, beside a ``resources.json`` (``{}`` is enough).
    """

    language: str
    folder: str | None
    processors: tuple[str, ...]
    part: str

    def __post_init__(self) -> None:
        if not _LANGUAGE.fullmatch(self.language):
            given = printable(repr(self.language), LONGEST_NAME)
            raise ValueError(f"language: expected a code or a name such as en or zh-hans, got {given}")
        if self.folder is not None and not self.folder.strip():
            raise ValueError(f"model_dir: expected a folder, got {self.folder!r}; null means Stanza's own folder")

    def pipeline(self, use_gpu: bool = True) -> Any:
        """Build the pipeline without changing the run's random state; without ``tokenize`` it takes lists of tokens.

        Raises RelxError if a model or the package itself is missing or damaged.
        """
        from relx.utils.runtime import random_state_kept  # noqa: PLC0415  (loads torch, as Stanza does)

        pipeline = stanza_package().Pipeline
        options: dict[str, Any] = {} if self.folder is None else {"dir": self.folder}
        options |= {f"{path.stem}_model_path": str(path) for path in self._own_files()}
        try:
            with random_state_kept():  # Stanza draws first weights before it reads the trained ones
                return pipeline(
                    self.language,
                    processors=",".join(dict.fromkeys(("tokenize", *self.processors))),
                    tokenize_pretokenized="tokenize" not in self.processors,
                    allow_unknown_language=bool(self._own_files()),
                    download_method=None,
                    use_gpu=use_gpu,
                    logging_level="CRITICAL",
                    **options,
                )
        except Exception as error:  # a missing or damaged file makes Stanza, torch and pickle raise all sorts
            raise self._failure(_first_line(error)) from error

    @cached_property
    def identity(self) -> str:
        """Identify these models by their content at the first use; the folder does not matter.

        Raises RelxError when there are none.
        """
        files = self._files()
        if not files:
            raise self._failure("it has none of these models")
        content = hashlib.sha256()
        for path in (self._folder / RESOURCES, *files):
            content.update(path.read_bytes() if path.is_file() else b"")
        return " ".join((f"stanza {_version()}", self.language, *self.processors, content.hexdigest()))

    def _files(self) -> list[Path]:
        """All models that the pipeline may be made of: the folder's own, then those in Stanza's layout."""
        own = self._own_files()
        held = {path.stem for path in own}
        kinds = [name for name in (*self.processors, *EMBEDDINGS) if name not in held]
        language = self._folder / self._language_folder()
        return own + [path for kind in kinds for path in sorted((language / kind).glob("*.pt"))]

    def _own_files(self) -> list[Path]:
        paths = [Path(self.folder, f"{name}.pt") for name in self.processors] if self.folder is not None else []
        return [path for path in paths if path.is_file()]

    def _language_folder(self) -> str:
        """Return the code of the language, with aliases resolved."""
        code = self.language.strip().lower()
        try:
            alias = json.loads((self._folder / RESOURCES).read_bytes()).get(code, {}).get("alias", code)
        except (OSError, ValueError, AttributeError):  # missing, or something else than expected
            return code
        return str(alias)

    @cached_property
    def _folder(self) -> Path:
        if self.folder is not None:
            return Path(self.folder)
        stanza_package()
        return Path(importlib.import_module("stanza.resources.common").DEFAULT_MODEL_DIR)

    def _failure(self, reason: str) -> RelxError:
        """Return the error for a pipeline that could not be built."""
        what = self._fault() or f"no Stanza models ({', '.join(self.processors)}) for {self.language!r} in " + (
            f"{self._folder} ({reason}); get them with: {self._download()}"
        )
        return RelxError(printable(f"{what}, or name the folder that holds them: -o {self.part}.model_dir=FOLDER"))

    def _fault(self) -> str | None:
        """Describe the file that is missing or damaged, and the remedy; return None if no file is at fault."""
        own, resources = self._own_files(), self._folder / RESOURCES
        if own and not resources.is_file():
            return f"{resources}: missing, though its folder has models; write this file with the content {{}}"
        damaged = next((path for path in (resources, *self._files()) if path.is_file() and not _is_whole(path)), None)
        if damaged is not None:
            return f"{damaged}: damaged; replace it with an intact file (Stanza's own: {self._download()})"
        lacking = [name for name in self.processors if name not in {path.stem for path in own}]
        if own and lacking and not (self._folder / self._language_folder()).is_dir():
            return f"{self._folder / lacking[0]}.pt: missing, though its folder has {own[0].name}; add this file"
        return None

    def _download(self) -> str:
        """Return the command that downloads Stanza's models. It may appear in an archive, so it names no folder."""
        folder = "" if self.folder is None else ", model_dir='FOLDER'"
        return f'python -c "import stanza; stanza.download({self.language!r}{folder})"'


def stanza_package() -> Any:
    """Import and return the package ``stanza``; raise RelxError if the import fails.

    The import takes seconds, and most models never need it.
    """
    try:
        return importlib.import_module("stanza")
    except Exception as error:  # a broken package raises whatever it likes
        raise RelxError(
            f"the package stanza cannot be imported ({type(error).__name__}: {_first_line(error)}); "
            "install it again with: pip install --force-reinstall stanza"
        ) from error


def _version() -> str:
    """Stanza's version, without importing it if possible."""
    try:
        return metadata.version("stanza")
    except metadata.PackageNotFoundError:
        return str(stanza_package().__version__)


def annotated_words(sentences: Sequence[list[str]], annotate: Callable[[list[list[str]]], Any]) -> list[list[Any]]:
    """Return a Stanza word for each token of each sentence, from a pipeline that takes lists of tokens."""
    # Stanza takes neither empty sentences nor empty tokens.
    spoken = [[token or "_" for token in sentence] for sentence in sentences if sentence]
    annotated = iter(annotate(spoken).sentences if spoken else ())
    return [next(annotated).words if sentence else [] for sentence in sentences]


def _is_whole(path: Path) -> bool:
    """Whether a file can be read as what its name says."""
    try:
        if path.suffix == ".json":
            return isinstance(json.loads(path.read_bytes()), dict)
        import torch  # noqa: PLC0415  (only where something is amiss)

        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch and pickle raise all sorts
        return False
    return True


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
