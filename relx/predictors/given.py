"""The entities between which a model predicts relations: those of the input, or the names of a list."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from relx.annotators.gazetteer import Gazetteer
from relx.data.example import Example, relatable
from relx.errors import ConfigError, DataError
from relx.heads.head import Head
from relx.registry import components, registered_name
from relx.utils.text import counted, printable_lines

NO_PLACE = "without a place in the sentence"
SAME_TOKENS = "with the tokens of another one"
FEW = "with fewer than two entities"


class GivenEntities:
    """Prepare sentences for the prediction of relations between given entities, and count what has no relations.

    The entities are those of each sentence, or the names of a ``gazetteer`` that it holds. ``left_out`` counts entities
    that are in no relation, and sentences with fewer than two, by cause. Raises ConfigError for a head that does not
    predict relations between given entities, and for types of the gazetteer that it does not know.
    """

    def __init__(self, head: Head, gazetteer: Gazetteer | None = None) -> None:
        if not head.relates_given:
            raise ConfigError(
                f"the head {registered_name(head)!r} finds its entities itself and does not predict relations between "
                f"given ones; these heads do: {', '.join(relating())}"
            )
        self.head = head
        self.gazetteer = gazetteer
        self.entities = self.sentences = 0
        self.left_out: Counter[str] = Counter()
        samples = [] if gazetteer is None else gazetteer.samples
        faults = [f"the name {entity.text!r}: {fault}" for entity in samples if (fault := head.fault_of_given(entity))]
        if faults:
            raise ConfigError(printable_lines("\n".join(faults)))

    def __call__(self, examples: Sequence[Example]) -> list[Example]:
        """Return the sentences with the entities to relate. Raises DataError for those that the head cannot read."""
        if self.gazetteer is not None:
            examples = [self.gazetteer.annotate(example) for example in examples]
        faults = [
            f"entities[{i}]: {fault}"
            for example in examples
            for i, entity in enumerate(example.entities)
            if (fault := self.head.fault_of_given(entity)) is not None
        ]
        if faults:
            raise DataError(*faults)
        self._count(examples)
        return [replace(example, relations=[]) for example in examples]

    def summary(self, unit: str = "sentence") -> str:
        """Return how many entities and sentences were given, and how many of them cannot have relations.

        ``unit`` is what the model read at once: an entity in several windows counts in each of them.
        """
        return given_summary(self.counts(), unit)

    def counts(self) -> dict[str, int]:
        """Return the numbers of entities and sentences, and of those without relations by cause."""
        return {"entities": self.entities, "sentences": self.sentences, **self.left_out}

    def _count(self, examples: Sequence[Example]) -> None:
        for example in examples:
            located = sum(entity.located for entity in example.entities)
            usable = len(relatable(example))
            self.sentences += 1
            self.entities += len(example.entities)
            self.left_out[NO_PLACE] += len(example.entities) - located
            self.left_out[SAME_TOKENS] += located - usable
            self.left_out[FEW] += usable < 2


def given_summary(counts: Mapping[str, int], unit: str) -> str:
    """Return what ``GivenEntities.summary`` says, for the sums of the ``counts`` of several."""
    nouns = {NO_PLACE: "entity", SAME_TOKENS: "entity", FEW: unit}
    given = f"{counted(counts['entities'], 'entity')} given in {counted(counts['sentences'], unit)}"
    causes = [
        f"  no relations: {counted(counts[cause], noun)} {cause}" for cause, noun in nouns.items() if counts.get(cause)
    ]
    return "\n".join([given, *causes])


def relating() -> list[str]:
    """Return the names of the heads that predict relations between given entities."""
    heads: dict[str, Any] = {name: component.load() for name, component in components(Head.__kind__).items()}
    return sorted(name for name, head in heads.items() if head.relations_between is not Head.relations_between)
