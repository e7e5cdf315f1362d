"""CopyRE and CopyMTL as the experiments have them: properties of the public code of both systems.

https://github.com/xiangrongzeng/copy_re, model.py: each decoder of MultiDecoder is built in its own variable scope,
``decoder_0``, ``decoder_1``, ..., that is reused over its three steps only. https://github.com/WindChimeRan/CopyMTL,
model.py: the decoders of MultiDecoder have an LSTM each, and one attention, copy score and classifier for all.
"""

from functools import cache
from typing import Any

import pytest
import torch
from batches import inputs_of, labeled_batch
from experiment_files import EXPERIMENTS
from sentences import sentence, spans
from torch import Tensor

from relx.config import load
from relx.data.batch import Batch
from relx.data.vocabulary import Vocabulary
from relx.heads.interactive.head import ONE_PAIR, ONE_WORD, Interactive

DIM = 12
EXAMPLES = [
    sentence(
        "Ada was born in London and Grace works for Oxfam .",
        ((0, 1), "born_in", (4, 5)),
        ((6, 7), "works_for", (9, 10)),
    ),
    *(sentence(length, ((1, 2), "likes", (3, 4))) for length in (5, 8, 9, 11)),
]


@cache
def arguments_of(name: str) -> dict[str, Any]:
    """The arguments of the head of a row."""
    head = load(EXPERIMENTS / "interactive_webnlg.jsonnet", {"head": name})["model"]["head"]
    return {argument: value for argument, value in head.items() if argument != "type"}


def head_of(name: str, **overrides: Any) -> Interactive:
    """The head of a row of the table with random weights, which writes NA seldom."""
    smaller = {"decoders": 3, "dropout": 0.0}
    torch.manual_seed(4)
    head = Interactive(DIM, Vocabulary(EXAMPLES), **{**arguments_of(name), **smaller, **overrides}).double()
    for parameter in head.parameters():
        parameter.data += torch.randn_like(parameter)
    for output in head.decoder.outputs:
        output.relation.bias.data[0] -= 50
        output.no_word.bias.data -= 50
    return head


def scores_of(head: Interactive, batch: Batch) -> dict[str, Tensor]:
    return head(batch, inputs_of)


def copied(head: Interactive) -> list[list[list[int]]]:
    """The numbers of the head's and the tail's word that each decoder writes, [sentences, decoders, 2]."""
    batch = labeled_batch(head, EXAMPLES, DIM)
    return head.eval().logits(batch, inputs_of, gold=None)["words"].argmax(dim=-1).tolist()


@pytest.mark.parametrize("name", ["copyre_multi", "copyre_multi_code", "copymtl_multi"])
def test_two_decoders_can_copy_different_words(name: str) -> None:
    assert any(len({tuple(pair) for pair in pairs}) > 1 for pairs in copied(head_of(name)))


@pytest.mark.parametrize("name", ["copyre_one", "copyre_one_code"])
def test_the_decoders_of_onedecoder_copy_the_same_words(name: str) -> None:
    for pairs in copied(head_of(name)):
        assert len({head for head, _ in pairs}) == 1
        if name == "copyre_one":
            assert len({tail for _, tail in pairs}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "learns"),
    [
        ("interactive", True),
        ("copyre_multi", True),
        ("copyre_multi_code", True),
        ("copymtl_one", True),
        ("copymtl_multi", True),
        ("copyre_one", False),
        ("copyre_one_code", False),
    ],
)
def test_a_sentence_with_two_pairs_of_words_is_learned_by_heart_if_decoders_can_copy_both(
    name: str, learns: bool
) -> None:
    head = head_of(name, decoders=2)
    for output in head.decoder.outputs:
        output.relation.bias.data[0] += 50
        output.no_word.bias.data += 50
    batch = labeled_batch(head, EXAMPLES[:1], DIM)
    words = inputs_of(batch).clone().requires_grad_()  # whatever the encoder is
    optimizer = torch.optim.Adam([*head.parameters(), words], lr=0.05)
    for _ in range(70):
        optimizer.zero_grad()
        head.loss(head(batch, lambda _: words), batch).backward()
        optimizer.step()
    (predicted,) = head.eval().extract(batch, lambda _: words)
    assert (sorted(spans(predicted)) == sorted(spans(EXAMPLES[0]))) == learns
    assert (head.limits(EXAMPLES[0]) == []) == learns


A, B, C = (0, 1), (2, 3), (4, 5)


@pytest.mark.parametrize(
    ("settings", "cause", "lost"),
    [
        ({"weights": "separate", "allow_self": False}, None, []),
        ({"weights": "separate", "allow_self": True}, ONE_WORD, [(A, "likes", B), (A, "knows", B), (C, "likes", A)]),
        ({"weights": "separate", "allow_self": True, "zero_own_head": True}, None, []),
        ({"weights": "cells", "allow_self": False}, ONE_PAIR, [(C, "likes", A)]),
        ({"weights": "shared", "allow_self": True}, ONE_PAIR, [(A, "likes", B), (A, "knows", B), (C, "likes", A)]),
        ({"weights": "shared", "allow_self": True, "zero_own_head": True}, ONE_PAIR, [(C, "likes", A)]),
        ({"weights": "shared", "copy_score": "selu"}, None, []),
    ],
)
def test_a_copy_score_that_ranks_words_alike_in_all_steps_limits_the_pairs(
    settings: dict[str, Any], cause: str | None, lost: list[Any]
) -> None:
    triples = [(A, "likes", B), (A, "knows", B), (C, "likes", A)]
    if settings.get("allow_self", True):
        triples.append((A, "is", A))
    limits = head_of("copyre_multi", **settings).limits(sentence(6, *triples))
    assert [limit.cause for limit in limits] == ([] if cause is None else [cause])
    for limit in limits:
        ((missing, wrong),) = limit.outcomes
        assert ([(r.head.span, r.type, r.tail.span) for r in missing], wrong) == (lost, 0)


