"""The configuration of a transformer encoder: which types relx reads, and which of their settings."""

import inspect
from collections.abc import Mapping
from typing import Any

from relx.errors import RelxError

# Encoders of text whose classes build themselves from their own settings alone. A type with a backbone, with code of
# its own, or whose construction takes time that the weights do not bound (sinusoidal tables) is not among them.
ENCODERS = (
    "albert", "bart", "bert", "bert-generation", "big_bird", "camembert", "convbert", "data2vec-text", "deberta",
    "deberta-v2", "distilbert", "electra", "ernie", "eurobert", "ibert", "jina_embeddings_v3", "longformer", "longt5",
    "mbart", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mt5", "nomic_bert", "nystromformer", "rembert",
    "roberta", "roberta-prelayernorm", "splinter", "squeezebert", "switch_transformers", "t5", "umt5", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
)  # fmt: skip
# What the weights replace (distilbert), and the half of a model that is not built for its encoder.
FIXED = {"sinusoidal_pos_embds": False, "num_decoder_layers": 1, "decoder_layers": 1}
MOST_LAYERS = 1_000
LARGEST = 2**31
LONGEST_TEXT = 100
LONGEST_LIST = 1_000
DEEPEST = 3


def encoder_config(settings: Mapping[str, Any]) -> Any:
    """The library's configuration of these settings, of which only those that the encoder's type declares are taken.

    Those that every type has (labels, names, the form of the output, code of its own) are left out. Raises RelxError
    for another type, and for a value that is no plain number, text or short list, or is beyond any encoder's size.
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
    """Raise RelxError for what no setting of an encoder can be."""
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
