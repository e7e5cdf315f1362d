import random
from typing import Any

import pytest
import rin_equations
import torch
from padding import assert_every_parameter_learns
from sentences import sentence
from torch import Tensor

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.heads.pair_scorers import PairScorer
from relx.heads.rin import RIN, RINv2
from relx.heads.schemes.pairs import PairTaggingHead
from relx.registry import Lazy, components

DIM = 6
EXAMPLES = [
    sentence(4, ((0, 1), "lives_in", (2, 4)), ((0, 1), "likes", (0, 1))),
    sentence(1, ((0, 1), "likes", (0, 1))),
    sentence(5, ((3, 5), "lives_in", (0, 1)), ((3, 5), "likes", (0, 1)), ((0, 1), "capital", (2, 3))),
    sentence(3),
]
SCORERS = {name: component.load() for name, component in components(PairScorer.__kind__).items()}


def scorer(name: str) -> dict[str, Any]:
    sizes = {} if name == "linear" else {"hidden_size": 5}
    return {"pair_scorer": Lazy(SCORERS[name], bias=-1.0, **sizes)}


VARIANTS: dict[str, dict[str, Any]] = {
    "bilstm": {"rounds": 0, "projections": False},
    "bilstm_s": {"rounds": 0},
    "K=1": {"rounds": 1},
    "K=3": {},
    "K=2 without projections": {"rounds": 2, "projections": False},
    "torch_gru": {"updater": "torch_gru", "rounds": 2},
    "rnn": {"updater": "rnn", "rounds": 2},
    "linear": {"updater": "linear", "rounds": 2},
    "without relations": {"interaction": ["entities", "words"], "rounds": 2},
    "without entities": {"interaction": ["relations", "words"], "rounds": 2},
    "without words": {"interaction": ["relations", "entities"], "rounds": 2},
    "smaller features": {"hidden_size": 4, "rounds": 1},
    **{name: {**scorer(name), "rounds": 1} for name in SCORERS},
}
CASES = {
    **{f"rin {name}": (RIN, arguments, rin_equations.rin) for name, arguments in VARIANTS.items()},
    "rin_v2 K=0": (RINv2, {"rounds": 0}, rin_equations.rin_v2),
    "rin_v2 K=3": (RINv2, {"rounds": 3}, rin_equations.rin_v2),
    "rin_v2 additive": (RINv2, {"rounds": 2, **scorer("decomposed")}, rin_equations.rin_v2),
}


def make(cls: type[PairTaggingHead], **arguments: Any) -> PairTaggingHead:
    torch.manual_seed(1)
    return cls(DIM, Vocabulary(EXAMPLES), **arguments).double()


def shaken(head: PairTaggingHead) -> PairTaggingHead:
    """The same head with weights, biases included, of some size."""
    for parameter in head.parameters():
        parameter.data += torch.randn_like(parameter) / 3
    return head


def batch_of(head: PairTaggingHead, examples: list[Example]) -> Batch:
    corpus = TensorDataset(examples, lambda example: head.targets(example).arrays)
    return corpus.batch(list(range(len(examples))))


def vectors_of(batch: Batch) -> Tensor:
    """Encoded tokens, in the padding too."""
    generator = torch.Generator().manual_seed(2)
    return torch.randn(*batch.mask.shape, DIM, dtype=torch.float64, generator=generator).requires_grad_()


def gold_of(batch: Batch, row: int) -> rin_equations.Gold:
    tags = batch["entity_tags"][row][batch.mask[row]].tolist()
    return tags, {(relation - 1, i, j) for relation, i, j in batch["relation_cells"][row].tolist() if relation}


