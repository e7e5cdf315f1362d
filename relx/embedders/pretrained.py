"""Transformers of the Hugging Face library: pretrained ones, and empty ones of a stored configuration."""

import inspect
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from relx.errors import RelxError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pretrained:
    """A transformer with its weights, and what it takes to build it again without them.

    ``config`` and ``tokenizer`` are the content of a ``config.json`` and a ``tokenizer.json``; ``max_pieces`` is the
    length of what it can read, None for one without a limit.
    """

    encoder: nn.Module
    config: bytes
    tokenizer: bytes
    max_pieces: int | None


def load_pretrained(name: str, layers: int | None = None) -> Pretrained:
    """The transformer in a folder or on the hub, in float32; ``layers`` keeps so many, from the lowest up.

    Raises RelxError when there is none that can be used, ValueError for layers that it does not have.
    """
    transformers = _library()
    with _explained(name):
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False, add_prefix_space=True)
    if not tokenizer.is_fast:
        raise RelxError(f"the transformer {name!r} has no fast tokenizer (tokenizer.json), which relx needs")
    _keep_layers(config, layers)
    with _explained(name):
        model, report = transformers.AutoModel.from_pretrained(
            name, config=config, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
        )
    absent = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if absent:
        logger.warning("%s: holds no weights for %s; they start at random", name, ", ".join(absent[:5]))
    encoder = _encoder_of(model)
    settings = {key: value for key, value in config.to_dict().items() if key != "_name_or_path"}
    tokenizer_json = tokenizer.backend_tokenizer.to_str().encode()
    return Pretrained(encoder, json.dumps(settings).encode(), tokenizer_json, _limit(encoder, tokenizer))


def build_empty(config: bytes) -> nn.Module:
    """The transformer of a stored configuration, in float32, its weights at random. Reads no file."""
    transformers = _library()
    settings = transformers.AutoConfig.for_model(**json.loads(config))
    return _encoder_of(transformers.AutoModel.from_config(settings, dtype=torch.float32, trust_remote_code=False))


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
            raise RelxError(f"{name}: no transformer can be read from this folder: {reason}") from error
        if _is_path(name):
            raise RelxError(f"{name}: no transformer can be had from it: there is no such folder") from error
        offline = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE")
        advice = "unset HF_HUB_OFFLINE to have it downloaded" if offline else f"try: hf download {name}"
        raise RelxError(
            f"no transformer {name!r}: it is no folder here, and not to be had from the Hugging Face hub ({reason}); "
            f"give the path of a model's folder, or {advice}"
        ) from error


def _is_path(name: str) -> bool:
    """Whether a name can only mean a folder: those of the hub are NAME or OWNER/NAME."""
    path = Path(name)
    inside = len(path.parts) == 2 and path.parent.is_dir()
    return path.is_absolute() or name.startswith((".", "~")) or len(path.parts) > 2 or inside or path.exists()


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
    """The part of a model that reads text."""
    if model.config.is_encoder_decoder:
        return model.get_encoder()
    # The pooler makes one vector of a sentence, which no word is told of.
    if "add_pooling_layer" in inspect.signature(type(model)).parameters:
        model.pooler = None
    return model


def _limit(encoder: Any, tokenizer: Any) -> int | None:
    """How many pieces, special ones included, the model has positions for."""
    positions = getattr(encoder.config, "max_position_embeddings", None)
    table = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    first = getattr(table, "padding_idx", None)
    if positions is not None and first is not None:
        positions -= first + 1  # RoBERTa counts positions from its padding
    known = [limit for limit in (positions, tokenizer.model_max_length) if limit is not None and limit < 10**9]
    return min(known, default=None)
