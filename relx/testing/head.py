"""What must hold of every head."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from relx import config
from relx.data.example import Entity, Example, Relation, relatable
from relx.errors import ConfigError
from relx.heads.head import Head, Thresholds
from relx.heads.pair_scorers import PairScorer
from relx.model import JointExtractor
from relx.scoring import find_protocol
from relx.scoring.protocols import Key
from relx.testing.checks import fail, require, require_same, shown
from relx.testing.model import LEAKS, LOADER, MODEL, Description, ModelTestCase, labeled
from relx.training.checks.oracle import oracle_decode

# Two relations of one ordered pair of mentions; a relation in both directions, and another one back.
SHARED_PAIRS = (
    labeled("Grace Hopper founded Acme Corp .", ((0, 2, "PER"), "works_for", (3, 5, "ORG")),
             ((0, 2, "PER"), "founded", (3, 5, "ORG"))),
    labeled("Ada Lovelace and Alan Turing know each other .", ((0, 2, "PER"), "knows", (3, 5, "PER")),
             ((3, 5, "PER"), "knows", (0, 2, "PER"))),
    labeled("Edith Stein owns New Intel .", ((0, 2, "PER"), "founded", (3, 5, "ORG")),
             ((3, 5, "ORG"), "belongs_to", (0, 2, "PER"))),
)  # fmt: skip

# Two pairs of one relation: no score f(head) + g(tail) holds them without one of the two pairs across.
CROSSING = labeled("Mira likes Turku , and Pavel likes Bergen .", ((0, 1, "PER"), "likes", (2, 3, "LOC")),
                   ((5, 6, "PER"), "likes", (7, 8, "LOC")))  # fmt: skip

# So many times the steps of the case are the most that learning by heart may take.
BY_HEART = 10

# Nearly everything that has a score reaches this threshold.
LEAST_THRESHOLD = 1e-30


class HeadTestCase(ModelTestCase):
    """The tests of a head, which ``head`` describes as an experiment file does, over vectors of single words.

    Besides those of a model, they test that decoding reads what ``targets`` writes, as ``protocol`` counts triples. Set
    ``protocol`` to ``last_word`` for a scheme that finds only the last word of a mention. Set ``encoder`` for a head
    that cannot learn a sentence without context, for example because it reads marked text.
    """

    head: Description
    protocol: str = "exact_span"
    embedder: Description = {"type": "words", "dim": 12}
    encoder: Description | None = None

    def description(self) -> Description:
        """Return the embedder, the encoder if there is one, and the head."""
        described = {"embedder": self.embedder, "head": self.head}
        return described if self.encoder is None else {**described, "encoder": self.encoder}

    def test_its_targets_decode_to_gold(self) -> None:
        """Every gold relation is decoded, or listed as lost with its cause; nothing else is."""
        head = self.build().head
        self._require_decoded(head, self.copies())
        found = any(self._labels(head, example) for example in oracle_decode(head, self.copies()))
        require(found, "no gold label at all is decoded: the scheme is empty")

    def test_relations_that_share_their_mentions_come_back(self) -> None:
        """A pair may have two relations, and relations in both directions: these are returned, or declared as lost.

        The oracle returns them, or ``targets`` lists them as lost. A model that has learned them returns them, unless
        ``limits`` says that no weights do.
        """
        sentences = copy.deepcopy(list(SHARED_PAIRS))
        model = self.build([*self.copies(), *sentences])
        self._require_decoded(model.head, sentences)
        held = oracle_decode(model.head, sentences)
        chosen = [s for s, found in zip(sentences, held, strict=True) if not model.head.limits(found)]
        if chosen:
            self._require_learned(model, chosen)

    def _require_decoded(self, head: Head, sentences: Sequence[Example]) -> None:
        for gold, found in zip(sentences, oracle_decode(head, sentences), strict=True):
            targets = head.targets(gold)
            not_held = replace(
                gold, relations=[r for r, _ in targets.lost], entities=[e for e, _ in targets.lost_entities]
            )
            lost, wanted, read = (self._labels(head, example) for example in (not_held, gold, found))
            where = f"of {shown(gold)}, the oracle"
            missing = wanted - lost - read
            require(not missing, f"{where} lacks {missing}; what a scheme cannot hold, `targets` lists as lost")
            require(read <= wanted, f"{where} holds {read - wanted}, which are not gold")
            stray = [e.span for e in found.entities if not any(_within(e, other) for other in gold.entities)]
            require(not stray, f"{where} finds entities at {stray}, where gold has none")

    def test_it_learns_every_relation_by_heart(self) -> None:
        """A model that has learned sentences by heart returns what their targets decode to, of every relation type."""
        model = self.build()
        self._require_learned(model, _of_every_type(model, self.copies()))

    def _require_learned(self, model: JointExtractor, chosen: Sequence[Example]) -> None:
        wanted = [self._labels(model.head, example) for example in oracle_decode(model.head, chosen)]
        missing: set[Key] = set()
        for _ in range(BY_HEART):
            self._trained(model, self.steps, chosen)
            read = [self._labels(model.head, example) for example in model.extract(chosen, LOADER)]
            missing = {key for keys, found in zip(wanted, read, strict=True) for key in keys - found}
            if not missing:
                return
        fail(
            f"after {BY_HEART * self.steps} steps of Adam on {len(chosen)} sentences it does not predict {missing}, "
            "which it was trained on. Make sure that forward scores every relation, that loss asks for the targets, "
            "and that decode reads the logits as targets wrote them. If no weights return these together, say so in "
            "`limits`. A head that needs context needs an `encoder` here"
        )

    def test_lower_thresholds_only_add_relations(self) -> None:
        """What a head finds by itself, it also finds at a lower threshold of relations, with the same scores."""
        model = self._talking()
        plain = model.extract(self.copies(), LOADER)
        lowered = model.extract(self.copies(), LOADER, at=Thresholds(1.0, 0.05))
        for own, more in zip(plain, lowered, strict=True):
            lost = [shown(own) for relation in own.relations if not any(_equal(relation, r) for r in more.relations)]
            require(not lost, f"at a lower threshold it loses relations of {lost[:1]}; read self.thresholds in decode")

    def test_lower_thresholds_find_more(self) -> None:
        """A head with a threshold sets ``thresholds``, and decodes what reaches lower ones: calibration needs both."""
        model = self._talking()
        own = model.head.thresholds
        found = model.extract(self.copies(), LOADER)
        for labels in (name for name, threshold in own._asdict().items() if threshold):
            lowered = Thresholds(1.0, 1.0)._replace(**{labels: LEAST_THRESHOLD})
            require(
                _count(model.extract(self.copies(), LOADER, at=lowered), labels) > _count(found, labels),
                f"at the threshold {LEAST_THRESHOLD} of {labels} it finds no more of them than at its own, "
                f"{getattr(own, labels)}; read self.thresholds.{labels} in decode, so that calibration can lower it",
            )
        for name in () if any(own) else self._thresholds_with_effect(model):
            fail(
                f"its argument {name} decides what it returns, but its thresholds are 0, so that calibration cannot "
                f"lower them; set self.thresholds = Thresholds(relations={name}) in the constructor, and read it in "
                "decode"
            )

    def _thresholds_with_effect(self, model: JointExtractor) -> Iterator[str]:
        """Find the arguments ``threshold`` and ``..._threshold`` with which the head finds more if they are low."""
        found = model.extract(self.copies(), LOADER)
        for name, value in config.fill(self.description(), MODEL)["head"].items():
            if not (name.endswith("threshold") and value):
                continue
            case = copy.copy(self)
            case.head = {**self.head, name: LEAST_THRESHOLD}
            try:
                lowered = case.build()
            except ConfigError:  # it has no effect beside the other arguments
                continue
            lowered.load_state_dict(model.state_dict())
            more = lowered.eval().extract(self.copies(), LOADER)
            if any(_count(more, labels) > _count(found, labels) for labels in Thresholds._fields):
                yield name

    def test_it_declares_the_limits_of_its_pair_scorers(self) -> None:
        """A head with a pair scorer that is a sum says that no weights return two pairs of a relation, and no other."""
        head = self.build([*self.copies(), copy.deepcopy(CROSSING)]).head
        sums = [name for name, part in head.named_children() if isinstance(part, PairScorer) and part.is_sum]
        [held] = oracle_decode(head, [copy.deepcopy(CROSSING)])
        require(
            not sums or len(held.relations) < 2 or bool(head.limits(held)),
            f"{', '.join(sums)} is a sum f(head) + g(tail), so that no weights return the two relations of "
            f"{shown(CROSSING)} alone, but `limits` does not say so: return what `limits` of the pair scorer returns",
        )

    def _labels(self, head: Head, example: Example) -> set[Key]:
        """Return the triples of a sentence, or its entities if the head finds no relations."""
        if not head.finds_relations:
            return {(entity.span, entity.type or "", None) for entity in example.entities if entity.located}
        key = find_protocol(self.protocol).key
        return {key(example, relation) for relation in example.relations if relation.located}

    def test_it_relates_given_entities(self) -> None:
        """A head that relates given entities returns these as they are, and relations between them only."""
        if not self.build().head.relates_given:
            return
        model = self._talking()
        given = [*self.copies(), *_few_entities()]
        said = model.relate(given, LOADER)
        for sentence, found in zip(given, said, strict=True):
            where = f"given the entities of {shown(sentence)}"
            require(found.entities == sentence.entities, f"{where}, it returns the entities {found.entities}")
            stray = [r for r in found.relations if not {r.head, r.tail} <= {*relatable(sentence)}]
            require(not stray, f"{where}, it relates other mentions: {stray}")
        alone = [model.relate([sentence], LOADER)[0] for sentence in given]
        require_same(alone, said, "given entities, alone and in a batch it says different things", LEAKS)
        bare = [replace(sentence, relations=[]) for sentence in given]
        require_same(said, model.relate(bare, LOADER), "given entities, it reads the gold relations too", LEAKS)

    def test_gold_that_it_cannot_know_is_listed_as_lost(self) -> None:
        """Data to be scored hold types that training did not show, and mentions that were not found."""
        model = self.build()
        for gold, why in _unknowable():
            lost: Sequence[Any] = model.head.targets(gold).lost
            listed = [relation for relation, _ in lost] == gold.relations
            require(listed, f"targets lists {len(lost)} of 1 relations as lost, where {why}")
            require(not _decoded(model, gold).relations, f"the oracle holds a relation where {why}")


def _of_every_type(model: JointExtractor, examples: Sequence[Example]) -> list[Example]:
    """Return the first sentence of each type among those whose relations the head can return together."""
    chosen: dict[str, Example] = {}
    for example, held in zip(examples, oracle_decode(model.head, examples), strict=True):
        labels: Sequence[Relation | Entity] = held.relations if model.head.finds_relations else held.entities
        for label in [] if model.head.limits(held) else labels:
            chosen.setdefault(label.type or "", example)
    return list({id(example): example for example in chosen.values()}.values())


def _count(examples: Iterable[Example], labels: str) -> int:
    """Count the ``entities`` or the ``relations`` of sentences."""
    return sum(len(getattr(example, labels)) for example in examples)


def _equal(one: Relation, other: Relation) -> bool:
    """Return whether two relations are equal, and nearly equally probable."""
    spans = (one.head.span, one.type, one.tail.span), (other.head.span, other.type, other.tail.span)
    return spans[0] == spans[1] and abs((one.score or 0) - (other.score or 0)) < 1e-4


def _within(entity: Entity, other: Entity) -> bool:
    return other.span[0] <= entity.span[0] and entity.span[1] <= other.span[1]


def _decoded(model: JointExtractor, example: Example) -> Example:
    return oracle_decode(model.head, [example])[0]


def _few_entities() -> list[Example]:
    """Return sentences with no entity, with one, with a nested one, with one twice, and with one without a place."""
    tokens = ["Ada", "Lovelace", "was", "born", "in", "London", "."]
    tree: dict[str, Any] = {
        "pos_tags": ["NNP"] * 7,
        "dependency_heads": [0, 1, 2, 3, 4, 5, 6],
        "deprels": ["root"] + ["dep"] * 6,
    }
    ada, last_name, london = Entity(0, 2, "PER"), Entity(1, 2, "PER"), Entity(5, 6, "LOC")
    again, nowhere = Entity(5, 6, "ORG"), Entity(None, None, "LOC", text="Rome")
    entities = [[], [ada], [london, last_name, ada], [ada, london, again], [nowhere, london, ada]]
    return [Example(tokens, of_sentence, **tree) for of_sentence in entities]


def _unknowable() -> list[tuple[Example, str]]:
    ada, rome, nowhere = Entity(0, 1, "PER"), Entity(2, 3, "LOC"), Entity(None, None, "LOC", text="Rome")
    tokens = ["Ada", "near", "Rome"]
    tree: dict[str, Any] = {"pos_tags": ["NNP"] * 3, "dependency_heads": [0, 1, 2], "deprels": ["root", "dep", "dep"]}
    return [
        (Example(tokens, [ada, rome], [Relation(ada, "unheard_of", rome)], **tree), "training lacks its type"),
        (Example(tokens, [ada, nowhere], [Relation(ada, "born_in", nowhere)], **tree), "a mention was not located"),
    ]