@pytest.mark.parametrize("case", CASES)
def test_it_equals_the_equations_outputs_and_gradients(case: str) -> None:
    cls, arguments, equations = CASES[case]
    head = shaken(make(cls, **arguments))
    batch = batch_of(head, EXAMPLES)
    encoded = vectors_of(batch)
    scores = head(batch, lambda _: encoded)
    loss = head.loss(scores, batch)
    table = head.pair_scorer(scores["relation"])
    losses = []
    for row, words in enumerate(encoded):
        size = len(EXAMPLES[row])
        outputs = equations(list(words[:size]), head)
        tags = scores["entity"][row, :size].softmax(dim=-1)
        torch.testing.assert_close(tags, torch.stack(outputs[0]), rtol=0, atol=1e-12)
        torch.testing.assert_close(table[row, :size, :size], outputs[1], rtol=0, atol=1e-11)
        losses.append(rin_equations.loss(outputs, gold_of(batch, row)))
    expected = torch.stack(losses).mean()
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
    wanted = [encoded, *head.parameters()]
    for ours, theirs in zip(*(torch.autograd.grad(out, wanted) for out in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_a_gradient_reaches_every_parameter(case: str) -> None:
    cls, arguments, _ = CASES[case]
    head = shaken(make(cls, **arguments))
    batch = batch_of(head, EXAMPLES)
    encoded = vectors_of(batch)
    assert_every_parameter_learns(head, head.loss(head(batch, lambda _: encoded), batch))


@pytest.mark.parametrize("cls", [RIN, RINv2])
def test_padding_and_neighbors_do_not_matter(cls: type[PairTaggingHead]) -> None:
    head = shaken(make(cls, threshold=0.4, **scorer("concat_mlp")))
    together = batch_of(head, [*EXAMPLES, Example([])])
    encoded = vectors_of(together)
    scores = head(together, lambda _: encoded)
    predicted = head.decode(scores, together)
    losses = []
    for row, example in enumerate(together.examples):
        alone = batch_of(head, [example])
        of_alone = head(alone, lambda _, row=row, batch=alone: encoded[row : row + 1, : batch.mask.shape[1]])
        size = len(example)
        torch.testing.assert_close(of_alone["entity"][0, :size], scores["entity"][row, :size], rtol=0, atol=1e-10)
        losses.append(head.loss(of_alone, alone))
        (prediction,) = head.decode(of_alone, alone)
        assert [rounded(r) for r in prediction.relations] == [rounded(r) for r in predicted[row].relations]
    torch.testing.assert_close(torch.stack(losses).mean(), head.loss(scores, together), rtol=1e-12, atol=0)
    assert any(example.relations for example in predicted)


def rounded(relation: Any) -> tuple[Any, ...]:
    return relation.head.span, relation.type, relation.tail.span, round(relation.score, 9)


def test_a_triple_is_a_cell_above_the_threshold_between_predicted_entities() -> None:
    head = shaken(make(RIN, rounds=1, threshold=0.2, **scorer("decomposed")))
    batch = batch_of(head, EXAMPLES)
    encoded = vectors_of(batch)
    scores = head(batch, lambda _: encoded)
    probabilities = head.pair_scorer(scores["relation"]).sigmoid()
    seen = 0
    for row, example in enumerate(head.decode(scores, batch)):
        size, expected = len(example), set()
        for i, j, t in (probabilities[row, :size, :size] >= 0.2).nonzero().tolist():
            expected.add((i, head.anchor_table.relations[t], j, round(probabilities[row, i, j, t].item(), 9)))
        assert {(r.head.end - 1, r.type, r.tail.end - 1, round(r.score, 9)) for r in example.relations} == expected
        seen += len(expected)
        assert all(mention in example.entities for r in example.relations for mention in (r.head, r.tail))
    assert seen > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": -1}, "rounds is -1"),
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"projections": False, "hidden_size": 5}, "without projections it must be the size of the encoder, 6"),
        ({"interaction": []}, "interaction must name at least one input"),
        ({"interaction": ["words", "words"]}, "each once"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(RIN, **arguments)


def test_large_vectors_and_empty_sentences_give_finite_gradients() -> None:
    draw = random.Random(1)
    examples = [sentence(draw.randint(1, 9), ((0, 1), "likes", (0, 1))) for _ in range(9)] + [Example([])]
    for cls in (RIN, RINv2):
        head = make(cls)
        batch = batch_of(head, examples)
        encoded = 50 * vectors_of(batch)
        loss = head.loss(head(batch, lambda _, encoded=encoded: encoded), batch)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())
