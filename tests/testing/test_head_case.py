"""The test case of heads passes a good head, and says of a bad one what is wrong with it."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.errors import ConfigError
from relx.heads.head import Encode, Head, HeadOutput, Targets, Thresholds
from relx.heads.rin import RIN
from relx.limits import Limit
from relx.registry import Injected
from relx.testing import SENTENCES, EmbedderTestCase, HeadTestCase, ModelTestCase, Seq2VecEncoderTestCase

pytestmark = pytest.mark.usefixtures("registry")
GOOD = {"type": "rin", "rounds": 0}


class IdleWeight(RIN):
    def __init__(self, input_dim: Injected[int], vocabulary: Injected[Vocabulary], rounds: int) -> None:
        super().__init__(input_dim, vocabulary, rounds)
        self.idle = nn.Parameter(torch.ones(1))


class AWeightTimesZero(IdleWeight):
    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        scores = super().forward(batch, encode)
        return {**scores, "entity": scores["entity"] + 0 * self.idle}


class NeighborsRead(RIN):
    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        scores = super().forward(batch, encode)
        return {**scores, "entity": scores["entity"] - scores["entity"].mean(dim=0)}


class NoMean(RIN):
    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        return super().loss(output, batch) * len(batch)


class LossForEachSentence(RIN):
    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        return super().loss(output, batch).expand(len(batch))


class DividedByLength(RIN):
    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        return super().loss(output, batch) + (output["entity"].sum(dim=(1, 2)) / batch.mask.sum(dim=1)).mean()


class NothingToLearn(RIN):
    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        return 0 * super().loss(output, batch) + 1 + sum(p.square().sum() / 1e6 for p in self.parameters())


class ForgottenWhenSaved(RIN):
    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        scores = super().forward(batch, encode)
        self.drawn = getattr(self, "drawn", 5 * torch.randn(scores["entity"].shape[-1]))
        return {**scores, "entity": scores["entity"] + self.drawn}


class GoldRead(RIN):
    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        return [replace(example) for example in batch.examples]


class InputChanged(RIN):
    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        for example in batch.examples:
            example.relations.clear()
        return super().decode(output, batch)


class SilentLoss(RIN):
    def targets(self, example: Example) -> Targets:
        kept = replace(example, relations=example.relations[1:])
        return replace(super().targets(kept), lost=[])


class NeverScored(RIN):
    """What it has learned never contains one of the relations, although the oracle's answer does."""

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        said = super().decode(output, batch)
        return [replace(e, relations=[r for r in e.relations if r.type != "works_for"]) for e in said]


def _last_of(relations: list[Relation], pair: Callable[[Relation], Any]) -> list[Relation]:
    return list({pair(relation): relation for relation in relations}.values())


class OneRelationOfAPair(RIN):
    """Of a pair with several relations it returns one, although the oracle returns all."""

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        said = super().decode(output, batch)
        return [replace(e, relations=_last_of(e.relations, lambda r: (r.head, r.tail))) for e in said]


class OneDirectionOfAPair(RIN):
    """Of relations in both directions it returns one, although the oracle returns both."""

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        said = super().decode(output, batch)
        return [
            replace(e, relations=list({frozenset((r.head, r.tail)): r for r in e.relations}.values())) for e in said
        ]


class OneTargetOfAPair(RIN):
    """It learns one relation of a pair, and does not list the others as lost."""

    def targets(self, example: Example) -> Targets:
        return super().targets(
            replace(example, relations=list({(r.head, r.tail): r for r in example.relations}.values()))
        )


class MadeUp(RIN):
    def oracle(self, batch: Batch) -> list[Example]:
        said = super().oracle(batch)
        said[0].relations.append(Relation(Entity(0, 1), "born_in", Entity(0, 1)))
        return said


class EntitiesInEmptySentences(RIN):
    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        return [replace(e, entities=SENTENCES[0].entities) for e in super().decode(output, batch)]


