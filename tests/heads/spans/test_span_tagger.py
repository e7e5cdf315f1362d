import random

import pytest
import span_equations
import torch
from padding import LENGTHS, assert_every_parameter_learns, padded_inputs
from span_equations import numbers_of, random_spans, spans_of

from relx.heads.cascade.head import MatchingSpanTagger
from relx.heads.pair_scorers.scorers import BiaffinePairScorer, LinearPairScorer, PFNPairScorer
from relx.heads.spans.tagger import SpanTagger, SpanTask
from relx.registry import Lazy

DIM, LABELS = 4, 3
GOLD = spans_of([(0, 1, 0, 2), (0, 1, 0, 4), (0, 2, 2, 4), (1, 0, 0, 0), (2, 0, 3, 6), (2, 1, 3, 6), (5, 2, 1, 1)])
TASK = {"alpha": 0.5, "beta": 0.25, "gamma": 2.0}
VARIANTS = {
    "linear": {"pair_scorer": Lazy(LinearPairScorer, bias=0.0)},
    "pfn_mlp": {"pair_scorer": Lazy(PFNPairScorer, hidden_size=5, bias=0.0)},
    "biaffine": {"pair_scorer": Lazy(BiaffinePairScorer, hidden_size=5, bias=0.0)},
    "nearest": {},
}


def make(name: str, threshold: float = 0.5) -> SpanTagger:
    torch.manual_seed(1)
    cls = SpanTagger if name == "nearest" else MatchingSpanTagger
    made = cls(DIM, LABELS, SpanTask(**TASK, threshold=threshold), **VARIANTS[name]).double()
    for parameter in made.parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return made


@pytest.fixture(params=VARIANTS)
def extractor(request: pytest.FixtureRequest) -> SpanTagger:
    return make(request.param)


def gold_of(row: int) -> set[tuple[int, int, int]]:
    return {(label, start, last) for of, label, start, last in numbers_of(GOLD) if of == row}


def test_the_loss_equals_the_equations_outputs_and_gradients(extractor: SpanTagger) -> None:
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    loss = extractor.loss(inputs, mask, GOLD)
    rows = [span_equations.loss(inputs[i, :size], gold_of(i), extractor) for i, size in enumerate(LENGTHS)]
    torch.testing.assert_close(loss, torch.stack(rows).sum(), rtol=1e-12, atol=0)
    wanted = [inputs, *extractor.parameters()]
    pairs = zip(*(torch.autograd.grad(out, wanted) for out in (loss, torch.stack(rows).sum())), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("threshold", [0.2, 0.4])
@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_found_equals_the_equations(name: str, threshold: float) -> None:
    extractor = make(name, threshold)
    inputs, mask = padded_inputs(DIM)
    found = extractor(inputs, mask)
    ours = dict(zip(numbers_of(found), found.score.tolist(), strict=True))
    expected = {}
    for row, size in enumerate(LENGTHS):
        for (label, start, last), score in span_equations.found(inputs[row, :size], extractor).items():
            expected[row, label, start, last] = score
    assert len(expected) > 5
    assert ours == pytest.approx(expected)


def test_a_gradient_reaches_every_parameter(extractor: SpanTagger) -> None:
    inputs, mask = padded_inputs(DIM)
    assert_every_parameter_learns(extractor, extractor.loss(inputs, mask, GOLD))


@pytest.mark.parametrize("shape", [(0, 5), (2, 1), (2, 0)])
def test_nothing_is_found_in_nothing(extractor: SpanTagger, shape: tuple[int, int]) -> None:
    inputs, mask = torch.randn(*shape, DIM, dtype=torch.float64), torch.zeros(shape, dtype=torch.bool)
    assert len(extractor(inputs, mask)) == 0
    assert extractor.loss(inputs, mask, spans_of([])) == 0
    assert len(extractor.oracle(spans_of([]), mask.shape)) == 0


def test_gold_comes_back_by_match_however_it_overlaps() -> None:
    draw = random.Random(1)
    for _ in range(100):
        gold = random_spans(draw, 3, 8, LABELS)
        assert sorted(numbers_of(make("pfn_mlp").oracle(gold, torch.Size((3, 8))))) == sorted(numbers_of(gold))


def test_the_nearest_end_loses_the_longer_of_two_spans_with_one_start_and_those_around_others() -> None:
    flat, shared, nested = [(0, 1, 0, 2), (0, 1, 3, 3)], [(1, 1, 0, 2), (1, 1, 0, 4)], [(2, 0, 0, 5), (2, 0, 1, 3)]
    found = make("nearest").oracle(spans_of([*flat, *shared, *nested]), torch.Size((3, 8)))
    assert sorted(numbers_of(found)) == [*flat, (1, 1, 0, 2), (2, 0, 0, 3), (2, 0, 1, 3)]


def test_what_the_extractor_has_learned_is_what_it_finds() -> None:
    inputs, mask = padded_inputs(40)
    torch.manual_seed(2)
    extractor = MatchingSpanTagger(40, LABELS, pair_scorer=Lazy(PFNPairScorer, hidden_size=20)).double()
    optimizer = torch.optim.Adam(extractor.parameters(), lr=0.03)
    for _ in range(100):
        optimizer.zero_grad()
        extractor.loss(inputs, mask, GOLD).backward()
        optimizer.step()
    assert sorted(numbers_of(extractor(inputs, mask))) == sorted(numbers_of(GOLD))


def test_a_sentence_starts_with_about_one_start_in_all() -> None:
    for labels in (1, 7, 171):
        extractor = SpanTagger(DIM, labels)
        expected = 25 * extractor.start(torch.zeros(DIM)).sigmoid().sum()
        assert 0.5 < expected.item() < 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -0.1}, "alpha is -0.1"),
        ({"gamma": float("inf")}, "gamma is inf"),
        ({"beta": float("nan")}, "beta is nan"),
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"threshold": 1.0}, "threshold is 1.0"),
    ],
)
def test_settings_of_a_task_are_checked(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpanTask(**arguments)
