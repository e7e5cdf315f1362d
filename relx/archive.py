"""``model.tar.gz``: everything that prediction needs, in one file that runs no code when it is opened.

Members: ``meta.json`` (format, versions, plugins), ``config.json`` (the experiment, every default filled in),
``vocabulary/``, ``weights.safetensors``, ``metrics.json``. Nothing is unpacked to disk.
"""

import gzip
import io
import json
import logging
import os
import platform
import re
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.version import InvalidVersion, Version
from torch import Tensor

from relx import __version__, config, plugins
from relx.annotators.annotation import annotated, identities
from relx.annotators.cache import FILE as ANNOTATIONS
from relx.annotators.parsers.parser import DependencyParser
from relx.annotators.taggers.tagger import POSTagger
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.archived_weights import WEIGHTS, built_for, read_weights, weights_of
from relx.data.example import Example
from relx.data.json_validation import BadRecord, items, optional, required
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, ConfigError, RelxError, is_panic
from relx.model import JointExtractor
from relx.readers.reader import DatasetReader
from relx.registry import Component, Lazy, Reference, describe, kinds, lookup, nearest
from relx.utils.files import atomic_binary
from relx.utils.offline import offline
from relx.utils.text import LONGEST_NAME, printable

logger = logging.getLogger(__name__)

FORMAT = 1
META, CONFIG, METRICS, VOCABULARY = "meta.json", "config.json", "metrics.json", "vocabulary/"
# Weights hardly compress: a file that grows more than this when unpacked was made to fill the memory.
LARGEST_GROWTH = 100
ALWAYS_ALLOWED = 64 * 1024 * 1024
MOST_MEMBERS = 1_000
CHUNK = 1024 * 1024
# Numbers of the model up to this one are taken whatever the weights: they count rounds, or pieces of a window.
ALWAYS_PLAUSIBLE = 10_000
LONGEST_MESSAGE = 2_000
SHOWN_LINES = 3
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "stanza")


# The name of a module, or of its file, that a shell takes as it is.
_IN_COMMANDS = re.compile(r"\w[\w.-]*")


