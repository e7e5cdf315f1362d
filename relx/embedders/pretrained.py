"""Load encoders of the Hugging Face library: pretrained ones, and ones without weights from a stored configuration."""

import inspect
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from relx.embedders.tokenizer_file import read_tokenizer, require_pieces
from relx.errors import RelxError
from relx.utils.precision import require_finite

# Text encoders that are built from their own settings alone. Types with a backbone, with code of their
# own, or whose construction takes time that the size of the weights does not bound (sinusoidal tables) are left out.
ENCODERS = (
    "albert", "bart", "bert", "bert-generation", "big_bird", "camembert", "convbert", "data2vec-text", "deberta",
    "deberta-v2", "distilbert", "electra", "ernie", "eurobert", "ibert", "jina_embeddings_v3", "longformer", "longt5",
    "mbart", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mt5", "nomic_bert", "nystromformer", "rembert",
    "roberta", "roberta-prelayernorm", "splinter", "squeezebert", "switch_transformers", "t5", "umt5", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
)  # fmt: skip
# Settings of parts that relx does not use: what the weights replace (distilbert), and decoders.
FIXED = {"sinusoidal_pos_embds": False, "num_decoder_layers": 1, "decoder_layers": 1}
MOST_LAYERS = 1_000
LARGEST = 2**31
LONGEST_TEXT = 100
LONGEST_LIST = 1_000
DEEPEST = 3
SHOWN = 3


@dataclass(frozen=True)
class Pretrained:
    """Hold a transformer with its weights, and what is needed to build it again without them.

    ``config`` and ``tokenizer`` are the content of a ``config.json`` and a ``tokenizer.json``; ``max_pieces`` is the
    largest number of pieces that it can read, None without a limit. ``unknown`` is the index of the piece for unknown
    words, None where the tokenizer has none or was stored.
    """

    encoder: nn.Module
    config: bytes
    tokenizer: bytes
    max_pieces: int | None
    unknown: int | None = None


def load_pretrained(name: str, layers: int | None = None) -> Pretrained:
    """Load the transformer of a folder or of the hub in float32; ``layers`` keeps that many, from the lowest up.

    Raises RelxError where files are missing or damaged, where the tokenizer does not fit the model, or where the file
    of the weights lacks some, which the library would draw at random. Raises ValueError for
    layers that the model does not have.
    """
    transformers = _library()
    config = _config(name)
    with _explained(name):
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False, add_prefix_space=True)
    if not tokenizer.is_fast:
        raise RelxError(f"the transformer {name!r} has no fast tokenizer (tokenizer.json), which relx needs")
    tokenizer_json = tokenizer.backend_tokenizer.to_str().encode()
    with _named(name):
        _require_files(name, tokenizer)
        require_pieces(read_tokenizer(tokenizer_json), config.vocab_size)
    _keep_layers(config, layers)
    with _explained(name):
        model, report = transformers.AutoModel.from_pretrained(
            name, config=config, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
        )
    encoder = _encoder_of(model)
    with _named(name):
        _require_weights(model, encoder, report)
    settings = {key: value for key, value in config.to_dict().items() if key != "_name_or_path"}
    limit, unknown = _limit(encoder, tokenizer), tokenizer.unk_token_id
    return Pretrained(encoder, json.dumps(settings).encode(), tokenizer_json, limit, unknown)


def require_pretrained(name: str) -> None:
    """Raise RelxError for a name that is no transformer that relx reads. Reads the configuration only."""
    _library()
    _config(name)


def build_empty(config: bytes, tokenizer: bytes, max_pieces: int | None) -> Pretrained:
    """Build the transformer of a stored configuration in float32 with random weights. Reads no file.

    Raises RelxError for settings that no encoder has, and where configuration, tokenizer and the length of the windows
    do not fit each other.
    """
    transformers = _library()
    with _named("the stored transformer"):
        settings = encoder_config(json.loads(config))
        model = transformers.AutoModel.from_config(settings, dtype=torch.float32, trust_remote_code=False)
        encoder: Any = _encoder_of(model)
        require_pieces(read_tokenizer(tokenizer), encoder.get_input_embeddings().num_embeddings)
        positions = _positions(encoder)
        if max_pieces is not None and not (isinstance(max_pieces, int) and 0 < max_pieces <= (positions or LARGEST)):
            raise RelxError(f"its windows have {max_pieces!r} pieces, but the model has {positions} positions")
    known = [limit for limit in (max_pieces, positions) if limit is not None]
    return Pretrained(encoder, config, tokenizer, min(known, default=None))


def _config(name: str) -> Any:
    """Read the configuration of a model, reduced to what its archive may hold."""
    with _explained(name):
        found = _library().AutoConfig.from_pretrained(name, trust_remote_code=False)
    with _named(name):
        return encoder_config(found.to_dict())


