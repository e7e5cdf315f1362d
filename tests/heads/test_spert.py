import random
from typing import Any

import pytest
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
from sentences import spans
from torch import Tensor

from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.spans import Spans
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.heads.head import PlainSentences
from relx.heads.schemes.triples import OVERLAPS
from relx.heads.spans.classifier import TOO_WIDE, enumerate_spans
from relx.heads.spert import SpERT
from relx.model import JointExtractor
from relx.registry import Lazy
from relx.training.checks.oracle import oracle_decode

DIM, WIDTH = 5, 3
A, B, C, D = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(1, 4, "ORG"), Entity(3, 5, "LOC")
EXAMPLES = [
    Example(list("abcde"), [A, B], [Relation(A, "in", B), Relation(B, "in", A), Relation(A, "at", B)]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(list("edcba"), [A, B, C, D], [Relation(C, "at", A), Relation(D, "in", A), Relation(C, "in", B)]),
    Example(list("cd"), [], []),
]


def make(examples: list[Example] = EXAMPLES, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    settings = {"max_width": WIDTH, "width_dim": 2, "dropout": 0.0, "negatives": None, "pair_negatives": None}
    head = Lazy(SpERT, **{**settings, **arguments})
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=DIM), head).double()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


def vectors(model: JointExtractor, example: Example) -> Tensor:
    return model.embedder.table[[model.embedder._row(token) for token in example.tokens]]


def e_of(x: Tensor, start: int, end: int, head: SpERT) -> Tensor:
    """e(s) = f(e_i .. e_j) o w: the maximum of the tokens, and the embedding of the width (section 3.2)."""
    return torch.cat((x[start:end].amax(0), head.spans.width.weight[min(end - start, WIDTH) - 1]))


def span_probabilities(x: Tensor, start: int, end: int, head: SpERT) -> Tensor:
    """Softmax(W x + b) of x_s = e(s) o c, no entity first."""
    w = head.spans.scorer[-1]
    return torch.softmax(w.weight @ torch.cat((e_of(x, start, end, head), x.mean(0))) + w.bias, 0)


def pair_probabilities(x: Tensor, s1: tuple[int, int], s2: tuple[int, int], head: SpERT) -> Tensor:
    """Sigmoid(W x + b) of e(s1) o c(s1, s2) o e(s2), c the maximum of the tokens between (section 3.3)."""
    between = x[min(s1[1], s2[1]) : max(s1[0], s2[0])]
    c = between.amax(0) if len(between) else torch.zeros_like(x[0])
    w = head.pair[-1]
    return torch.sigmoid(w.weight @ torch.cat((e_of(x, *s1, head), c, e_of(x, *s2, head))) + w.bias)


def literal_loss(model: JointExtractor, example: Example) -> Tensor:
    """L = L_s + L_r, the means over spans and over pairs of gold mentions (section 3.4)."""
    head, x, zero = model.head, vectors(model, example), torch.zeros((), dtype=torch.float64)
    label = {entity.span: 1 + head.types.names.get(entity.type) for entity in example.entities}
    short = [(i, j) for i in range(len(x)) for j in range(i + 1, min(len(x), i + WIDTH) + 1)]
    of_spans = [-torch.log(span_probabilities(x, *span, head)[label.get(span, 0)]) for span in short]
    gold = {(r.head.span, r.tail.span, r.type) for r in example.relations}
    of_pairs = []
    for s1 in label:
        for s2 in label:
            if s1 != s2:
                p = pair_probabilities(x, s1, s2, head)
                wanted = [(s1, s2, name) in gold for name in head.pairs.relations]
                losses = [-torch.log(p[k] if w else 1 - p[k]) for k, w in enumerate(wanted)]
                of_pairs.append(torch.stack(losses).mean())
    return sum((torch.stack(part).mean() for part in (of_spans, of_pairs) if part), zero)


def test_the_loss_equals_the_equations_outputs_and_gradients() -> None:
    model = make()
    loss = model(labeled(model, EXAMPLES))
    expected = torch.stack([literal_loss(model, example) for example in EXAMPLES]).mean()
    assert_same_gradients(loss, expected, model, rtol=1e-12, atol=1e-10)
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def test_what_is_extracted_equals_the_equations() -> None:
    model, draw, count, nested = make().eval(), random.Random(1), 0, 0
    head = model.head
    examples = [Example(draw.choices("abcde", k=draw.randint(0, 7))) for _ in range(12)]
    for example, predicted in zip(examples, model.extract(examples, DataLoader(5)), strict=True):
        x = vectors(model, example)
        mentions, relations = {}, {}
        for i in range(len(x)):
            for j in range(i + 1, min(len(x), i + WIDTH) + 1):
                p = span_probabilities(x, i, j, head)
                if p.argmax() > 0:
                    mentions[i, j] = (head.types.names[int(p.argmax()) - 1], p.max().item())
        for s1 in mentions:
            for s2 in mentions:
                for k, p in enumerate(pair_probabilities(x, s1, s2, head)) if s1 != s2 else ():
                    if p >= 0.4:
                        relations[s1, head.pairs.relations[k], s2] = p.item()
        assert {e.span: (e.type, pytest.approx(e.score)) for e in predicted.entities} == mentions
        assert {(r.head.span, r.type, r.tail.span): r.score for r in predicted.relations} == pytest.approx(relations)
        count += len(relations)
        nested += any(a != b and a[0] <= b[0] and b[1] <= a[1] for a in mentions for b in mentions)
    assert count > 10
    assert nested, "mentions may lie in each other"


