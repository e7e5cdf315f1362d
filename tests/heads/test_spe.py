import math
from typing import Any

import pytest
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
from torch import Tensor
from torch.nn import functional as F

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.schemes.mention_pairs import SHARED_PAIR
from relx.heads.schemes.triples import OVERLAPS
from relx.heads.spe import SPE, ConvolutionOfSpan, ScheduledSampling
from relx.model import JointExtractor
from relx.registry import Lazy

DIM = 6
A, B, C, D = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(4, 7, "ORG"), Entity(8, 9, "LOC")
EXAMPLES = [
    Example(list("abcdeab"), [A, B, C], [Relation(A, "in", B), Relation(C, "in", A), Relation(C, "at", B)]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(list("edcbaedcb"), [A, B, C, D], [Relation(D, "at", A), Relation(B, "in", D)]),
    Example(list("cd"), [], []),
]
SIZES = {"filters": 2, "hidden_size": 4, "position_dim": 2, "attention_size": 3, "pair_size": 3, "dropout": 0.0}


def make(examples: list[Example] = EXAMPLES, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    head = Lazy(SPE, **{**SIZES, **arguments})
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=DIM), head, Lazy(LSTMEncoder, hidden_size=3))
    for parameter in model.double().parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


def eager(**arguments: Any) -> JointExtractor:
    """A model that finds more mentions and relations."""
    model = make(**arguments)
    model.head.spans.boundaries.bias.data = torch.tensor([-1.0, 0, 0, 0, 2]).double()
    for layer in (model.head.spans.label[-1], model.head.pair[-1]):
        layer.bias.data[0] -= 3
    return model


def encoded(model: JointExtractor, example: Example) -> Tensor:
    return model.encode(TensorDataset([example], model.index).batch([0]))[0, : len(example)]


def cnn(words: Tensor, pooling: ConvolutionOfSpan) -> Tensor:
    """Max over windows of gelu(convolution), a short span filled up with zeros."""
    found = []
    for convolution, width in zip(pooling.convolutions, pooling.widths, strict=True):
        filled = F.pad(words, (0, 0, 0, max(0, width - len(words))))
        found.append(F.gelu(convolution(filled.T.unsqueeze(0)))[0].amax(1))
    return torch.cat(found)


def projected(vector: Tensor, head: SPE) -> Tensor:
    return head.spans.hidden.weight @ vector + head.spans.hidden.bias


def part(words: Tensor, pooling: ConvolutionOfSpan, head: SPE) -> Tensor:
    """A context or a mention, both by the same projection; zero without words."""
    return projected(cnn(words, pooling), head) if len(words) else torch.zeros(4, dtype=words.dtype)


def label_probabilities(h: Tensor, start: int, end: int, head: SPE) -> Tensor:
    linear = head.spans.label[-1]
    return torch.softmax(linear.weight @ part(h[start:end], head.spans.convolution, head) + linear.bias, 0)


def pair_probabilities(h: Tensor, one: tuple[int, int], other: tuple[int, int], head: SPE) -> Tensor:
    """Attend to L, E1, M, E2, R with their distances from both mentions, then an MLP: none, r@>, r@<."""
    e = head.spans.convolution
    parts = [
        part(h[: one[0]], head.context, head), part(h[slice(*one)], e, head),
        part(h[one[1] : other[0]], head.context, head), part(h[slice(*other)], e, head),
        part(h[max(one[1], other[1]) :], head.context, head),
    ]  # fmt: skip
    attention, scores = head.attention, []
    for i, h_i in enumerate(parts):
        x = torch.cat((h_i, h.mean(0), attention.first.weight[i], attention.second.weight[i]))
        scores.append(attention.score.weight[0] @ torch.tanh(attention.hidden.weight @ x + attention.hidden.bias))
    weights = torch.softmax(torch.stack(scores), 0)
    z = sum(weight * h_i for weight, h_i in zip(weights, parts, strict=True))
    first, _, _, last = head.pair
    return torch.softmax(last.weight @ torch.relu(first.weight @ z + first.bias) + last.bias, 0)


def tagged(h: Tensor, head: SPE) -> list[tuple[int, int]]:
    """The spans that the best boundary tags spell: O is 0, then B, I, E, S."""
    tags = [int((head.spans.boundaries.weight @ x + head.spans.boundaries.bias).argmax()) for x in h]
    found, start = [], None
    for i, tag in enumerate(tags):
        if tag == 4:
            found.append((i, i + 1))
        if tag == 3 and start is not None:
            found.append((start, i + 1))
        start = i if tag == 1 else start if tag == 2 else None
    return found


def literal_loss(model: JointExtractor, example: Example) -> Tensor:
    head, h = model.head, encoded(model, example)
    gold = {e.span: 1 + head.types.names.get(e.type) for e in example.entities}
    total = torch.zeros((), dtype=torch.float64)
    for i, x in enumerate(h):
        place = 0
        for start, end in gold:
            if start <= i < end:
                place = 4 if end - start == 1 else 1 if i == start else 3 if i == end - 1 else 2
        total = total - (head.spans.boundaries.weight @ x + head.spans.boundaries.bias).log_softmax(0)[place]
    for span in {*gold, *tagged(h, head)}:
        total = total - torch.log(label_probabilities(h, *span, head)[gold.get(span, 0)])
    names = head.pairs.relations
    for one in sorted(gold):
        for other in (span for span in sorted(gold) if span > one):
            label = 0
            for r in example.relations:
                if (r.head.span, r.tail.span) == (one, other):
                    label = 1 + names.get(r.type)
                if (r.tail.span, r.head.span) == (one, other):
                    label = 1 + len(names) + names.get(r.type)
            total = total - torch.log(pair_probabilities(h, one, other, head)[label])
    return total


