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

MOVED = {
    ("dataset_reader", "sentences"): (
        "was removed; what ends a sentence is now a part of the experiment: give the top level "
        "sentence_splitter: { type: 'rules' } in place of 'marks', { type: 'lines' } in place of 'lines'"
    )
}
"""What to write in place of a key that a kind of component had, and that has no successor there."""

COMPONENTS = {
    "dataset_reader": {"label_studio": "labelstudio"},
    "dependency_parser": {"chain": "linear_chain"},
    "pair_scorer": {"additive": "decomposed", "mlp": "pfn_mlp", "relu_sum": "concat_mlp"},
}
"""Registered names, by kind."""


def new_component(old: str, kind: str, known: Container[str]) -> str | None:
    """Return today's name of a registered component of a kind, or None as ``new_name`` does."""
    return new_name(old, COMPONENTS.get(kind, {}), known)


def new_name(old: str, table: dict[str, str], known: Container[str]) -> str | None:
    """Return today's name of something, or None unless ``known`` has the new name and not the old one.

    A file or a plugin may thus use an old name for something of its own.
    """
    new = table.get(old)
    return new if new in known and old not in known else None
