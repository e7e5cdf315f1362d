import pytest
import torch
from padding import assert_every_parameter_learns, assert_same_gradients
from span_equations import numbers_of, spans_of
from torch import Tensor

from relx.data.spans import without_overlaps
from relx.encoders.seq2vec.pooling import MeanEncoder
from relx.heads.spans.classifier import SpanClassifier, endpoints_of_spans
from relx.utils.counting import drawn, mean_of_rows

DIM, LABELS = 4, 2
MASK = torch.arange(6) < torch.tensor([6, 1, 0, 4]).unsqueeze(1)
GOLD = spans_of([(0, 1, 0, 1), (0, 0, 1, 1), (0, 1, 2, 4), (3, 0, 3, 3)])


def make(mean: bool = False, pooling: str = "max", **arguments) -> SpanClassifier:
    torch.manual_seed(2)
    sentence = MeanEncoder(DIM)
    classifier = SpanClassifier(
        DIM, LABELS, 3, pooling, 3, sentence=sentence, mean=mean, hidden_sizes=(5,), **arguments
    ).double()
    for parameter in classifier.parameters():
        parameter.data = torch.randn_like(parameter)
    return classifier


def tokens() -> Tensor:
    return torch.randn(4, 6, DIM, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def literal_logits(h: Tensor, row: int, start: int, last: int, classifier: SpanClassifier) -> Tensor:
    """Of one span: no label first."""
    words = h[row][MASK[row]]
    pooled = words[start : last + 1].amax(0)
    if classifier.pool is endpoints_of_spans:
        pooled = torch.cat((words[start], words[last]))
    x = torch.cat((pooled, classifier.width.weight[last - start], words.mean(0)))
    first, _, _, output = classifier.scorer
    return output.weight @ torch.relu(first.weight @ x + first.bias) + output.bias


def spans_of_row(row: int) -> list[tuple[int, int]]:
    length = int(MASK[row].sum())
    return [(start, last) for start in range(length) for last in range(start, min(length, start + 3))]


@pytest.mark.parametrize("pooling", ["max", "endpoints"])
@pytest.mark.parametrize("mean", [False, True])
def test_the_loss_is_the_cross_entropy_of_every_short_span(pooling: str, mean: bool) -> None:
    classifier, h = make(mean, pooling), tokens()
    label = {(row, start, last): 1 + kind for row, kind, start, last in numbers_of(GOLD)}
    expected = torch.zeros((), dtype=torch.float64)
    for row in range(4):
        losses = [
            -literal_logits(h, row, *span, classifier).log_softmax(0)[label.get((row, *span), 0)]
            for span in spans_of_row(row)
        ]
        if losses:
            expected = expected + (torch.stack(losses).mean() if mean else torch.stack(losses).sum())
    loss = classifier.loss(h, MASK, GOLD)
    assert_same_gradients(loss, expected, classifier, rtol=1e-12, atol=1e-10)
    assert_every_parameter_learns(classifier, classifier.loss(h, MASK, GOLD))


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_it_finds_the_spans_whose_best_label_is_not_none(at_once: int) -> None:
    classifier, h = make().eval(), tokens()
    classifier.at_once = at_once
    expected = {}
    for row in range(4):
        for span in spans_of_row(row):
            probability, label = literal_logits(h, row, *span, classifier).softmax(0).max(0)
            if label:
                expected[(row, int(label) - 1, *span)] = probability.item()
    found = classifier(h, MASK)
    assert numbers_of(found) == sorted(expected, key=lambda n: (n[0], n[2], n[3]))
    assert dict(zip(numbers_of(found), found.score.tolist(), strict=True)) == pytest.approx(expected)
    assert len(expected) > 3


def test_so_many_spans_without_label_are_drawn_and_each_of_them_at_times() -> None:
    row = torch.tensor([0, 0, 0, 0, 0, 2, 2, 3])
    positive = torch.tensor([False, True, False, False, True, False, False, True])
    seen: set[int] = set()
    for _ in range(50):
        chosen = drawn(row, positive, 2).tolist()
        assert chosen == sorted(chosen)
        assert {1, 4, 5, 6, 7} <= set(chosen), "all positive ones, and both negative ones of row 2"
        assert len(chosen) == 7
        seen |= set(chosen)
    assert seen == set(range(8))


def test_in_training_it_learns_a_sample_and_in_evaluation_every_span() -> None:
    classifier, h = make(negatives=2), tokens()
    values = {classifier.loss(h, MASK, GOLD).item() for _ in range(10)}
    assert len(values) > 1
    torch.testing.assert_close(classifier.eval().loss(h, MASK, GOLD), make().loss(h, MASK, GOLD))


def test_the_mean_of_rows() -> None:
    assert mean_of_rows(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 4])).item() == 7
    assert mean_of_rows(torch.zeros(0), torch.zeros(0, dtype=torch.long)).item() == 0


def test_a_span_that_is_wider_than_the_widest_is_represented_but_not_found() -> None:
    classifier = make()
    wide = spans_of([(0, 0, 0, 5)])
    assert torch.equal(classifier.represent(tokens(), wide)[0, DIM:], classifier.width.weight[2])
    assert (0, 0, 5) not in {(row, start, last) for row, _, start, last in numbers_of(classifier(tokens(), MASK))}


def test_overlapping_spans_are_kept_or_only_the_best_of_them() -> None:
    every, best = make()(tokens(), MASK), make(overlap="best")(tokens(), MASK)
    assert len(best) < len(every)
    assert torch.equal(best.as_tensor(), without_overlaps(every).as_tensor())
