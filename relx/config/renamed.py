"""Names that earlier versions used. Using one is an error that gives the new name."""

from collections.abc import Container

VARIABLES = {"feed": "teacher_forcing", "form": "format", "match": "pair_scorer"}
"""Variables of experiments."""

KEYS = {
    "accumulate": "gradient_accumulation_steps",
    "averaging": "ema",
    "every": "validate_every",
    "feed": "teacher_forcing",
    "initialize": "init_from",
    "layer_decay": "layerwise_lr_decay",
    "match": "pair_scorer",
}
"""Keys of experiment files."""

VALUES = {"feed": "write true in place of 'gold' and false in place of 'own'"}
"""What to change in the value of a key whose meaning changed with its name."""

COMPONENTS = {
    "dependency_parser": {"chain": "linear_chain"},
    "pair_scorer": {"additive": "decomposed", "mlp": "pfn_mlp", "relu_sum": "concat_mlp"},
}
"""Registered names, by kind."""


def new_name(old: str, table: dict[str, str], known: Container[str]) -> str | None:
    """Return today's name of something, or None if the table has none or it is not among the ``known`` names."""
    new = table.get(old)
    return new if new in known else None
