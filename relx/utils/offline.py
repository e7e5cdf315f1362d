"""Keep the Hugging Face libraries from the network."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
