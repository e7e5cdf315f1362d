"""Save a trained model as ``model.tar.gz``, which holds everything that prediction needs, and open it again.

Opening runs no code of the file: the model is built from registered components, and the weights are compared with it
before it gets memory. ``relx.archive_file`` reads and writes the file itself.
"""

import json
import logging
import math
import os
import platform
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from packaging.version import InvalidVersion, Version
from torch import Tensor, nn
from torch.nn import init
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from relx import config, plugins
from relx.annotators.annotation import annotated, identities
from relx.annotators.cache import FILE as ANNOTATIONS
from relx.annotators.parsers.parser import DependencyParser
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.taggers.tagger import POSTagger
from relx.annotators.tokenizers.tokenizer import Tokenizer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.archive_file import (
    ALIGNMENT,
    CALIBRATION,
    CONFIG,
    FORMAT,
    META,
    METRICS,
    QUANTIZATION,
    VOCABULARY,
    WEIGHTS,
    ArchiveFacts,
    TrainingRecord,
    bounded,
    calibration_of,
    json_bytes,
    json_object,
    library_versions,
    member,
    named_errors,
    quantization_of,
    read_members,
    require_format,
    vocabulary_of,
    write_members,
)
from relx.calibration.calibration import Calibration
from relx.data.example import Example
from relx.data.json_validation import items, optional, required
from relx.data.loader import DataLoader
from relx.errors import ArchiveError, ConfigError, RelxError, is_panic
from relx.model import JointExtractor
from relx.quantization.layers import quantize
from relx.quantization.record import Quantization
from relx.readers.reader import DatasetReader
from relx.registry import Component, Lazy, Reference, describe, kinds, lookup, nearest
from relx.utils.precision import require_finite
from relx.utils.text import LONGEST_NAME, printable
from relx.utils.tied_weights import aliases
from relx.version import __version__

logger = logging.getLogger(__name__)

# Numbers of the model up to this one are accepted for any weights: they count rounds, or pieces of a window.
ALWAYS_PLAUSIBLE = 10_000
SHOWN_LINES = 3
SHOWN = 3
# While a model is built it may hold more than it keeps: the half of a transformer that is no encoder, a pooler.
MOST_TENSORS = 1_000
SPARE = 2**24
# The types of numbers of a safetensors file that torch has, too.
NUMBER_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "C64": torch.complex64,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip
DRAWS = {
    Tensor.normal_, Tensor.uniform_, init.normal_, init.uniform_, init.trunc_normal_, init.xavier_normal_,
    init.xavier_uniform_, init.kaiming_normal_, init.kaiming_uniform_, init.orthogonal_,
}  # fmt: skip


OTHER_MODELS = (
    "the %s has other models, or another version of its tool, than the one of the training, and predictions may "
    "suffer: move its models back, name their folder with -o, or train again"
)
OTHER_VERSIONS = (
    "the archive was written with %s; predictions may differ from those of the training: install those versions, or "
    "score the archive here with relx evaluate"
)
OTHER_SETTINGS = (
    "the archive was calibrated with other settings of the model than those of -o: scores and thresholds are those of "
    "the head"
)
TOO_LARGE = "the configuration describes a model that is far larger than the weights"
# The name of a module, or of its file, that a shell takes as it is.
_IN_COMMANDS = re.compile(r"\w[\w.-]*")


