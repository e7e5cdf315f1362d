"""The least scores that a user asks for: for all, for a task, or for a type of entities or relations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relx.calibration.calibration import TASKS, Task
from relx.data.vocabulary import ENTITY_TYPES, RELATIONS, Vocabulary
from relx.errors import ConfigError
from relx.registry import nearest
from relx.utils.text import LONGEST_NAME, printable

MinScore = float | Mapping[str, float]


@dataclass(frozen=True)
class LeastScores:
    """Hold the least scores of one task: ``by_type``, and for all other types ``rest``. None is no bound."""

    rest: float | None = None
    by_type: Mapping[str, float] = field(default_factory=dict)


def resolve(given: MinScore | None, vocabulary: Vocabulary, added: Iterable[str] = ()) -> dict[Task, LeastScores]:
    """Return the bounds of both tasks; names are ``entities``, ``relations`` or a type that the model knows.

    ``added`` are types of relations that it knows besides those of its vocabulary. A name that is both a type of
    entities and of relations bounds both. Raises ConfigError with all that is wrong.
    """
    given = {} if given is None else given if isinstance(given, Mapping) else dict.fromkeys(TASKS, given)
    typed = vocabulary.facts.get(ENTITY_TYPES) == "data"
    known = {"entities": vocabulary.namespaces.get(ENTITY_TYPES) if typed else None}
    known["relations"] = vocabulary.namespaces.get(RELATIONS)
    types = {task: list(known[task] or ()) for task in TASKS}
    types["relations"] += added
    rest: dict[str, float] = {}
    by_type: dict[str, dict[str, float]] = {task: {} for task in TASKS}
    faults = []
    for name, score in given.items():
        tasks = [task for task in TASKS if name in (task, *types[task])]
        is_for_all = name in TASKS and all(given.get(task) is score for task in TASKS)
        shown = "" if is_for_all else f"{printable(str(name), LONGEST_NAME)}="
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            faults.append(f"{shown}{printable(str(score), LONGEST_NAME)}: expected a number from 0 to 1")
        if not tasks:
            faults.append(f"{shown}{score}: no such type{nearest(str(name), [*TASKS, *sum(types.values(), [])])}")
        for task in tasks:
            if name == task:
                rest[task] = score
            else:
                by_type[task][name] = score
    if faults:
        raise ConfigError("\n".join(f"minimum score {fault}" for fault in dict.fromkeys(faults)))
    return {task: LeastScores(rest.get(task), by_type[task]) for task in TASKS}


def parse(arguments: Sequence[str]) -> MinScore | None:
    """Read the values of ``--min-score``: SCORE or NAME=SCORE. Raises ConfigError for a name that is given twice.

    What is no number stays as it is, so that ``resolve`` reports it with all other faults.
    """
    found: dict[str | None, Any] = {}
    for argument in arguments:
        name, equals, value = argument.rpartition("=")
        key = name if equals else None
        if key in found:
            raise ConfigError(f"--min-score {printable(argument)}: given twice")
        try:
            found[key] = float(value)
        except ValueError:
            found[key] = value
    named = {name: score for name, score in found.items() if name is not None}
    if None in found:
        named = {**dict.fromkeys(TASKS, found[None]), **named}
    return named or None