CELLS = {"decode_layer.cells"}
ALL = CELLS | {"decode_layer.attentions", "decoder.outputs"}


@pytest.mark.parametrize(
    ("name", "owned"),
    [
        ("copyre_multi", ALL),
        ("copyre_multi_code", ALL),
        ("copymtl_multi", CELLS),
        ("copyre_one", set()),
        ("copyre_one_code", set()),
        ("copymtl_one", set()),
    ],
)
def test_a_decoder_owns_what_the_public_code_gives_it(name: str, owned: set[str]) -> None:
    """The logits of the last decoder depend on weights that no decoder before it reads."""
    head = head_of(name, tagger=False)
    scores = scores_of(head, labeled_batch(head, EXAMPLES, DIM))

    def weights_of(decoders: slice) -> set[str]:
        logits = torch.cat([scores[key][:, decoders].flatten() for key in ("relation", "words")])
        total = (logits[logits.isfinite()] ** 2).sum()
        names, parameters = zip(*head.named_parameters(), strict=True)
        gradients = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
        return {n for n, g in zip(names, gradients, strict=True) if g is not None and g.abs().max() > 1e-9}

    own = weights_of(slice(-1, None)) - weights_of(slice(0, -1))
    assert {name.split(".2.")[0] for name in own} == owned
    if "decoder.outputs" in owned:
        assert {name.split(".")[3] for name in own if "outputs" in name} == {"relation", "copy", "no_word"}


@pytest.mark.parametrize(
    ("name", "reads_gold"),
    [
        ("interactive", True),
        ("copyre_one", True),
        ("copyre_multi", True),
        ("copyre_one_code", False),
        ("copyre_multi_code", False),
        ("copymtl_one", False),
        ("copymtl_multi", False),
    ],
)
def test_a_decoder_in_training_reads_gold_or_what_it_wrote_itself(name: str, reads_gold: bool) -> None:
    head = head_of(name)
    batch = labeled_batch(head, EXAMPLES, DIM)
    before = scores_of(head, batch)["relation"]
    batch.tensors["triples"] = torch.zeros_like(batch["triples"])
    assert torch.equal(scores_of(head, batch)["relation"], before) != reads_gold


def test_each_decoder_of_the_code_of_multidecoder_starts_with_go_instead_of_the_tail_before() -> None:
    for restart in (True, False):
        head = head_of("copyre_multi_code", restart=restart, teacher_forcing=True)
        batch = labeled_batch(head, EXAMPLES, DIM)
        before = scores_of(head, batch)["relation"][:, 1]
        batch["triples"][:, 0, 2] = 1
        assert torch.equal(scores_of(head, batch)["relation"][:, 1], before) == restart


def test_the_code_sets_the_logit_of_the_word_that_the_decoder_copied_as_head_to_zero_and_no_other() -> None:
    batch = labeled_batch(head_of("copyre_multi_code"), EXAMPLES, DIM)
    masked, free = (
        scores_of(head_of("copyre_multi_code", zero_own_head=zero, teacher_forcing=True), batch)["words"]
        for zero in (True, False)
    )
    heads = masked[:, :, 0].argmax(dim=-1, keepdim=True)
    assert torch.equal(masked[:, :, 1], free[:, :, 1].scatter(-1, heads, 0.0))


def test_a_row_of_the_paper_forbids_the_gold_head_in_training_and_its_own_in_prediction() -> None:
    head = head_of("copyre_multi")
    batch = labeled_batch(head, EXAMPLES, DIM)
    gold = batch["triples"][:, :1, 1:2]
    assert (scores_of(head, batch)["words"][:, :1, 1].gather(-1, gold) == -torch.inf).all()
    words = head.eval().logits(batch, inputs_of, gold=None)["words"]
    own = words[:, :, 0].argmax(dim=-1, keepdim=True)
    assert (words[:, :, 1].gather(-1, own) == -torch.inf).all()


def test_a_mask_without_effect_is_an_error() -> None:
    with pytest.raises(ValueError, match="zero_own_head has no effect with allow_self=false"):
        head_of("copyre_multi", zero_own_head=True)


@pytest.mark.parametrize("name", ["copyre_one", "copyre_multi", "copyre_one_code", "copyre_multi_code"])
def test_the_loss_without_dropout_is_finite_and_that_of_training(name: str) -> None:
    head = head_of(name)
    batch = labeled_batch(head, EXAMPLES, DIM)
    own_heads = head.logits(batch, inputs_of, gold=None)["words"][:, :, 0].argmax(dim=-1)
    batch["triples"][..., 2] = own_heads.clamp(min=1)  # each decoder copies the gold tail as head
    batch["triples"][..., 1] = batch["triples"][..., 2] % 4 + 1  # another word
    losses = [head.train(training).loss(head(batch, inputs_of), batch) for training in (True, False)]
    assert torch.isfinite(losses[0])
    torch.testing.assert_close(losses[1], losses[0], rtol=0, atol=0)
