"""How types and names are put to the user."""

import difflib
from collections.abc import Iterable

from relx.registry.registrable import kind_of
from relx.registry.signature import Either, ListOf, MapOf, Part, Schema


def type_name(schema: Schema) -> str:
    """A schema as a user reads it: ``list of seq2seq_encoder | null``."""
    match schema:
        case ListOf(item):
            return f"list of {type_name(item)}"
        case MapOf(value):
            return f"object of {type_name(value)}"
        case Either(options):
            return " | ".join(map(type_name, options))
        case Part(reference):
            kind = kind_of(reference)
            return kind.name if kind is not None else reference.name
    return str(schema)


def with_article(name: str) -> str:
    """``a head``, ``an optimizer``."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` when something known is close, else the known names."""
    known = list(known)
    return suggestion(name, known) or f"; known: {', '.join(sorted(known)) or 'none'}"


def suggestion(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``; did you mean 'x'?`` when something known is as close as ``cutoff`` (0 to 1), else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""
