"""What must hold of every head."""

from collections.abc import Sequence
from typing import Any

from relx.data.example import Entity, Example, Relation
from relx.model import JointExtractor
from relx.scoring import find_protocol
from relx.scoring.protocols import Key
from relx.testing.checks import require, shown
from relx.testing.model import Description, ModelTestCase
from relx.training.oracle import oracle_decode


class HeadTestCase(ModelTestCase):
    """The tests of a head, which ``head`` describes as an experiment file does, over vectors of single words.

    Besides those of a model: what ``targets`` writes, ``decode`` reads, as ``protocol`` counts triples. A scheme that
    finds only the last word of a mention is tested under ``last_word``.
    """

    head: Description
    protocol: str = "exact_span"
    embedder: Description = {"type": "words", "dim": 12}

    def description(self) -> Description:
        """The embedder and the head."""
        return {"embedder": self.embedder, "head": self.head}

    def test_its_targets_decode_to_gold(self) -> None:
        """Every gold relation is decoded, or listed as lost with its cause; nothing else is."""
        head = self.build().head
        decoded = oracle_decode(head, self.copies())
        for gold, found in zip(self.sentences, decoded, strict=True):
            lost = self._triples(gold, [relation for relation, _ in head.targets(gold).lost])
            wanted, read = self._triples(gold, gold.relations), self._triples(found, found.relations)
            where = f"of {shown(gold)}, decode(oracle(targets))"
            missing = wanted - lost - read
            require(not missing, f"{where} lacks {missing}; what a scheme cannot hold, `targets` lists as lost")
            require(read <= wanted, f"{where} holds {read - wanted}, which are not gold")
            stray = [e.span for e in found.entities if not any(_within(e, other) for other in gold.entities)]
            require(not stray, f"{where} finds entities at {stray}, where gold has none")
        require(any(found.relations for found in decoded), "no gold relation at all is decoded: the scheme is empty")

    def _triples(self, example: Example, relations: Sequence[Relation]) -> set[Key]:
        key = find_protocol(self.protocol).key
        return {key(example, relation) for relation in relations if relation.located}

    def test_gold_that_it_cannot_know_is_listed_as_lost(self) -> None:
        """Data to be scored hold types that training did not show, and mentions that were not found."""
        model = self.build()
        for gold, why in _unknowable():
            lost: Sequence[Any] = model.head.targets(gold).lost
            listed = [relation for relation, _ in lost] == gold.relations
            require(listed, f"targets lists {len(lost)} of 1 relations as lost, where {why}")
            require(not _decoded(model, gold).relations, f"decode(oracle(targets)) holds a relation where {why}")


def _within(entity: Entity, other: Entity) -> bool:
    return other.span[0] <= entity.span[0] and entity.span[1] <= other.span[1]


def _decoded(model: JointExtractor, example: Example) -> Example:
    return oracle_decode(model.head, [example])[0]


def _unknowable() -> list[tuple[Example, str]]:
    ada, rome, nowhere = Entity(0, 1, "PER"), Entity(2, 3, "LOC"), Entity(None, None, "LOC", text="Rome")
    tokens = ["Ada", "near", "Rome"]
    tree: dict[str, Any] = {"pos_tags": ["NNP"] * 3, "heads": [0, 1, 2], "deprels": ["root", "dep", "dep"]}
    return [
        (Example(tokens, [ada, rome], [Relation(ada, "unheard_of", rome)], **tree), "training lacks its type"),
        (Example(tokens, [ada, nowhere], [Relation(ada, "born_in", nowhere)], **tree), "a mention was not located"),
    ]