class ArchivedParts:
    """The parts of an experiment that are needed after training."""

    def __init__(
        self,
        model: Lazy[JointExtractor],
        dataset_reader: Lazy[DatasetReader],
        tokenizer: Tokenizer | None = None,
        sentence_splitter: SentenceSplitter | None = None,
        pos_tagger: POSTagger | None = None,
        dependency_parser: DependencyParser | None = None,
        data_loader: DataLoader | None = None,
        protocols: list[str] | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = (tokenizer or WhitespaceTokenizer()).of_raw_text()
        self.splitter = sentence_splitter or RuleSplitter()
        self.reader = dataset_reader.build(tokenizer=self.tokenizer, sentence_splitter=self.splitter)
        self.tagger = pos_tagger
        self.parser = dependency_parser
        self.loader = data_loader or DataLoader()
        self.protocols = protocols or ["exact_span"]
        self.trained_with: dict[str, str] = {}

    def annotated(self, examples: list[Example]) -> list[Example]:
        """Return the sentences with the annotations that the model needs. Raises RelxError if this fails."""
        self._warn_of_other_models()
        return annotated(examples, self.tagger, self.parser)

    def _warn_of_other_models(self) -> None:
        """Warn once if the tagger or the parser has other models than in the training."""
        before, self.trained_with = self.trained_with, {}
        now = identities(pos_tagger=self.tagger, dependency_parser=self.parser) if before else {}
        for name in before:
            if name in now and now[name] != before[name]:
                logger.warning(OTHER_MODELS, name)


PARTS = Reference("relx.archive", "ArchivedParts")


@dataclass(frozen=True)
class Archive:
    """An opened archive: the trained model and what belongs to it."""

    model: JointExtractor
    parts: ArchivedParts
    config: dict[str, Any]
    meta: dict[str, Any]
    metrics: dict[str, Any]
    calibration: Calibration | None = None
    quantization: Quantization | None = None

    @property
    def facts(self) -> ArchiveFacts:
        """What the archive tells about its model: labels, scores, versions, training data, date."""
        found = self.meta, self.config, self.metrics, self.model.vocabulary, self.calibration, self.quantization
        return ArchiveFacts(*found)


def save(
    path: Path,
    experiment: dict[str, Any],
    model: JointExtractor,
    metrics: dict[str, Any],
    training: TrainingRecord | None = None,
    calibration: Calibration | None = None,
) -> None:
    """Write an archive. The file appears whole or not at all. Raises RelxError if it cannot be written.

    ``experiment`` is the full config. The ``model_dir`` of a tokenizer, tagger or parser is written as an absolute
    path, because prediction may run elsewhere. relx warns if the tagger or the parser at prediction has another
    identity than in ``training``. Equal arguments make equal files.
    """
    experiment = _with_absolute_folders(experiment)
    files = {
        META: json_bytes(_meta(experiment, model, training or TrainingRecord())),
        CONFIG: json_bytes(experiment),
        METRICS: json_bytes(metrics),
        **{VOCABULARY + name: content for name, content in model.vocabulary.files().items()},
        WEIGHTS: weights_of(model),
    }
    if calibration is not None:
        files[CALIBRATION] = json_bytes(calibration.to_json())
    write_members(path, files)


def _meta(experiment: dict[str, Any], model: JointExtractor, training: TrainingRecord) -> dict[str, Any]:
    versions = {"python": platform.python_version(), **library_versions()}
    del versions["relx"]
    return {
        "format": FORMAT,
        "relx": __version__,
        "date": training.date,
        "versions": versions,
        "plugins": [_need(component) for component in _foreign(_parts_of(experiment))],
        "weights": {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()},
        "trained_with": dict(training.annotators),
        "data": {split: dict(facts) for split, facts in training.data.items()},
    }


def _need(component: Component) -> dict[str, Any]:
    """Write down a component of a plugin, and how to get it."""
    assert component.kind is not None
    module = component.reference.module
    return {
        "kind": component.kind.name,
        "name": component.name,
        "include": plugins.name_of(module),
        "distribution": plugins.distribution_of(module),
    }


def require_openable(experiment: dict[str, Any], model: JointExtractor) -> None:
    """Raise ArchiveError for an experiment whose archive ``load`` would refuse: a size beyond any of the weights."""
    _require_plausible(experiment["model"], model.state_dict())


def load(path: str | Path, overrides: Iterable[str] = ()) -> Archive:
    """Open an archive; ``overrides`` are ``dotted.key=value``, as for ``relx train -o``, and change its experiment.

    Raises ArchiveError when it is damaged, foreign, unsafe, of another format, or needs a plugin that is not here, and
    for an override that names nothing, or asks for a model that the weights do not fit.
    """
    try:
        with offline(), named_errors(path):
            return _opened(read_members(path), list(overrides))
    except RelxError:
        raise
    except BaseException as error:  # a constructor meets what a damaged or hostile file says of its arguments
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        reason = " ".join(str(error).split("\n")[:SHOWN_LINES])  # torch adds the stack of its own calls
        raise ArchiveError(bounded(f"{path}: the model cannot be built: {type(error).__name__}: {reason}")) from error


def _opened(files: Mapping[str, bytes], overrides: list[str]) -> Archive:
    meta = json_object(files, META)
    require_format(meta)
    experiment = _with_splitter(json_object(files, CONFIG))
    _check_plugins(meta)
    if overrides:
        experiment = config.override(experiment, overrides)
        _require_used(overrides)
    tree = _parts_of(experiment)
    config.require_valid(tree, PARTS, CONFIG)
    weights = read_weights(member(files, WEIGHTS))
    _require_plausible(tree["model"], weights)
    parts: ArchivedParts = config.build(_without_folders_of_others(tree, overrides), PARTS)
    parts.trained_with = optional(meta, "trained_with", dict) or {}
    stored = vocabulary_of(files)
    quantization = quantization_of(files)

    def build() -> JointExtractor:
        model = parts.model.build(vocabulary=stored)
        if quantization is not None:
            quantize(model, quantization.scheme)
        return model

    model = built_for(weights, build, strict=not _foreign(tree))
    _warn_of_other_versions(meta)
    metrics, calibration = json_object(files, METRICS), calibration_of(files)
    if calibration is not None and any(override.startswith("model") for override in overrides):
        logger.warning(OTHER_SETTINGS)
        calibration = None
    return Archive(model.eval(), parts, experiment, meta, metrics, calibration, quantization)


def save_quantized(
    path: str | Path, output: Path, model: JointExtractor, calibration: Calibration, quantization: Quantization
) -> None:
    """Write the archive ``path`` again with the weights of its quantized model and their calibration.

    Raises ArchiveError for an archive that cannot be read, RelxError for a file that cannot be written.
    """
    changed = {
        WEIGHTS: weights_of(model),
        CALIBRATION: json_bytes(calibration.to_json()),
        QUANTIZATION: json_bytes(quantization.to_json()),
    }
    write_members(output, {**read_members(path), **changed})


def _with_splitter(experiment: dict[str, Any]) -> dict[str, Any]:
    """Return the experiment of an archive from before sentence splitters, when brat's reader split into sentences."""
    reader = experiment.get("dataset_reader")
    if not isinstance(reader, dict) or reader.get("type") != "brat" or "sentences" not in reader:
        return experiment
    name = "lines" if reader["sentences"] == "lines" else "rules"
    kept = {key: value for key, value in reader.items() if key != "sentences"}
    return {**experiment, "dataset_reader": kept, "sentence_splitter": {"type": name}}


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


def _check_plugins(meta: dict[str, Any]) -> None:
    for need in items(meta, "plugins", dict, META):
        kind, name, plugin = (required(need, key, str, f"{META}.plugins") for key in ("kind", "name", "include"))
        if not _is_here(kind, name):
            kind, plugin = printable(kind, LONGEST_NAME), printable(plugin, LONGEST_NAME)
            named = plugin if _IN_COMMANDS.fullmatch(plugin) else "FILE.py"
            advice = f"name it with --include {named} (in Python include={named!r})"
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
    """Return the part of an experiment that is needed after training."""
    return {name: experiment[name] for name in _part_names() if experiment.get(name) is not None}


def _part_names() -> list[str]:
    return [parameter.name for parameter in describe(PARTS).parameters]


def _foreign(tree: dict[str, Any]) -> list[Component]:
    """Return the components that come from plugins."""
    used = config.used(tree, PARTS)
    return [c for c in used if c.kind is not None and not c.reference.module.startswith("relx.")]


def _require_used(overrides: list[str]) -> None:
    """Raise ConfigError for the first override that changes nothing that is needed after training."""
    for assignment in overrides:
        name = assignment.partition("=")[0].partition(".")[0]
        if name not in _part_names():
            raise ConfigError(
                f"override {assignment}: {name!r} does not affect prediction{nearest(name, _part_names())}"
            )


def _with_absolute_folders(experiment: dict[str, Any]) -> dict[str, Any]:
    names = ("tokenizer", "sentence_splitter", "pos_tagger", "dependency_parser")
    parts = {name: experiment.get(name) for name in names}
    absolute = {
        name: {**part, "model_dir": os.path.abspath(part["model_dir"])}
        for name, part in parts.items()
        if part is not None and isinstance(part.get("model_dir"), str)
    }
    return {**experiment, **absolute}


def _without_folders_of_others(tree: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Remove each ``cache`` folder without annotations: an archive does not decide where relx writes files."""
    said = {assignment.partition("=")[0] for assignment in overrides}
    kept = {}
    for name in ("pos_tagger", "dependency_parser"):
        part = tree.get(name, {})
        if part.get("cache") and not said & {name, f"{name}.cache"} and not Path(part["cache"], ANNOTATIONS).is_file():
            kept[name] = {key: value for key, value in part.items() if key != "cache"}
    return {**tree, **kept}


def _warn_of_other_versions(meta: dict[str, Any]) -> None:
    """Warn once if a library has another major version than in the training."""
    written = {**(optional(meta, "versions", dict) or {}), "relx": meta.get("relx")}
    here = library_versions()
    others = [
        f"{name} {printable(str(written[name]), LONGEST_NAME)} (here {here[name]})"
        for name in here
        if name in written and _major(written[name]) != _major(here[name])
    ]
    if others:
        logger.warning(OTHER_VERSIONS, ", ".join(others))


def _major(version: object) -> tuple[int, ...] | None:
    """Return the part of a version that has to be equal: up to the first number that is not 0."""
    try:
        release = Version(str(version)).release
    except InvalidVersion:
        return None
    return release[: next((place + 1 for place, number in enumerate(release) if number), None)]


# The weights


def weights_of(model: nn.Module) -> bytes:
    """Return the weights of a model as safetensors; tied ones under their first name alone.

    Raises RelxError for numbers that are not finite, which ``read_weights`` refuses.
    """
    weights = _untied(model.state_dict())
    require_finite(weights, "no archive was written (try a smaller learning rate): the model holds")
    return safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in weights.items()})


def read_weights(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, which are parts of its (writable) content.

    Raises ArchiveError for a damaged file and for numbers that are not finite.
    """
    try:
        weights = _tensors_in(content)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArchiveError(f"{WEIGHTS} does not fit the model: its header is damaged: {error!r}") from None
    require_finite(weights, f"{WEIGHTS} holds")
    return weights


def _tensors_in(content: bytes) -> dict[str, Tensor]:
    """Return views of the tensors, which ``safetensors.torch.load`` would copy.

    They have to fill the content without gap or overlap. Those at addresses that do not suit a processor are copied.
    """
    size = int.from_bytes(content[:8], "little")
    start, header = 8 + size, json.loads(bytes(content[8 : 8 + size]))
    entries = [(*map(int, entry["data_offsets"]), name) for name, entry in header.items() if name != "__metadata__"]
    weights, end = {}, 0
    for begin, stop, name in sorted(entries):
        dtype, shape = NUMBER_TYPES[header[name]["dtype"]], header[name]["shape"]
        count = math.prod(shape)
        if any(type(n) is not int or n < 0 for n in shape) or begin != end or stop != begin + count * dtype.itemsize:
            raise ValueError(f"{name} has another place, or another size, than its shape needs")
        end = stop
        if start + end > len(content):
            raise ValueError(f"{name} lies beyond the end")
        tensor = torch.frombuffer(content, dtype=dtype, count=count, offset=start + begin) if count else torch.empty(0)
        weights[name] = tensor.to(dtype).reshape(shape)
        if weights[name].data_ptr() % ALIGNMENT:
            weights[name] = weights[name].clone()
    if start + end != len(content):
        raise ValueError("there is more than its tensors")
    return weights


def built_for(weights: Mapping[str, Tensor], build: Callable[[], nn.Module], strict: bool = True) -> Any:
    """Build a model with these weights.

    The model is first built on torch's ``meta`` device, which gives no memory to tensors, and compared with the
    weights. If ``strict`` is false, a model that cannot be built there is built at once: the constructor of a plugin
    may compute with its tensors. Raises ArchiveError for a model of other weights.
    """
    try:
        with _bounded(weights), torch.device("meta"), _Undrawn():
            sketch = build()
    except (NotImplementedError, RuntimeError):
        if strict:
            raise
    else:
        _require_equal(weights, sketch)
    with _without_parameters(strict), _Undrawn():
        model = build()
    _require_equal(weights, model)
    own = aliases(model.state_dict())
    model.load_state_dict({**weights, **{name: weights[first] for name, first in own.items()}}, assign=strict)
    if strict:
        _tie(model, own)
    return model


def _tie(model: nn.Module, own: Mapping[str, str]) -> None:
    """Make one parameter again of those that were one before they were assigned."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for name, first in own.items():
        if name in parameters:
            place, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(place), attribute, parameters[first])


class _Undrawn(TorchFunctionMode):
    """Leave out, while entered, the random draws into tensors without memory, for which torch imports its compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function, unless it only fills such a tensor."""
        kwargs = kwargs or {}
        target = args[0] if args else kwargs.get("tensor")
        if func in DRAWS and isinstance(target, Tensor) and target.is_meta:
            return target
        return func(*args, **kwargs)


@contextmanager
def _without_parameters(enabled: bool) -> Iterator[None]:
    """Give, while entered and if ``enabled``, no memory to the parameters of a model, only to its other tensors."""

    def replace(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or parameter.is_meta:
            return None
        return nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)

    # torch's annotation has no result, but its documentation has: the parameter to register.
    hook = register_module_parameter_registration_hook(replace) if enabled else None  # type: ignore[arg-type]
    try:
        yield
    finally:
        if hook is not None:
            hook.remove()


@contextmanager
def _bounded(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Raise ArchiveError as soon as a model under construction has far more tensors, or numbers, than the weights."""
    tensors, numbers = 8 * len(weights) + MOST_TENSORS, 8 * sum(map(Tensor.numel, weights.values())) + SPARE

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal tensors, numbers
        if tensor is not None and tensor.is_meta:  # what is built in another thread, elsewhere, is not counted
            tensors -= 1
            numbers -= tensor.numel()
        if tensors < 0 or numbers < 0:
            raise ArchiveError(f"{WEIGHTS} does not fit the model: {TOO_LARGE}")

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _require_equal(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    held, needed = ({name: _form(t) for name, t in of.items()} for of in (weights, _untied(model.state_dict())))
    faults = [_fault(name, held, needed) for name in {**needed, **held} if held.get(name) != needed.get(name)]
    if faults:
        raise ArchiveError(f"{WEIGHTS} does not fit the model: {_listed(faults, '; ')}")


def _form(tensor: Tensor) -> str:
    """Return the shape, and the type of number if it is not float32."""
    return f"{list(tensor.shape)}" + (f" {tensor.dtype}".replace("torch.", "") if tensor.dtype != torch.float32 else "")


def _fault(name: str, held: Mapping[str, str], needed: Mapping[str, str]) -> str:
    if name not in needed:
        return f"the model has no {name}"
    return f"{name} is {held.get(name, 'missing')}, the model's is {needed[name]}"


def _listed(items: list[str], separator: str = ", ") -> str:
    more = f"{separator}and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return separator.join(items[:SHOWN]) + more


def _untied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tied = aliases(weights)
    return {name: tensor for name, tensor in weights.items() if name not in tied}


# The network

_VARIABLES = {"HF_HUB_OFFLINE": "1", "USE_HUB_KERNELS": "0"}
_lock = threading.Lock()
_inside = 0
_before: tuple[bool, dict[str, str | None]] = (False, {})


@contextmanager
def offline() -> Iterator[None]:
    """Refuse every request to the hub, for models and for kernels, until the last of the threads inside has left."""
    global _inside, _before
    from huggingface_hub import constants  # noqa: PLC0415  (most commands do without it)

    with _lock:
        if _inside == 0:
            _before = constants.HF_HUB_OFFLINE, {name: os.environ.get(name) for name in _VARIABLES}
            constants.HF_HUB_OFFLINE = True
            os.environ.update(_VARIABLES)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _restore(constants)


def _restore(constants: Any) -> None:
    constants.HF_HUB_OFFLINE, variables = _before
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
