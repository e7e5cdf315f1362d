"""``model.tar.gz``: everything that prediction needs, in one file that runs no code when it is opened.

Members: ``meta.json`` (format, versions, plugins), ``config.json`` (the experiment, every default filled in),
``vocabulary/``, ``weights.safetensors``, ``metrics.json``. Nothing is unpacked to disk.
"""

import gzip
import io
import json
import os
import platform
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from relx import __version__, config, plugins
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, ConfigError
from relx.model import JointExtractor
from relx.readers.reader import DatasetReader
from relx.registry import Component, Lazy, Reference, kinds, lookup
from relx.tokenizers.tokenizer import Tokenizer
from relx.tokenizers.whitespace import WhitespaceTokenizer

FORMAT = 1
META, CONFIG, WEIGHTS, METRICS, VOCABULARY = (
    "meta.json", "config.json", "weights.safetensors", "metrics.json", "vocabulary/",
)  # fmt: skip
# Weights hardly compress: a file that grows more than this when unpacked was made to fill the memory.
LARGEST_GROWTH = 100
ALWAYS_ALLOWED = 64 * 1024 * 1024
MOST_MEMBERS = 10_000


class ArchivedParts:
    """The parts of an experiment that are needed after training."""

    def __init__(
        self,
        model: Lazy[JointExtractor],
        dataset_reader: DatasetReader,
        tokenizer: Tokenizer | None = None,
        data_loader: DataLoader | None = None,
    ) -> None:
        self.model = model
        self.reader = dataset_reader
        self.tokenizer = tokenizer or WhitespaceTokenizer()
        self.loader = data_loader or DataLoader()


PARTS = Reference("relx.archive", "ArchivedParts")
KEYS = ("model", "dataset_reader", "tokenizer", "data_loader")


@dataclass(frozen=True)
class Archive:
    """An opened archive: the trained model and what belongs to it."""

    model: JointExtractor
    parts: ArchivedParts
    config: dict[str, Any]
    meta: dict[str, Any]
    metrics: dict[str, Any]


def save(path: Path, experiment: dict[str, Any], model: JointExtractor, metrics: dict[str, Any]) -> None:
    """Write an archive; it appears under its name whole or not at all."""
    files = {
        META: _json_bytes(_meta(experiment)),
        CONFIG: _json_bytes(experiment),
        METRICS: _json_bytes(metrics),
        **{VOCABULARY + name: content for name, content in model.vocabulary.files().items()},
        WEIGHTS: safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}),
    }
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz", compresslevel=1) as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    finally:
        Path(aside).unlink(missing_ok=True)


def load(path: str | Path) -> Archive:
    """Open an archive. Raises ArchiveError when it is damaged, foreign, unsafe, of another format, or lacks a plugin."""
    files = _read(Path(path))
    try:
        meta, experiment = _object(files, META), _object(files, CONFIG)
        _check_format(meta)
        _check_plugins(meta)
        tree = {key: experiment[key] for key in KEYS if experiment.get(key) is not None}
        config.require_valid(tree, PARTS, CONFIG)
        parts: ArchivedParts = config.build(tree, PARTS)
        vocabulary = {n.removeprefix(VOCABULARY): c for n, c in files.items() if n.startswith(VOCABULARY)}
        model = parts.model.build(vocabulary=Vocabulary.from_files(vocabulary))
        _load_weights(model, files)
        return Archive(model.eval(), parts, experiment, meta, _object(files, METRICS))
    except (ArchiveError, ConfigError) as error:
        raise ArchiveError(f"{path}: {error}") from error


def _read(path: Path) -> dict[str, bytes]:
    """The members of an archive, none of them larger than it has a right to be."""
    try:
        allowed = ALWAYS_ALLOWED + LARGEST_GROWTH * path.stat().st_size
        with tarfile.open(path, "r:gz") as tar:
            return _members(tar, path, allowed)
    except FileNotFoundError:
        raise ArchiveError(f"{path}: no such archive") from None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveError(f"{path}: not a whole relx archive ({error}); was it cut short, or is it no archive?") from None
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read: {error.strerror or error}") from None


def _members(tar: tarfile.TarFile, path: Path, allowed: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for member in tar:
        if not _expected(member):
            raise ArchiveError(f"{path}: holds {member.name!r}, which has no place in a relx archive; nothing was unpacked")
        allowed -= member.size
        if allowed < 0 or len(files) > MOST_MEMBERS or member.name in files:
            raise ArchiveError(f"{path}: unpacks to far more than a model needs; refused")
        content = tar.extractfile(member)
        assert content is not None
        files[member.name] = content.read()
    return files


def _expected(member: tarfile.TarInfo) -> bool:
    if not member.isreg():
        return False
    name = member.name.removeprefix(VOCABULARY)
    return member.name in (META, CONFIG, WEIGHTS, METRICS) or (name != member.name and "/" not in name)


def _object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    if name not in files:
        raise ArchiveError(f"holds no {name}: not a relx archive")
    try:
        content = json.loads(files[name])
    except ValueError as error:
        raise ArchiveError(f"{name} is damaged: {error}") from None
    if not isinstance(content, dict):
        raise ArchiveError(f"{name} is damaged: not an object")
    return content


def _check_format(meta: dict[str, Any]) -> None:
    if meta.get("format") != FORMAT:
        raise ArchiveError(
            f"has format {meta.get('format')!r}, this relx ({__version__}) reads format {FORMAT}; "
            f"it was written by relx {meta.get('relx')}"
        )


def _check_plugins(meta: dict[str, Any]) -> None:
    by_name = {kind.name: kind for kind in kinds()}
    for need in meta.get("plugins", []):
        kind = by_name.get(need["kind"])
        if kind is None or lookup(kind, need["name"]) is None:
            origin = need["distribution"] or need["module"]
            raise ArchiveError(
                f"needs the {need['kind']} {need['name']!r} of the plugin {origin}, which is not here: "
                f"install it, or name it with --include {need['module']}"
            )


def _load_weights(model: JointExtractor, files: Mapping[str, bytes]) -> None:
    try:
        model.load_state_dict(safetensors.torch.load(files[WEIGHTS]))
    except KeyError:
        raise ArchiveError(f"holds no {WEIGHTS}: not a relx archive") from None
    except (SafetensorError, RuntimeError) as error:
        raise ArchiveError(f"{WEIGHTS} does not fit the model: {error}") from None


def _meta(experiment: dict[str, Any]) -> dict[str, Any]:
    tree = {key: experiment[key] for key in KEYS if experiment.get(key) is not None}
    foreign = [c for c in config.used(tree, PARTS) if c.kind is not None and not c.reference.module.startswith("relx.")]
    libraries = ("torch", "transformers", "safetensors", "numpy")
    versions = {"python": platform.python_version(), **{name: metadata.version(name) for name in libraries}}
    return {"format": FORMAT, "relx": __version__, "versions": versions, "plugins": [_need(c) for c in foreign]}


def _need(component: Component) -> dict[str, Any]:
    assert component.kind is not None
    module = component.reference.module
    return {
        "kind": component.kind.name,
        "name": component.name,
        "module": module,
        "distribution": plugins.distribution_of(module),
    }


def _json_bytes(content: Any) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")
