from typing import Any

import interactive_equations as equations
import pytest
import torch
from batches import inputs_of, labeled_batch
from padding import assert_every_parameter_learns
from sentences import sentence, spans
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.heads.interactive.head import Interactive
from relx.heads.interactive.layers import EncodedWords

DIM = 6
EXAMPLES = [
    sentence(4, ((0, 1), "lives_in", (3, 4)), ((0, 1), "likes", (1, 2))),
    sentence(1),
    sentence(5, ((4, 5), "likes", (1, 2)), ((0, 1), "capital", (2, 3)), ((2, 3), "likes", (0, 1))),
    sentence(7, ((6, 7), "capital", (5, 6))),
    Example([]),
]
COPYRE = {"interactive_layer": False, "attention": "linear", "copy_score": "linear", "allow_self": False}
COPYRE_CODE = {
    "interactive_layer": False,
    "attention": "linear_selu",
    "copy_score": "linear_selu",
    "zero_own_head": True,
    "selu_logits": True,
    "na": "all",
}
ONE = {"weights": "shared", "start": "carried"}
VARIANTS: dict[str, dict[str, Any]] = {
    "as in the paper": {},
    "shared weights": {"weights": "shared"},
    "separate cells": {"weights": "cells"},
    "carried states": {"start": "carried"},
    "one decoder": ONE,
    "linear attention": {"attention": "linear"},
    "linear copy score": {"copy_score": "linear"},
    "without interactive layer": {"interactive_layer": False},
    "without attention in the decode layer": {"decode_attention": False},
    "without either": {"interactive_layer": False, "decode_attention": False},
    "all NA": {"na": "all"},
    "no self pairs": {"allow_self": False},
    "CopyRE MultiDecoder": COPYRE,
    "CopyRE OneDecoder": {**COPYRE, **ONE},
    "CopyRE's code, MultiDecoder": {**COPYRE_CODE, "restart": True},
    "CopyRE's code, OneDecoder": {**COPYRE_CODE, **ONE},
    "CopyMTL": {"interactive_layer": False, "attention": "linear", "tagger": True, "weights": "cells"},
}


def make(**arguments: Any) -> Interactive:
    """A head with weights of some size."""
    torch.manual_seed(1)
    head = Interactive(DIM, Vocabulary(EXAMPLES), **{"decoders": 3, **arguments}).double()
    for parameter in head.parameters():
        parameter.data += torch.randn_like(parameter) / 2
    return head


def write_na_seldom(head: Interactive, by: float) -> None:
    """Lower the logits of NA."""
    for output in head.decoder.outputs:
        for bias in (output.relation.bias, output.no_word.bias):
            bias.data[0] -= by


def gold_of(batch: Batch, row: int) -> list[equations.Triple]:
    return list(map(tuple, batch["triples"][row].tolist()))


def words_of(encoded: Tensor, batch: Batch, row: int) -> list[Tensor]:
    return list(encoded[row, : len(batch.examples[row])])


def assert_written(scores: dict[str, Tensor], row: int, expected: list[list[Tensor]]) -> None:
    """The chances in the scores are those of the equations."""
    for m, (relation, *words) in enumerate(expected):
        torch.testing.assert_close(scores["relation"][row, m].softmax(dim=-1), relation, rtol=0, atol=1e-12)
        for which, chances in enumerate(words):
            there = scores["words"][row, m, which].softmax(dim=-1)
            torch.testing.assert_close(there[: len(chances)], chances, rtol=0, atol=1e-12)
            assert (there[len(chances) :] == 0).all()


@pytest.mark.parametrize("teacher_forcing", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns_by_the_equations_outputs_and_gradients(variant: str, teacher_forcing: bool) -> None:
    head = make(**VARIANTS[variant], teacher_forcing=teacher_forcing)
    batch = labeled_batch(head, EXAMPLES, DIM)
    encoded = inputs_of(batch).requires_grad_()
    scores = head(batch, lambda _: encoded)
    losses = []
    for row in range(len(batch)):
        words, gold = words_of(encoded, batch, row), gold_of(batch, row)
        written = equations.triples(words, head, gold, given=teacher_forcing)
        assert_written(scores, row, written)
        losses.append(equations.loss(written, gold, all_of_them=head.na == "all"))
        if head.tagger is not None:
            tags = batch["entity_tags"][row, : len(words)].tolist()
            tagging = [-head.tagger(o).log_softmax(-1)[tag] for o, tag in zip(words, tags, strict=True)]
            losses[-1] = losses[-1] + sum(tagging)
    loss, expected = head.loss(scores, batch), torch.stack(losses).mean()
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-11)
    wanted = [encoded, *head.parameters()]
    ours, theirs = (torch.autograd.grad(out, wanted, allow_unused=True) for out in (loss, expected))
    for one, other, like in zip(ours, theirs, wanted, strict=True):
        one, other = (torch.zeros_like(like) if gradient is None else gradient for gradient in (one, other))
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_predicts_by_the_equations_whatever_the_labels_are(variant: str) -> None:
    head = make(**VARIANTS[variant]).eval()
    batch = labeled_batch(head, EXAMPLES, DIM)
    encoded = inputs_of(batch)
    scores = head.logits(batch, lambda _: encoded, gold=None)
    for row in range(len(batch)):
        assert_written(scores, row, equations.triples(words_of(encoded, batch, row), head, None, given=False))


@pytest.mark.parametrize("variant", [name for name in VARIANTS if "attention" not in VARIANTS[name]])
def test_a_gradient_reaches_every_parameter(variant: str) -> None:
    head = make(**VARIANTS[variant])
    batch = labeled_batch(head, EXAMPLES, DIM)
    assert_every_parameter_learns(head, head.loss(head(batch, inputs_of), batch))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("variant", ["as in the paper", "CopyRE OneDecoder", "CopyMTL"])
