"""Kinds, registered components and their signatures. Knows neither torch nor language processing."""

from relx.registry.registrable import (
    Component,
    Kind,
    Registrable,
    components,
    describe,
    kind_of,
    kinds,
    lookup,
    nearest,
    registered_name,
    suggestion,
    type_name,
    with_article,
)
from relx.registry.signature import Injected, Lazy, Parameter, Part, Reference

__all__ = [
    "Component",
    "Injected",
    "Kind",
    "Lazy",
    "Parameter",
    "Part",
    "Reference",
    "Registrable",
    "components",
    "describe",
    "kind_of",
    "kinds",
    "lookup",
    "nearest",
    "registered_name",
    "suggestion",
    "type_name",
    "with_article",
]