class ArchivedParts:
    """The parts of an experiment that are needed after training."""

    def __init__(
        self,
        model: Lazy[JointExtractor],
        dataset_reader: Lazy[DatasetReader],
        tokenizer: Tokenizer | None = None,
        pos_tagger: POSTagger | None = None,
        dependency_parser: DependencyParser | None = None,
        data_loader: DataLoader | None = None,
        protocols: list[str] | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = (tokenizer or WhitespaceTokenizer()).of_raw_text()
        self.reader = dataset_reader.build(tokenizer=self.tokenizer)
        self.tagger = pos_tagger
        self.parser = dependency_parser
        self.loader = data_loader or DataLoader()
        self.protocols = protocols or ["exact_span"]
        self.trained_with: dict[str, str] = {}

    def annotated(self, examples: list[Example]) -> list[Example]:
        """The sentences with what the model needs to know of them. Raises RelxError when that cannot be found out."""
        self._warn_of_other_models()
        return annotated(examples, self.tagger, self.parser)

    def _warn_of_other_models(self) -> None:
        """Once, where the tagger or the parser is made of other models than those of the training."""
        before, self.trained_with = self.trained_with, {}
        now = identities(pos_tagger=self.tagger, dependency_parser=self.parser) if before else {}
        for name in before:
            if name in now and now[name] != before[name]:
                logger.warning(OTHER_MODELS, name)


OTHER_MODELS = (
    "the %s has other models, or another version of its tool, than the one of the training, and predictions may "
    "suffer: put its models back where they were, name their place with -o, or train anew"
)
PARTS = Reference("relx.archive", "ArchivedParts")


@dataclass(frozen=True)
class Archive:
    """An opened archive: the trained model and what belongs to it."""

    model: JointExtractor
    parts: ArchivedParts
    config: dict[str, Any]
    meta: dict[str, Any]
    metrics: dict[str, Any]


def save(
    path: Path,
    experiment: dict[str, Any],
    model: JointExtractor,
    metrics: dict[str, Any],
    trained_with: Mapping[str, str] | None = None,
) -> None:
    """Write an archive; it appears under its name whole or not at all. Raises RelxError when it cannot be written.

    The ``model_dir`` of a tokenizer, tagger or parser is written as an absolute path: prediction may run elsewhere.
    ``trained_with`` are the ``identities`` of the tagger and the parser, of which opening warns where they are others.
    """
    experiment = _with_absolute_folders(experiment)
    files = {
        META: _json_bytes({**_meta(experiment), "trained_with": dict(trained_with or {})}),
        CONFIG: _json_bytes(experiment),
        METRICS: _json_bytes(metrics),
        **{VOCABULARY + name: content for name, content in model.vocabulary.files().items()},
        WEIGHTS: weights_of(model),
    }
    # Without a name and a time stamp in it, equal content makes equal files.
    with (
        atomic_binary(path) as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def require_openable(experiment: dict[str, Any], model: JointExtractor) -> None:
    """Raise ArchiveError for an experiment whose archive ``load`` would refuse: a size beyond any of the weights."""
    _require_plausible(experiment["model"], model.state_dict())


def load(path: str | Path, overrides: Iterable[str] = ()) -> Archive:
    """Open an archive; ``overrides`` are ``dotted.key=value``, as for ``relx train -o``, and change its experiment.

    Raises ArchiveError when it is damaged, foreign, unsafe, of another format, or needs a plugin that is not here, and
    for an override that names nothing, or asks for a model that the weights do not fit.
    """
    try:
        with offline():
            return _opened(_read(Path(path)), list(overrides))
    except (RelxError, BadRecord) as error:
        raise ArchiveError(_shown(f"{path}: {error}")) from error
    except BaseException as error:  # a constructor meets what a damaged or hostile file says of its arguments
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        reason = " ".join(str(error).split("\n")[:SHOWN_LINES])  # torch adds the stack of its own calls
        raise ArchiveError(_shown(f"{path}: no model can be made of it: {type(error).__name__}: {reason}")) from error


def _opened(files: Mapping[str, bytes], overrides: list[str]) -> Archive:
    meta, experiment = _object(files, META), _object(files, CONFIG)
    _check_format(meta)
    _check_plugins(meta)
    if overrides:
        experiment = config.override(experiment, overrides)
        _require_used(overrides)
    tree = _parts_of(experiment)
    config.require_valid(tree, PARTS, CONFIG)
    weights = read_weights(_file(files, WEIGHTS))
    _require_plausible(tree["model"], weights)
    parts: ArchivedParts = config.build(_without_folders_of_others(tree, overrides), PARTS)
    parts.trained_with = optional(meta, "trained_with", dict) or {}
    vocabulary = {n.removeprefix(VOCABULARY): c for n, c in files.items() if n.startswith(VOCABULARY)}
    stored = Vocabulary.from_files(vocabulary)
    model = built_for(weights, lambda: parts.model.build(vocabulary=stored), strict=not _foreign(tree))
    _warn_of_other_versions(meta)
    return Archive(model.eval(), parts, experiment, meta, _object(files, METRICS))


def _require_plausible(tree: dict[str, Any], weights: Mapping[str, Tensor]) -> None:
    largest = max((size for tensor in weights.values() for size in tensor.shape), default=0)
    _require_sizes_below(max(largest, ALWAYS_PLAUSIBLE), tree, "model")


def _require_sizes_below(limit: int, value: Any, path: str) -> None:
    """Raise ArchiveError for a whole number of the model that is larger than any size in its weights."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _require_sizes_below(limit, item, f"{path}.{key}")
    elif isinstance(value, int | float) and abs(value) > limit:
        raise ArchiveError(f"{WEIGHTS} does not fit the model: {path} is {value}, larger than any size in the weights")


def _shown(message: str) -> str:
    """A message that may hold text of a stranger: of a bounded length, with nothing in it that commands a terminal.

    Only the first line begins at the margin, so that no line can pass for another message.
    """
    first, *rest = message[:LONGEST_MESSAGE].split("\n")
    text = "\n".join([printable(first), *(f"  {printable(line.lstrip())}" for line in rest)])
    return text + " ..." * (len(message) > LONGEST_MESSAGE)


class _Limited(io.RawIOBase):
    """A stream that gives no more than so many bytes, whatever it holds."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self.stream = stream
        self.left = limit

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises ArchiveError when there are more than allowed."""
        wanted = self.left + 1 if size < 0 else min(size, self.left + 1)
        content = self.stream.read(wanted)
        self.left -= len(content)
        if self.left < 0:
            raise ArchiveError("unpacks to far more than a model needs; refused")
        return content


def _read(path: Path) -> dict[str, bytes]:
    """The members of an archive, which together are no larger than they have a right to be."""
    try:
        with open(path, "rb") as packed, gzip.open(packed) as unpacked:
            allowed = ALWAYS_ALLOWED + LARGEST_GROWTH * os.fstat(packed.fileno()).st_size
            stream = _Limited(unpacked, allowed)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as tar:
                files = _members(tar)
            while stream.read(CHUNK):  # to the very end, where the checksum stands
                pass
            return files
    except FileNotFoundError:
        raise ArchiveError("no such archive") from None
    except IsADirectoryError:
        raise ArchiveError("is a folder; name the archive in it, which relx train calls model.tar.gz") from None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveError(f"not a whole relx archive ({error}); was it cut short, or is it no archive?") from None
    except OSError as error:
        raise ArchiveError(f"cannot be read: {error.strerror or error}") from None


def _members(tar: tarfile.TarFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for member in tar:
        if not _expected(member) or member.name in files or len(files) == MOST_MEMBERS:
            raise ArchiveError(f"holds {member.name!r}, which has no place in a relx archive; nothing was unpacked")
        content = tar.extractfile(member)
        assert content is not None
        files[member.name] = content.read()
    return files


def _expected(member: tarfile.TarInfo) -> bool:
    """Whether a member is a plain file (no link, device or folder, no file with holes) of a name that relx writes."""
    if not member.isreg() or member.issparse():
        return False
    path = PurePosixPath(member.name)
    inside = member.name.startswith(VOCABULARY) and ".." not in path.parts and str(path) == member.name
    return inside or member.name in (META, CONFIG, WEIGHTS, METRICS)


def _object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        content = json.loads(_file(files, name))
        if name == CONFIG:
            json.dumps(content, allow_nan=False)  # NaN and 1e999 are numbers to Python's reader
    except (ValueError, RecursionError):
        raise ArchiveError(f"{name} is damaged: not JSON that can be used") from None
    if not isinstance(content, dict):
        raise ArchiveError(f"{name} is damaged: not an object")
    return content


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise ArchiveError(f"holds no {name}: not a relx archive")
    return files[name]


def _check_format(meta: dict[str, Any]) -> None:
    if meta.get("format") != FORMAT:
        raise ArchiveError(
            f"has format {meta.get('format')!r}, this relx ({__version__}) reads format {FORMAT}; "
            f"it was written by relx {printable(str(meta.get('relx')), LONGEST_NAME)}"
        )


def _check_plugins(meta: dict[str, Any]) -> None:
    for need in items(meta, "plugins", dict, META):
        kind, name, plugin = (required(need, key, str, f"{META}.plugins") for key in ("kind", "name", "include"))
        if not _is_here(kind, name):
            kind, plugin = printable(kind, LONGEST_NAME), printable(plugin, LONGEST_NAME)
            advice = f"name it with --include {plugin if _IN_COMMANDS.fullmatch(plugin) else 'FILE.py'}"
            origin = optional(need, "distribution", str)
            origin = origin and printable(origin, LONGEST_NAME)
            raise ArchiveError(
                f"needs the {kind} {name!r} of the plugin {origin or plugin}, which is not here: "
                + (f"install it, or {advice}" if origin else advice)
            )


def _is_here(kind: str, name: str) -> bool:
    plugins.load_installed()  # the kind itself may come from one
    return any(known.name == kind and lookup(known, name) is not None for known in kinds())


def _parts_of(experiment: dict[str, Any]) -> dict[str, Any]:
    """What an experiment says of the parts that are needed after training."""
    return {name: experiment[name] for name in _part_names() if experiment.get(name) is not None}


def _part_names() -> list[str]:
    return [parameter.name for parameter in describe(PARTS).parameters]


def _require_used(overrides: list[str]) -> None:
    """Raise ConfigError for the first that changes nothing of what is needed after training."""
    for assignment in overrides:
        name = assignment.partition("=")[0].partition(".")[0]
        if name not in _part_names():
            raise ConfigError(f"-o {assignment}: {name!r} has no part in prediction{nearest(name, _part_names())}")


def _with_absolute_folders(experiment: dict[str, Any]) -> dict[str, Any]:
    parts = {name: experiment.get(name) for name in ("tokenizer", "pos_tagger", "dependency_parser")}
    absolute = {
        name: {**part, "model_dir": os.path.abspath(part["model_dir"])}
        for name, part in parts.items()
        if part is not None and isinstance(part.get("model_dir"), str)
    }
    return {**experiment, **absolute}


def _without_folders_of_others(tree: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """The parts without a folder for annotations that is none yet: an archive does not say where files are made."""
    said = {assignment.partition("=")[0] for assignment in overrides}
    kept = {}
    for name in ("pos_tagger", "dependency_parser"):
        part = tree.get(name, {})
        if part.get("cache") and not said & {name, f"{name}.cache"} and not Path(part["cache"], ANNOTATIONS).is_file():
            kept[name] = {key: value for key, value in part.items() if key != "cache"}
    return {**tree, **kept}


def _warn_of_other_versions(meta: dict[str, Any]) -> None:
    """Warn once, where a library has another major version than in the training."""
    written = {**(optional(meta, "versions", dict) or {}), "relx": meta.get("relx")}
    here = _versions()
    others = [
        f"{name} {printable(str(written[name]), LONGEST_NAME)} (here {here[name]})"
        for name in here
        if name in written and _major(written[name]) != _major(here[name])
    ]
    if others:
        logger.warning(OTHER_VERSIONS, ", ".join(others))


OTHER_VERSIONS = (
    "the archive was written with %s; predictions may differ from those of the training: install those versions, or "
    "score the archive here with relx evaluate"
)


def _versions() -> dict[str, str]:
    """The versions of relx and of the libraries that are installed here."""
    found = {"relx": __version__}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):  # not every model needs each of them
            found[name] = metadata.version(name)
    return found


def _major(version: object) -> tuple[int, ...] | None:
    """The part of a version that says whether two fit: up to the first number that is not 0."""
    try:
        release = Version(str(version)).release
    except InvalidVersion:
        return None
    return release[: next((place + 1 for place, number in enumerate(release) if number), None)]


def _meta(experiment: dict[str, Any]) -> dict[str, Any]:
    versions = {"python": platform.python_version(), **_versions()}
    del versions["relx"]
    needs = [_need(component) for component in _foreign(_parts_of(experiment))]
    return {"format": FORMAT, "relx": __version__, "versions": versions, "plugins": needs}


def _foreign(tree: dict[str, Any]) -> list[Component]:
    """The components that are a plugin's."""
    used = config.used(tree, PARTS)
    return [c for c in used if c.kind is not None and not c.reference.module.startswith("relx.")]


def _need(component: Component) -> dict[str, Any]:
    assert component.kind is not None
    module = component.reference.module
    return {
        "kind": component.kind.name,
        "name": component.name,
        "include": plugins.name_of(module),
        "distribution": plugins.distribution_of(module),
    }


def _json_bytes(content: Any) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")