def encoder_config(settings: Mapping[str, Any]) -> Any:
    """Make the library's configuration from those settings that the encoder's type declares.

    Settings that every type has (labels, names, the form of the output, code of its own) are left out. Raises RelxError
    for another type, and for a value that is no plain number, text or short list, or larger than any encoder has.
    """
    from transformers import CONFIG_MAPPING, PreTrainedConfig  # noqa: PLC0415  (takes seconds)

    name = settings.get("model_type")
    if name not in ENCODERS:
        raise RelxError(f"is of the type {name!r}; relx reads the encoders {', '.join(ENCODERS)}")
    common, own = (inspect.signature(known).parameters for known in (PreTrainedConfig, CONFIG_MAPPING[name]))
    taken = {key: settings[key] for key in own if key in settings and key not in common}
    for key, value in taken.items():
        _require_plain(key, value, DEEPEST)
    fixed = {key: value for key, value in FIXED.items() if key in own}
    return CONFIG_MAPPING[name](**{**taken, **fixed})


def _require_plain(key: str, value: Any, depth: int) -> None:
    """Raise RelxError for a value that no setting of an encoder can have."""
    match value:
        case None | bool() | float():
            return
        case int():
            if not -LARGEST < value < LARGEST or (_counts_layers(key) and not 1 <= value <= MOST_LAYERS):
                raise RelxError(f"its {key} is {value}, which no encoder has")
        case str() if len(value) <= LONGEST_TEXT:
            return
        case list() | dict() if depth and len(value) <= LONGEST_LIST:
            for item in value.values() if isinstance(value, dict) else value:
                _require_plain(key, item, depth - 1)
        case _:
            raise RelxError(f"its {key} is no plain value: a number, a short text or a short list")


def _counts_layers(key: str) -> bool:
    return "layers" in key or key in ("num_hidden_groups", "inner_group_num", "num_feedforward_networks")


def _keep_layers(config: Any, layers: int | None) -> None:
    present = config.num_hidden_layers
    if layers is None:
        return
    if not 1 <= layers <= present:
        raise ValueError(f"layers is {layers}; the model has the layers 1 to {present}")
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]


def _encoder_of(model: Any) -> nn.Module:
    """Return the part of a model that reads text."""
    if model.config.is_encoder_decoder:
        return model.get_encoder()
    # The pooler makes one vector of a sentence, which no word reads.
    if "add_pooling_layer" in inspect.signature(type(model)).parameters:
        model.pooler = None
    return model


def _limit(encoder: Any, tokenizer: Any) -> int | None:
    """Return the largest number of pieces, special ones included, of the model and its tokenizer."""
    limits = (_positions(encoder), tokenizer.model_max_length)
    return min((limit for limit in limits if limit is not None and limit < 10**9), default=None)


def _positions(encoder: Any) -> int | None:
    """Return how many pieces, special ones included, the model has positions for; None without a limit."""
    positions: int | None = getattr(encoder.config, "max_position_embeddings", None)
    table = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    first = getattr(table, "padding_idx", None)
    return positions if positions is None or first is None else positions - first - 1  # RoBERTa counts from its padding


def _require_files(name: str, tokenizer: Any) -> None:
    """Raise RelxError for a folder without a tokenizer's file, for which the library would invent a tokenizer."""
    names = sorted({"tokenizer.json", "tokenizer.model", *tokenizer.vocab_files_names.values()})
    if Path(name).is_dir() and not any(Path(name, file).is_file() for file in names):
        raise RelxError(
            f"this folder has no tokenizer (none of {', '.join(names)}); copy the tokenizer's files from the model "
            "that this one was trained from, or write them with tokenizer.save_pretrained"
        )


def _require_weights(model: Any, encoder: nn.Module, report: Mapping[str, Any]) -> None:
    """Raise RelxError for weights that the file lacks, which the library draws at random, or that are not finite."""
    prefix = next((f"{place}." for place, part in model.named_modules() if part is encoder and place), "")
    needed = {f"{prefix}{key}" for key in encoder.state_dict()}
    absent = sorted(needed & set(report["missing_keys"]))
    if not absent:
        require_finite(encoder.state_dict(), "its weights are damaged (copy or download them again): they hold")
        return
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    unused = sorted(report["unexpected_keys"])
    hint = f"; it holds {', '.join(unused[:SHOWN])}, which this model does not have" if unused else ""
    raise RelxError(f"holds no weights for {', '.join(absent[:SHOWN])}{more}, which would be random{hint}")


def _library() -> Any:
    import transformers  # noqa: PLC0415  (takes seconds, and most models never need it)

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of any type, where files are missing or damaged
        reason = str(error).partition("\n")[0]
        if Path(name).is_dir():
            raise RelxError(f"{name}: relx cannot read a transformer from this folder: {reason}") from error
        if _is_path(name):
            raise RelxError(f"{name}: there is no such folder to read a transformer from") from error
        offline = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE")
        advice = "unset HF_HUB_OFFLINE to download it" if offline else f"try: hf download {shlex.quote(name)}"
        raise RelxError(
            f"no transformer {name!r}: there is no such folder, and relx cannot get it from the Hugging Face hub "
            f"({reason}); give the path of a model's folder, or {advice}"
        ) from error


def _is_path(name: str) -> bool:
    """Return whether a name can only mean a folder: names on the hub are NAME or OWNER/NAME."""
    path = Path(name)
    inside = len(path.parts) == 2 and path.parent.is_dir()
    return path.is_absolute() or name.startswith((".", "~")) or len(path.parts) > 2 or inside or path.exists()


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the transformer's name before an error."""
    try:
        yield
    except RelxError as error:
        raise RelxError(f"{name}: {error}") from error