def test_padding_and_neighbors_do_not_matter(variant: str, training: bool) -> None:
    head = make(**VARIANTS[variant]).train(training)
    write_na_seldom(head, 5)
    together = labeled_batch(head, EXAMPLES, DIM)
    scores = head.logits(together, inputs_of, together["triples"] if training else None)
    predicted, losses, triples = head.decode(scores, together), [], 0
    for row, example in enumerate(EXAMPLES):
        alone = labeled_batch(head, [example], DIM)
        of_alone = head.logits(alone, inputs_of, alone["triples"] if training else None)
        size = 1 + len(example)
        torch.testing.assert_close(of_alone["relation"][0], scores["relation"][row], rtol=0, atol=1e-11)
        torch.testing.assert_close(
            of_alone["words"][0, ..., :size], scores["words"][row, ..., :size], rtol=0, atol=1e-11
        )
        losses.append(head.loss(of_alone, alone))
        (prediction,) = head.decode(of_alone, alone)
        assert spans(prediction) == spans(predicted[row])
        triples += len(prediction.relations)
    torch.testing.assert_close(torch.stack(losses).mean(), head.loss(scores, together), rtol=1e-12, atol=0)
    assert triples


def test_the_state_changes_what_is_attended_to_and_copied_unless_scores_are_linear() -> None:
    states, words = torch.randn(2, 1, 1, DIM, dtype=torch.float64), torch.randn(1, 5, DIM, dtype=torch.float64)
    mask = torch.ones(1, 5, dtype=torch.bool)
    for form, moves in (("tanh", True), ("linear", False)):
        attention = make(attention=form).interactive.attentions[0]
        attended = attention.project(EncodedWords(words, mask, words.mean(dim=1)))
        one, other = (attention(state[0], attended) for state in states)
        assert torch.allclose(one, other, rtol=0, atol=1e-12) != moves
    for form, ranks in (("selu", True), ("linear", False), ("linear_selu", False)):
        scorer = make(copy_score=form).decoder.outputs[0].copy
        one, other = (scorer(state, scorer.from_word(words)) for state in 5 * states)
        assert torch.allclose(one - one.mean(), other - other.mean(), rtol=0, atol=1e-12) == (form == "linear")
        assert torch.equal(one.argsort(), other.argsort()) != ranks
        assert scorer.ranks_by_state == ranks


WHOLE = {"tagger": True, "weights": "shared"}


@pytest.mark.parametrize(
    ("ablation", "removed"),
    [
        ({"interactive_layer": False}, {"interactive"}),
        ({"decode_attention": False}, {"decode_layer"}),
        ({"tagger": False}, {"tagger"}),
    ],
)
@pytest.mark.parametrize("weights", ["shared", "cells", "separate"])
def test_an_ablation_removes_parameters_of_one_part_and_adds_none(
    weights: str, ablation: dict[str, Any], removed: set[str]
) -> None:
    """The LSTM of the decode layer loses the columns that read the part."""
    whole, without = (
        {
            name: parameter.shape
            for name, parameter in make(**{**WHOLE, "weights": weights, **changed}).named_parameters()
        }
        for changed in ({}, ablation)
    )
    assert without.keys() < whole.keys()
    assert {name.split(".")[0] for name in whole.keys() - without.keys()} == removed
    reads_it = removed != {"tagger"}
    for name, shape in without.items():
        narrower = reads_it and name.startswith("decode_layer.cells") and name.endswith("weight_ih")
        assert whole[name] == (torch.Size((shape[0], shape[1] + DIM)) if narrower else shape)


@pytest.mark.parametrize("interactive_layer", [True, False])
def test_the_decode_layer_attends_with_the_interactive_layer_and_without_it(interactive_layer: bool) -> None:
    head = make(interactive_layer=interactive_layer)
    batch = labeled_batch(head, EXAMPLES, DIM)
    before = head(batch, inputs_of)["relation"]
    for attention in head.decode_layer.attentions:
        attention.scorer.output.weight.data *= -1
    assert not torch.allclose(head(batch, inputs_of)["relation"], before)


def test_a_linear_copy_score_writes_one_word_for_both_mentions_unless_the_second_is_forbidden() -> None:
    batch = labeled_batch(make(), EXAMPLES[:1] + EXAMPLES[2:4], DIM)
    for allow_self in (True, False):
        head = make(copy_score="linear", allow_self=allow_self).eval()
        write_na_seldom(head, 100)
        heads, tails = head.logits(batch, inputs_of, gold=None)["words"].argmax(dim=-1).unbind(dim=-1)
        assert (heads == tails).all() if allow_self else (heads != tails).all()


def test_words_that_a_tail_may_not_copy_do_not_make_the_loss_infinite() -> None:
    head = make(teacher_forcing=False, allow_self=False, copy_score="linear")
    batch = labeled_batch(head, EXAMPLES, DIM)
    loss = head.loss(head(batch, inputs_of), batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters() if parameter.grad is not None)


def test_labels_are_not_looked_at_in_prediction() -> None:
    head = make().eval()
    batch = labeled_batch(head, EXAMPLES, DIM)
    before = head.extract(batch, inputs_of)
    batch.tensors["triples"] = torch.zeros_like(batch["triples"])
    assert head.extract(batch, inputs_of) == before


def test_dropout_acts_on_the_encoded_words() -> None:
    head = make(dropout=0.5)
    batch = labeled_batch(head, EXAMPLES, DIM)
    one, other = (head(batch, inputs_of)["relation"] for _ in range(2))
    assert not torch.equal(one, other)
    one, other = (head.eval()(batch, inputs_of)["relation"] for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize(("arguments", "message"), [({"decoders": 0}, "decoders is 0")])
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)