class OwnThreshold(RIN):
    """It decodes by a threshold of its own, so that no calibration reaches it."""

    def __init__(self, input_dim: Injected[int], vocabulary: Injected[Vocabulary], rounds: int, threshold: float = 0.5):
        super().__init__(input_dim, vocabulary, rounds)
        self.threshold, self.thresholds = threshold, Thresholds()

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        cells, probs = self.pair_scorer.predict(output["relation"], batch.mask, self.threshold)
        return self.read(output["entity"], cells, probs, batch)


class FixedThreshold(RIN):
    """It sets its thresholds, and does not read them."""

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        cells, probs = self.pair_scorer.predict(output["relation"], batch.mask, 0.5)
        return self.read(output["entity"], cells, probs, batch)


class NoLimits(RIN):
    """Its pair scorer is a sum, which it does not declare."""

    def limits(self, held: Example) -> list[Limit]:
        return []


def failure(head: type[Head], test: str) -> str:
    Head.register("bad")(head)
    case = type("Case", (HeadTestCase,), {"head": {"type": "bad", "rounds": 0}})()
    with pytest.raises(AssertionError) as caught:
        getattr(case, f"test_{test}")()
    return str(caught.value)


SHARING = "relations_that_share_their_mentions_come_back"
ALIKE = "a_sentence_is_treated_alike_alone_and_in_a_batch"
BAD: list[tuple[type[Head], str, str]] = [
    (AWeightTimesZero, "a_gradient_reaches_every_weight", "the gradient of head.idle is zero everywhere"),
    (NeighborsRead, ALIKE, "multiply by batch.mask before you sum"),
    (NoMean, "the_loss_is_a_mean_over_sentences", "the loss of 'Ada Lovelace was born in London .' beside a longer"),
    (LossForEachSentence, "it_trains", "has the shape [8]; it must be a scalar"),
    (DividedByLength, "empty_sentences_and_single_tokens", "look for a division by zero"),
    (NothingToLearn, "it_trains", "it should have halved. Try another `lr`"),
    (ForgottenWhenSaved, "saved_and_loaded_it_says_the_same", "it says something else after it was saved and loaded"),
    (GoldRead, "labels_are_not_looked_at", "Read them in `targets` only"),
    (InputChanged, "labels_are_not_looked_at", "decode must make new Examples (prediction())"),
    (SilentLoss, "its_targets_decode_to_gold", "what a scheme cannot hold, `targets` lists as lost"),
    (SilentLoss, "gold_that_it_cannot_know_is_listed_as_lost", "lists 0 of 1 relations as lost, where training lacks"),
    (NeverScored, "it_learns_every_relation_by_heart", "it does not predict {((10, 12), 'works_for', (0, 2))}"),
    (OneRelationOfAPair, SHARING, "it does not predict {((0, 2), 'works_for', (3, 5))}"),
    (OneDirectionOfAPair, SHARING, "((0, 2), 'founded', (3, 5))"),
    (OneTargetOfAPair, SHARING, "the oracle lacks {((0, 2), 'works_for', (3, 5))}"),
    (MadeUp, "its_targets_decode_to_gold", "holds {((0, 1), 'born_in', (0, 1))}, which are not gold"),
    (EntitiesInEmptySentences, "empty_sentences_and_single_tokens", "in a sentence without tokens"),
]


def test_a_good_head_passes() -> None:
    HeadTestCase.check(head=GOOD)


@pytest.mark.slow
@pytest.mark.parametrize(("head", "test", "message"), BAD, ids=[f"{head.__name__}-{test}" for head, test, _ in BAD])
def test_a_bad_head_is_told_what_to_do(head: type[Head], test: str, message: str) -> None:
    assert message in failure(head, test)


def test_a_weight_that_the_loss_never_sees_is_named() -> None:
    message = failure(IdleWeight, "a_gradient_reaches_every_weight")
    assert message.startswith("head.idle gets no gradient: the loss does not depend on it. Use it in forward, ")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (OwnThreshold, "argument threshold decides what it returns, but its thresholds are 0"),
        (FixedThreshold, "of relations it finds no more of them than at its own, 0.5; read self.thresholds.relations"),
    ],
)
def test_a_head_whose_thresholds_cannot_be_lowered_fails(head: type[Head], message: str) -> None:
    assert message in failure(head, "lower_thresholds_find_more")


