"""Pairs of mentions are scored in blocks: in training, what a block computes is not kept for its gradient."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from batches import labeled
from tiny_transformer import TINY
from torch import Tensor

from relx import config
from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.model import JointExtractor
from relx.testing.model import MODEL

SIZES = {"filters": 4, "hidden_size": 6, "position_dim": 3, "attention_size": 5, "pair_size": 4}
SPERT = {"type": "spert", "max_width": 1, "width_dim": 3, "negatives": None, "pair_negatives": None}
HEADS: dict[str, dict[str, Any]] = {
    "spert": SPERT,
    "spe": {"type": "spe", **SIZES},
    "text": {"type": "pure", "max_width": 1, "hidden_size": 6, "max_tokens": 40},
    "levitated": {"type": "pure", "max_width": 1, "hidden_size": 6, "markers": "levitated"},
}
MODULES = {
    "relx.heads.schemes.span_pairs.PAIRS_AT_ONCE": 7,
    "relx.heads.schemes.marked_text.KEPT_PARTS": 1,
    "relx.embedders.transformer.KEPT_PASSES": 1,
    "relx.embedders.transformer.MARKERS_AT_ONCE": 12,
    "relx.embedders.transformer.PIECES_AT_ONCE": 40,
}


def sentence(mentions: int) -> Example:
    """Every word is a mention, and each is related to the next one."""
    entities = [Entity(i, i + 1, "PER" if i % 2 else "LOC") for i in range(mentions)]
    relations = [Relation(one, "in", other) for one, other in zip(entities, entities[1:], strict=False)]
    return Example([f"w{i % 7}" for i in range(mentions)], entities, relations)


def make(head: dict[str, Any], example: Example, embedder: dict[str, Any] | None = None) -> JointExtractor:
    torch.manual_seed(1)
    described = {"embedder": embedder or {"type": "words", "dim": 5}, "head": {"dropout": 0.0, **head}}
    vocabulary = Vocabulary([example])
    model: JointExtractor = config.build(config.fill(described, MODEL), MODEL, vocabulary=vocabulary)
    return model.double().train()


def gradients(model: JointExtractor, batch: Batch) -> list[Tensor]:
    model.zero_grad()
    torch.manual_seed(3)
    loss = model(batch)
    loss.backward()
    return [loss.detach(), *(p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters())]


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the bytes that a computation keeps for its gradient."""
    kept: dict[int, int] = {}
    total = [0]

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        total[0] = sum(kept.values())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield total


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("name", HEADS)
def test_blocks_have_the_loss_and_the_gradients_of_all_pairs_at_once(
    name: str, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, of the same blocks without computing any again."""
    example = sentence(6)
    embedder = {"type": "transformer", "model": TINY} if name in ("text", "levitated") else None
    model, plain = make({**HEADS[name], "dropout": dropout}, example, embedder), None
    batch = labeled(model, [example, Example(["a"]), sentence(3)])
    if not dropout:
        plain = gradients(model.eval(), batch)  # the transformer has a dropout of its own
    for place, value in MODULES.items():
        monkeypatch.setattr(place, value)
    with counted() as kept:
        blocks = gradients(model, batch)
    again = []

    def at_once(compute: Any, *inputs: Any) -> Tensor:
        again.append(1)
        return compute(*inputs)

    for module in ("heads.schemes.span_pairs", "heads.schemes.marked_text", "embedders.transformer"):
        monkeypatch.setattr(f"relx.{module}.recomputed", at_once)
    with counted() as kept_of_all:
        expected = plain or gradients(model, batch)
    if plain is None:
        assert len(again) > 2
        assert kept[0] < kept_of_all[0]
    for ours, theirs in zip(blocks, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["spert", "spe"])
def test_a_sentence_of_three_hundred_mentions_is_learned_in_bounded_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 300 * 299 pairs are learned, or half of them; of the vectors of each pair only its logits are kept."""
    example = sentence(300)
    model = make(HEADS[name], example)
    batch = labeled(model, [example])
    sizes, score = [], model.head.pair_logits
    monkeypatch.setattr(model.head, "pair_logits", lambda *a: sizes.append(len(a[2])) or score(*a))
    with counted() as kept:
        loss = model(batch)
    loss.backward()
    assert sum(sizes) == 2 * 300 * 299 // (1 if name == "spert" else 2), "each once for the loss, once for its gradient"
    assert max(sizes) <= 4096
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    pairs = 300 * 299 // (1 if name == "spert" else 2)
    assert kept[0] / pairs < 8 * 20, "of a pair its indices, logits and labels"
