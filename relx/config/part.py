"""One part alone, as the command line names it."""

from typing import Any

from relx.config.build import build
from relx.config.check import require_valid, unregistered
from relx.config.jsonnet import parse_value
from relx.errors import ConfigError
from relx.registry import Kind, lookup


def build_part(kind: Kind, description: str | dict[str, Any], **injected: Any) -> Any:
    """The component of a name, or of an object with ``type`` as an experiment file has it (also as JSON text).

    Raises ConfigError for an unknown name and for arguments that do not fit.
    """
    value = parse_value(description) if isinstance(description, str) else description
    arguments = dict(value) if isinstance(value, dict) else {"type": value}
    name = arguments.pop("type", None)
    component = lookup(kind, name) if isinstance(name, str) else None
    if component is None:
        known = unregistered(name, kind) if isinstance(name, str) else f"{name!r} is not a registered {kind.name}"
        raise ConfigError(known)
    require_valid(arguments, component.reference, f"{kind.name} {name!r}")
    return build(arguments, component.reference, **injected)