def test_a_head_that_is_silent_on_the_limits_of_its_scorer_fails() -> None:
    message = failure(NoLimits, "it_declares_the_limits_of_its_pair_scorers")
    assert message.startswith("pair_scorer is a sum f(head) + g(tail), so that no weights return the two relations of")


def test_triples_are_compared_under_a_protocol() -> None:
    class LastWord(RIN):
        def oracle(self, batch: Batch) -> list[Example]:
            return [_last_words(example) for example in super().oracle(batch)]

    Head.register("bad")(LastWord)
    case = type("Case", (HeadTestCase,), {"head": {"type": "bad", "rounds": 0}})()
    with pytest.raises(AssertionError, match="lacks"):
        case.test_its_targets_decode_to_gold()
    case.protocol = "last_word"
    case.test_its_targets_decode_to_gold()


def _last_words(example: Example) -> Example:
    def last(entity: Entity) -> Entity:
        return entity._replace(start=entity.span[1] - 1)

    relations = [r._replace(head=last(r.head), tail=last(r.tail)) for r in example.relations]
    return replace(example, entities=list(map(last, example.entities)), relations=relations)


def test_every_failure_is_listed() -> None:
    Head.register("bad")(SilentLoss)
    with pytest.raises(AssertionError) as caught:
        HeadTestCase.check(head={"type": "bad", "rounds": 0})
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 of 16 tests failed" and len(lines) == 4


class Crashing(RIN):
    def read(self, *found: Any) -> list[Example]:
        raise KeyError("no such row")


class CrashingBelow(RIN):
    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        return nn.functional.linear(torch.ones(1, 2), torch.ones(1, 3)).sum()


def test_whatever_a_test_raises_is_a_failure_and_the_others_still_run() -> None:
    Head.register("bad")(Crashing)
    with pytest.raises(AssertionError) as caught:
        HeadTestCase.check(head={"type": "bad", "rounds": 0})
    count, *lines = str(caught.value).splitlines()
    assert count == f"{len(lines)} of 16 tests failed" and 3 < len(lines) < 16
    assert any(line.startswith("test_its_targets_decode_to_gold: KeyError: 'no such row' (") for line in lines)
    assert all(line.endswith(", in read)") and "test_head_case.py:" in line for line in lines)


def test_the_place_is_the_authors_and_not_torchs() -> None:
    Head.register("bad")(CrashingBelow)
    with pytest.raises(AssertionError, match=r"test_it_trains: RuntimeError: .*/test_head_case.py:\d+, in loss\)"):
        HeadTestCase.check(head={"type": "bad", "rounds": 0})


@pytest.mark.parametrize(
    ("case", "lacking"),
    [
        (HeadTestCase, "head"),
        (ModelTestCase, "model"),
        (EmbedderTestCase, "embedder"),
        (Seq2VecEncoderTestCase, "encoder"),
    ],
)
def test_without_what_it_is_to_test_it_says_what_to_set(case: type[ModelTestCase], lacking: str) -> None:
    message = f"{case.__name__} has no '{lacking}' to test: check({lacking}={{'type': ...}})"
    with pytest.raises(TypeError, match=re.escape(message)):
        case.check()


def test_a_description_that_does_not_fit_is_the_error_of_an_experiment() -> None:
    with pytest.raises(ConfigError, match=r"head\.round: unknown key; did you mean 'rounds'"):
        HeadTestCase.check(head={"type": "rin", "round": 1})


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(
        TypeError, match="HeadTestCase has no setting 'heads'; it has embedder, encoder, head, lr, model"
    ):
        HeadTestCase.check(heads=GOOD)


def test_a_test_can_be_switched_off() -> None:
    class Tolerant(HeadTestCase):
        test_labels_are_not_looked_at = None

    Head.register("bad")(InputChanged)
    Tolerant.check(head={"type": "bad", "rounds": 0})


def test_a_whole_model_can_be_tested() -> None:
    encoder = {"type": "lstm", "hidden_size": 6}
    ModelTestCase.check(model={"embedder": {"type": "words", "dim": 8}, "encoder": encoder, "head": GOOD})
