"""What an archive records of the precision in which its transformer predicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from relx.data.json_validation import BadRecord, only_keys, required

Precision = Literal["bf16", "int8", "float32"]

# The precision of the products of each transformer layer, and that of the last product of its feed-forward network.
SCHEMES: dict[str, tuple[Precision, Precision]] = {
    "bf16": ("bf16", "bf16"),
    "int8": ("int8", "int8"),
    "int8_bf16": ("int8", "bf16"),
    "int8_float32": ("int8", "float32"),
}
MEANINGS = {
    "bf16": "bfloat16",
    "int8": "int8",
    "int8_bf16": "int8, the last product of each layer bfloat16",
    "int8_float32": "int8, the last product of each layer float32",
}
_RATIOS = ("f1", "f1_float32", "entity_f1", "entity_f1_float32", "speed")


@dataclass(frozen=True)
class Quantization:
    """Hold the scheme in which a transformer predicts, and how it compared with float32 on validation data.

    ``f1`` and ``entity_f1`` are those of relations and entities with thresholds that were fitted again, from 0 to 1.
    ``speed`` is the number of sentences a second of processor time relative to float32. ``changed`` counts the triples
    that only one of the two predicts.
    """

    scheme: str
    f1: float
    f1_float32: float
    entity_f1: float
    entity_f1_float32: float
    speed: float
    changed: int

    @property
    def needs_bf16(self) -> bool:
        """Whether some products are bfloat16, which a processor without instructions for it takes in float32."""
        return "bf16" in SCHEMES[self.scheme]

    def summary(self) -> str:
        """Return all this in one line."""
        return (
            f"{MEANINGS[self.scheme]}: {self.speed:.1f} times as fast as float32 and F1 {100 * self.f1:.1f} (float32: "
            f"{100 * self.f1_float32:.1f}) where it was chosen, {self.changed:,} triples changed"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``quantization.json``."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Quantization":
        """Read ``quantization.json``. Raises BadRecord for content of any other form."""
        only_keys(record, ("scheme", *_RATIOS, "changed"))
        scheme = required(record, "scheme", str)
        if scheme not in SCHEMES:
            raise BadRecord(f"scheme: expected one of {', '.join(SCHEMES)}, got {scheme!r}")
        ratios: Mapping[str, float] = {name: required(record, name, float) for name in _RATIOS}
        return cls(scheme, changed=required(record, "changed", int), **ratios)
