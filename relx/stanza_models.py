"""Stanza's pipelines (Qi et al. 2020), made of models that are on this machine: nothing is downloaded."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from relx.errors import RelxError


@dataclass(frozen=True)
class StanzaModels:
    """The models of some of Stanza's processors for a language.

    ``folder`` is laid out as Stanza's own (which is the default), or holds the models as ``tokenize.pt``, ``pos.pt``
    and so on, beside a ``resources.json`` (``{}`` is enough).
    """

    language: str
    folder: str | None
    processors: tuple[str, ...]

    def pipeline(self, use_gpu: bool = True) -> Any:
        """The pipeline; one without ``tokenize`` takes lists of tokens. Raises RelxError when a model is missing."""
        from stanza import Pipeline  # noqa: PLC0415  (takes seconds, and most models never need it)

        options: dict[str, Any] = {} if self.folder is None else {"dir": self.folder}
        options |= {f"{path.stem}_model_path": str(path) for path in self._own_files()}
        try:
            return Pipeline(
                self.language,
                processors=",".join(dict.fromkeys(("tokenize", *self.processors))),
                tokenize_pretokenized="tokenize" not in self.processors,
                allow_unknown_language=bool(self._own_files()),
                download_method=None,
                use_gpu=use_gpu,
                verbose=False,
                **options,
            )
        except Exception as error:  # a missing or damaged file makes Stanza, torch and pickle raise all sorts
            raise RelxError(self._missing(error)) from error

    def identity(self) -> str:
        """Tells these models from any others, wherever they lie."""
        content = hashlib.sha256()
        for path in (self._folder() / "resources.json", *self._own_files()):
            content.update(path.read_bytes() if path.is_file() else b"")
        named = (f"stanza {metadata.version('stanza')}", self.language, *self.processors, content.hexdigest())
        return " ".join(named)

    def _own_files(self) -> list[Path]:
        paths = [Path(self.folder, f"{name}.pt") for name in self.processors] if self.folder is not None else []
        return [path for path in paths if path.is_file()]

    def _folder(self) -> Path:
        if self.folder is not None:
            return Path(self.folder)
        from stanza.resources.common import DEFAULT_MODEL_DIR  # noqa: PLC0415

        return Path(DEFAULT_MODEL_DIR)

    def _missing(self, error: Exception) -> str:
        folder = "" if self.folder is None else f", model_dir={self.folder!r}"
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return (
            f"no Stanza models ({', '.join(self.processors)}) for {self.language!r} in {self._folder()} ({reason}); "
            f'get them with: python -c "import stanza; stanza.download({self.language!r}{folder})"'
        )


def annotated_words(sentences: Sequence[list[str]], annotate: Callable[[list[list[str]]], Any]) -> list[list[Any]]:
    """A Stanza word for each token of each sentence, by a pipeline that takes lists of tokens."""
    # Stanza takes neither empty sentences nor empty tokens.
    spoken = [[token or "_" for token in sentence] for sentence in sentences if sentence]
    annotated = iter(annotate(spoken).sentences if spoken else ())
    return [next(annotated).words if sentence else [] for sentence in sentences]