def test_the_loss_equals_the_equations_outputs_and_gradients() -> None:
    model = make()
    loss = model(labeled(model, EXAMPLES))
    expected = torch.stack([literal_loss(model, example) for example in EXAMPLES]).mean()
    assert_same_gradients(loss, expected, model, rtol=1e-11, atol=1e-9)
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def test_what_is_extracted_equals_the_equations() -> None:
    model, count = eager().eval(), 0
    head, names = model.head, model.head.pairs.relations
    for words in ("abcdeab", "eadcbbacd", "ca", "dbceadbce", ""):
        example = Example(list(words))
        h = encoded(model, example)
        labels = {span: label_probabilities(h, *span, head) for span in tagged(h, head)}
        mentions = {span: p.max().item() for span, p in labels.items() if p.argmax() > 0}
        expected = {}
        for one in sorted(mentions):
            for other in (span for span in sorted(mentions) if span > one):
                p = pair_probabilities(h, one, other, head)
                label = int(p.argmax()) - 1
                if label >= 0:
                    pair = (one, other) if label < len(names) else (other, one)
                    expected[pair[0], names[label % len(names)], pair[1]] = p.max().item()
        (predicted,) = model.extract([example], DataLoader())
        assert {e.span: e.score for e in predicted.entities} == pytest.approx(mentions)
        assert {(r.head.span, r.type, r.tail.span): r.score for r in predicted.relations} == pytest.approx(expected)
        count += len(expected)
    assert count > 2


def test_what_tags_and_one_label_a_pair_lose() -> None:
    inner = Entity(1, 2, "LOC")
    example = Example(
        list("abcde"), [A, inner, B], [Relation(inner, "in", B), Relation(A, "in", B), Relation(B, "at", A)]
    )
    lost = make([example]).head.targets(example).lost
    assert lost == [(example.relations[0], OVERLAPS), (example.relations[2], SHARED_PAIR)]


def test_contexts_and_mentions_have_one_projection_and_cnns_of_their_own() -> None:
    """As in the public code, whose projection of contexts is built and not used."""
    shapes = {name: tuple(weight.shape) for name, weight in make().head.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "spans.boundaries.weight": (5, DIM),
        **{f"spans.convolution.convolutions.{i}.weight": (2, DIM, width) for i, width in enumerate((2, 3, 4))},
        "spans.hidden.weight": (4, 6),
        "spans.label.1.weight": (1 + 3, 4),
        **{f"context.convolutions.{i}.weight": (2, DIM, width) for i, width in enumerate((2, 3, 4))},
        "attention.first.weight": (5, 2),
        "attention.second.weight": (5, 2),
        "attention.hidden.weight": (3, 4 + DIM + 2 * 2),
        "attention.score.weight": (1, 3),
        "pair.0.weight": (3, 4),
        "pair.3.weight": (1 + 2 * 2, 3),
    }


def test_gold_mentions_come_first_and_own_ones_more_and_more_often() -> None:
    """k / (k + exp((e - 5) / k)) with k = 3, and gold in the first five epochs."""
    sampling = ScheduledSampling(10).train()
    seen = []
    for _ in range(200):
        seen.append(sampling.probability)
        sampling(3)
    assert seen[:50] == [1.0] * 50
    assert seen[50] == pytest.approx(0.75)
    assert seen[110] == pytest.approx(3 / (3 + math.exp(6 / 3)))
    assert seen == sorted(seen, reverse=True)
    assert ScheduledSampling(None).probability == 1.0


def test_the_schedule_goes_on_where_a_saved_run_ended() -> None:
    model = make(batches_per_epoch=1)
    batch = labeled(model, EXAMPLES)
    for _ in range(7):
        model(batch)
    again = make(batches_per_epoch=1)
    again.load_state_dict(model.state_dict())
    assert again.head.sampling.batches.item() == 7
    assert again.head.sampling.probability == model.head.sampling.probability < 1
    model.eval()(batch)
    assert model.head.sampling.batches.item() == 7, "only training counts"


def places(examples: list[Example]) -> set[tuple[int, int, int]]:
    """The sentence, start and end of each entity."""
    return {(row, *entity.span) for row, example in enumerate(examples) for entity in example.entities}


def learned(model: JointExtractor, batch: Batch) -> set[tuple[int, int, int]]:
    """The sentence, start and end of each mention whose pairs a training step learns."""
    return {(row, start, last + 1) for row, _, start, last in model.train().scores(batch)["mentions"].tolist()}


def test_sentences_learn_the_pairs_of_gold_or_of_own_mentions() -> None:
    model = eager(batches_per_epoch=1)
    batch, own = labeled(model, EXAMPLES), places(model.extract(EXAMPLES, DataLoader()))
    assert own - places(EXAMPLES)
    assert learned(model, batch) == places(EXAMPLES)
    model.head.sampling.batches += 10_000  # own mentions, nearly always
    assert learned(model, batch) == own
