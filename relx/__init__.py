"""Extract entities and relations with one model: train experiments, load archives, evaluate and predict.

>>> run = relx.train("experiments/hmt_nyt10.jsonnet", hidden=100)
>>> model = relx.load(run.archive)
>>> model("Ada Lovelace was born in London.")
>>> relx.evaluate(run.archive, "fixtures/nyt10/test.json")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from relx.version import __version__

if TYPE_CHECKING:
    from relx.api import evaluate, load, train
    from relx.data.document import Document
    from relx.data.example import Example

__all__ = ["Document", "Example", "__version__", "evaluate", "load", "train"]
# These are imported when they are first used: torch takes seconds, and `relx --help` needs none of it.
_MODULES = {
    "Document": "relx.data.document",
    "Example": "relx.data.example",
    "evaluate": "relx.api",
    "load": "relx.api",
    "train": "relx.api",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'relx' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