def test_its_layers_are_those_of_the_public_code() -> None:
    """One linear layer over spans, one over pairs, one embedding of widths for both (spert/models.py)."""
    head = make().head
    shapes = {name: tuple(weight.shape) for name, weight in head.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "spans.width.weight": (WIDTH, 2),
        "spans.scorer.1.weight": (1 + 3, 2 * DIM + 2),
        "pair.1.weight": (2, 3 * DIM + 2 * 2),
    }


def test_words_outside_of_both_mentions_change_nothing_of_a_pair() -> None:
    """Its context is what lies between the mentions (SpERT's localized context)."""
    model = make().eval()
    inside, outside = (torch.zeros(1, 9, DIM, dtype=torch.float64) for _ in range(2))
    inside[0, 5], outside[0, 8] = 1.0, 1.0
    mentions = Spans.from_tensor(torch.tensor([[0, 0, 1, 2], [0, 0, 7, 7]]), torch.ones(2))
    pairs = model.head.pairs.candidates(mentions)
    plain, *others = (
        model.head.pair_logits(PlainSentences(None, lambda batch, x=x: x), mentions, pairs)
        for x in (torch.zeros(1, 9, DIM, dtype=torch.float64), inside, outside)
    )
    assert not torch.equal(plain, others[0])
    assert torch.equal(plain, others[1])


def test_a_mention_that_is_too_wide_is_a_lost_relation_with_its_cause() -> None:
    wide, short = Entity(0, 4, "PER"), Entity(4, 5, "LOC")
    example = Example(list("abcde"), [wide, short], [Relation(wide, "in", short)])
    head = make([example]).head
    assert head.targets(example).lost == [(example.relations[0], TOO_WIDE)]
    assert [e.span for e in oracle_decode(head, [example])[0].entities] == [(4, 5)]


def test_with_the_best_of_overlapping_spans_a_mention_in_a_longer_one_is_lost_unless_that_is_too_wide() -> None:
    wide, inner, short = Entity(0, 4, "PER"), Entity(1, 3, "ORG"), Entity(2, 3, "LOC")
    example = Example(list("abcde"), [wide, inner, short], [Relation(inner, "in", short)])
    assert make([example]).head.targets(example).lost == []
    head = make([example], overlap="best").head
    assert head.targets(example).lost == [(example.relations[0], OVERLAPS)]
    assert [e.span for e in oracle_decode(head, [example])[0].entities] == [(1, 3)]


def test_pairs_are_scored_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make().eval()
    example = Example(list("abcdeabcdeab"))
    (whole,) = model.extract([example], DataLoader())
    sizes, score = [], model.head.pair_logits
    monkeypatch.setattr("relx.heads.schemes.span_pairs.PAIRS_AT_ONCE", 7)
    monkeypatch.setattr(model.head, "pair_logits", lambda *a: sizes.append(len(a[2])) or score(*a))
    (parts,) = model.extract([example], DataLoader())
    assert max(sizes) == 7
    assert len(sizes) > 3
    assert spans(parts) == spans(whole)


def test_three_hundred_mentions_in_a_sentence() -> None:
    model = make().eval()
    plain = labeled(model, [Example(["a"] * 300)])
    mentions = enumerate_spans(plain.mask, 1)
    sizes, score = [], model.head.pair_logits
    model.head.pair_logits = lambda *a: sizes.append(len(a[2])) or score(*a)
    with torch.inference_mode():
        model.head.relate(PlainSentences(plain, model.encode), mentions)
    assert sum(sizes) == 300 * 299
    assert max(sizes) <= 4096


def test_a_sample_of_pairs_without_relation_is_learned_in_training_only() -> None:
    model = make(pair_negatives=1)
    batch = labeled(model, EXAMPLES)
    chosen = {tuple(model.scores(batch)["first"].tolist()) for _ in range(20)}
    assert len(chosen) > 1
    assert {len(c) for c in chosen} == {2 + 4}, (
        "the first sentence has two related pairs and no other, the fourth 3 and 1"
    )
    model.eval()
    assert len(model.scores(batch)["first"]) == 2 + 12


@pytest.mark.parametrize("train_on", ["own", "both"])
def test_pairs_of_own_mentions_are_learned(train_on: str) -> None:
    model = make(train_on=train_on)
    batch = labeled(model, EXAMPLES)
    mentions = {tuple(m) for m in model.scores(batch)["mentions"][:, [0, 2, 3]].tolist()}
    gold = {(row, e.start, e.end - 1) for row, example in enumerate(EXAMPLES) for e in example.entities}
    own = {
        (row, e.start, e.end - 1)
        for row, example in enumerate(model.extract(EXAMPLES, DataLoader()))
        for e in example.entities
    }
    assert mentions == (own if train_on == "own" else own | gold)
    assert own
    assert not own >= gold
    assert torch.isfinite(model(batch))
