"""What labels mean in words: the user's descriptions, or the words of the labels' own names."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from string import Formatter

from relx.data.vocabulary import Namespace
from relx.errors import ConfigError
from relx.registry import suggestion
from relx.utils.text import LONGEST_NAME, printable

_BORDERS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_TOKENS = re.compile(r"\w+|[^\w\s]")


def label_words(label: str) -> str:
    """Return the words of a label in lower case: ``Live_In`` is "live in", ``birthPlace`` is "birth place"."""
    return " ".join(filter(None, _BORDERS.split(label))).lower() or label


def escaped(text: str) -> str:
    """Write the braces of a text so that they are no placeholder of a description."""
    return text.replace("{", "{{").replace("}", "}}")


def tokens_of(text: str) -> list[str]:
    """Split a text of the head's own into words and punctuation."""
    return _TOKENS.findall(text)


def filled(text: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tokens of a description, with these tokens in place of its placeholders."""
    tokens: list[str] = []
    for literal, name, _, _ in Formatter().parse(text):
        tokens += tokens_of(literal)
        tokens += values[name] if name is not None else ()
    return tokens


def descriptions_of(
    labels: Iterable[str],
    given: Mapping[str, str] | None,
    argument: str,
    default: Callable[[str], str],
    placeholders: Sequence[str] = (),
) -> list[str]:
    """Return the description of each label: the given ones, or without any the ``default`` of each.

    Raises ValueError for labels that lack one, and for a description that does not fit.
    """
    labels = list(labels)
    if given is None:
        return [default(label) for label in labels]
    missing = [f"{label!r}{suggestion(label, given)}" for label in labels if label not in given]
    faults = [f"{label!r} {fault}" for label, text in given.items() if (fault := fault_of(text, placeholders))]
    if missing:
        faults.append(f"no description of {', '.join(missing)}; describe every label, or none to use the labels' words")
    if faults:
        raise ValueError(f"{argument}: {'; '.join(faults)}")
    return [given[label] for label in labels]


def fault_of(text: object, placeholders: Sequence[str]) -> str | None:
    """Return what is wrong with a description; None if it fits."""
    if not isinstance(text, str) or not tokens_of(text):
        return "has a description without words"
    try:
        parts = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        return f"has the description {printable(text, LONGEST_NAME)!r}: {error}; write {{{{ for a brace"
    strange = [name for name in parts if name not in placeholders]
    allowed = ", ".join(f"{{{name}}}" for name in placeholders) or "none"
    return f"has the unknown placeholder {{{strange[0]}}} in its description; known: {allowed}" if strange else None


def with_described(relations: Namespace, added: Mapping[str, str], placeholders: Sequence[str] = ()) -> Namespace:
    """Return the relations and, after them, those that are only described.

    Raises ConfigError with all that is wrong: a relation that is already known, a description that does not fit.
    """
    faults = []
    for name, text in added.items():
        if name in relations:
            faults.append(f"{name!r} is a relation that the model has learned; give another name")
        elif not name.strip():
            faults.append("a relation without a name")
        elif fault := fault_of(text, placeholders):
            faults.append(f"{name!r} {fault}")
    if faults:
        raise ConfigError("\n".join(f"added relation: {fault}" for fault in faults))
    return Namespace([*relations, *added])
