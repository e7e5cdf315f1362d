import math
from collections.abc import Callable, Iterator

import pair_equations
import pytest
import torch
from padding import assert_every_parameter_learns, padded_inputs
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from relx.data.example import Entity, Relation
from relx.data.spans import TableCells
from relx.heads.pair_scorers import PairScorer, scorer
from relx.heads.pair_scorers.scorers import (
    ConcatMLPPairScorer,
    DecomposedPairScorer,
    LinearPairScorer,
    PFNPairScorer,
    SumPairScorer,
)
from relx.kernels import pair_sums
from relx.limits import SUMMED, SUMMED_TWICE, tables_of
from relx.registry import components

DIM, RELATIONS = 4, 3
SCORERS = [component.load() for component in components(PairScorer.__kind__).values()]
HIDDEN = [cls for cls in SCORERS if cls is not LinearPairScorer]
# For each sequence of padded_inputs, some of its cells: relation from 1, head, tail; zeros are padding.
GOLD = torch.tensor(
    [
        [[1, 0, 4], [3, 2, 2], [0, 0, 0]],
        [[2, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[1, 6, 0], [1, 0, 6], [2, 0, 6]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[3, 5, 1], [1, 5, 1], [0, 0, 0]],
    ]
)


@pytest.fixture(params=SCORERS, ids=lambda cls: cls.__name__)
def pairs(request: pytest.FixtureRequest) -> PairScorer:
    torch.manual_seed(1)
    sizes = {"hidden_size": 5} if request.param in HIDDEN else {}
    made = request.param(DIM, RELATIONS, bias=-1.0, **sizes).double()
    for parameter in made.parameters():
        parameter.data += torch.randn_like(parameter) / 2
    return made


@pytest.fixture(params=[1, 2**20], ids=["one sentence at a time", "at once"])
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "LOGITS_AT_ONCE", request.param)
    monkeypatch.setattr(pair_sums, "SUMS_AT_ONCE", request.param)


def literal_tables(pairs: PairScorer, inputs: Tensor, mask: Tensor) -> list[Tensor]:
    return [pair_equations.table(row[real], pairs) for row, real in zip(inputs, mask, strict=True)]


def gold_sets() -> Iterator[set[tuple[int, int, int]]]:
    for cells in GOLD.tolist():
        yield {(relation - 1, head, tail) for relation, head, tail in cells if relation}


def assert_same_gradients(ours: Tensor, theirs: Tensor, wanted: list[Tensor], atol: float = 1e-10) -> None:
    for mine, other in zip(*(torch.autograd.grad(out, wanted) for out in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=atol)


def test_the_table_and_its_gradients_are_those_of_the_equation_for_each_pair(pairs: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    table, expected = pairs(inputs), PairScorer.forward(pairs, inputs)
    assert table.shape == (*mask.shape, mask.shape[1], RELATIONS)
    torch.testing.assert_close(table, expected, rtol=0, atol=1e-12)
    direction = torch.randn_like(table)
    assert_same_gradients(
        (table * direction).sum(), (expected * direction).sum(), [inputs, *pairs.parameters()], atol=1e-9
    )


def test_with_dropout_the_table_is_that_of_the_equation_with_the_same_units_dropped() -> None:
    torch.manual_seed(1)
    made = PFNPairScorer(DIM, RELATIONS, hidden_size=8, dropout=0.5).double()
    inputs, _ = padded_inputs(DIM)
    tables = []
    for table in (made, lambda inputs: PairScorer.forward(made, inputs)):
        torch.manual_seed(2)
        tables.append(table(inputs))
    torch.testing.assert_close(*tables, rtol=0, atol=1e-12)
    assert not torch.allclose(tables[0], made.eval()(inputs))


def test_listed_pairs_have_their_cells_of_the_table(pairs: PairScorer) -> None:
    inputs, _ = padded_inputs(DIM)
    head, tail = torch.tensor([0, 6, 3, 3, 1]), torch.tensor([6, 0, 3, 3, 2])
    torch.testing.assert_close(pairs.score_pairs(inputs, head, tail), pairs(inputs)[:, head, tail], rtol=0, atol=1e-12)


@pytest.mark.usefixtures("chunks")
def test_the_best_tail_equals_the_equations_outputs_and_gradients(pairs: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    best = pairs.max_over_tails(inputs, mask)
    expected = [table.amax(dim=1) for table in literal_tables(pairs, inputs, mask) if len(table)]
    ours = torch.cat([row[real] for row, real in zip(best, mask, strict=True)])
    torch.testing.assert_close(ours, torch.cat(expected), rtol=0, atol=1e-12)
    assert (best[3] == -math.inf).all()
    direction = torch.randn_like(ours)
    assert_same_gradients(
        (ours * direction).sum(), (torch.cat(expected) * direction).sum(), [inputs, *pairs.parameters()]
    )
    with torch.inference_mode():
        torch.testing.assert_close(pairs.max_over_tails(inputs, mask).clone(), best.detach(), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("chunks")
def test_the_loss_equals_the_equations_outputs_and_gradients(pairs: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    loss = pairs.loss(inputs, mask, GOLD)
    tables = literal_tables(pairs, inputs, mask)
    expected = sum(map(pair_equations.cross_entropy, tables, gold_sets()), start=torch.zeros(()))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    assert_same_gradients(loss / 7, expected / 7, [inputs, *pairs.parameters()])
    with torch.inference_mode():
        torch.testing.assert_close(pairs.loss(inputs, mask, GOLD).clone(), loss.detach(), rtol=1e-12, atol=0)


def test_some_parameters_may_be_frozen(pairs: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    first, *rest = pairs.parameters()
    pairs.loss(inputs, mask, GOLD).backward()
    expected = [parameter.grad for parameter in rest]
    pairs.zero_grad()
    first.requires_grad_(False)
    pairs.loss(inputs, mask, GOLD).backward()
    assert first.grad is None
    for parameter, gradient in zip(rest, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_the_cells_above_a_threshold(pairs: PairScorer, threshold: float) -> None:
    inputs, mask = padded_inputs(DIM)
    cells, probabilities = pairs.predict(inputs, mask, threshold)
    found = dict(zip(zip(*map(Tensor.tolist, cells), strict=True), probabilities.tolist(), strict=True))
    expected = {}
    for sentence, table in enumerate(literal_tables(pairs, inputs, mask)):
        for place in (table.sigmoid() >= threshold).nonzero().tolist():
            expected[(sentence, *place)] = table[tuple(place)].sigmoid().item()
    assert 0 < len(expected) == len(probabilities)
    assert found == pytest.approx(expected)


def test_padding_and_neighbors_do_not_matter(pairs: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    together = pairs.loss(inputs, mask, GOLD)
    alone = []
    for i, length in enumerate(mask.sum(dim=1).clamp(min=1)):
        alone.append(pairs.loss(inputs[i : i + 1, :length], mask[i : i + 1, :length], GOLD[i : i + 1]))
    torch.testing.assert_close(torch.stack(alone).sum(), together, rtol=1e-12, atol=0)
    changed = torch.where(mask.unsqueeze(-1), inputs, 1e3)
    torch.testing.assert_close(pairs.loss(changed, mask, GOLD), together, rtol=1e-12, atol=0)


def test_a_gradient_reaches_every_parameter_and_is_finite_also_with_empty_sentences(pairs: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    assert_every_parameter_learns(pairs, pairs.loss(inputs, mask, GOLD))
    assert_every_parameter_learns(pairs, pairs.max_over_tails(inputs, mask).sigmoid())


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("cls", SCORERS)
def test_a_corpus_without_relations(cls: type[PairScorer]) -> None:
    inputs, mask = padded_inputs(DIM)
    none = cls(DIM, 0).double()
    gold = torch.zeros(len(mask), 1, 3, dtype=torch.int64)
    assert none.loss(inputs, mask, gold) == 0
    assert none.max_over_tails(inputs, mask).shape == (*mask.shape, 0)
    assert len(none.predict(inputs, mask, 0.5)[1]) == 0


@pytest.mark.parametrize("cls", SCORERS)
def test_every_logit_starts_near_the_bias(cls: type[PairScorer]) -> None:
    torch.manual_seed(1)
    logits = cls(DIM, RELATIONS, bias=-6.0)(torch.zeros(1, 2, DIM))
    torch.testing.assert_close(logits, torch.full_like(logits, -6.0), rtol=0, atol=2.0)


@pytest.mark.parametrize("cls", HIDDEN)
def test_sizes_are_checked(cls: type[PairScorer]) -> None:
    with pytest.raises(ValueError, match="hidden_size is 0"):
        cls(DIM, RELATIONS, hidden_size=0)


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest tensor made under it has."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, Tensor):
                self.largest = max(self.largest, tensor.untyped_storage().nbytes() // tensor.element_size())
        return made


@pytest.mark.parametrize("cls", SCORERS)
def test_no_table_of_the_whole_batch_is_made_for_the_loss(cls: type[PairScorer]) -> None:
    torch.manual_seed(1)
    batch, length, relations = 10, 30, 171
    made = cls(6, relations)
    inputs, mask = torch.randn(batch, length, 6, requires_grad=True), torch.ones(batch, length, dtype=torch.bool)
    gold = torch.tensor([[[3, 4, 5]]]).expand(batch, 1, 3)
    with LargestTensor() as made_tensors:
        made.loss(inputs, mask, gold).backward()
    assert made_tensors.largest <= scorer.LOGITS_AT_ONCE < batch * length**2 * relations


@pytest.mark.parametrize("cls", [ConcatMLPPairScorer, PFNPairScorer])
def test_the_hidden_layers_of_pairs_are_as_bounded_as_their_logits(cls: type[PairScorer]) -> None:
    torch.manual_seed(1)
    batch, length, hidden = 10, 30, 171
    made = cls(6, RELATIONS, hidden_size=hidden)
    inputs, mask = torch.randn(batch, length, 6, requires_grad=True), torch.ones(batch, length, dtype=torch.bool)
    gold = torch.tensor([[[3, 4, 2]]]).expand(batch, 1, 3)
    with LargestTensor() as made_tensors:
        made.loss(inputs, mask, gold).backward()
    assert made_tensors.largest <= scorer.LOGITS_AT_ONCE < batch * length**2 * hidden


# Logits that a sum over all pairs meets in one batch: likely relations, unlikely ones, and those in between.
@pytest.mark.parametrize("level", [30.0, 3.0, 0.0, -1.0, -3.0, -6.0, -20.0, -200.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_closed_sum_of_softplus_is_exact_to_rounding(level: float, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    heads, tails = (torch.randn(5, 7, 11, dtype=torch.float64) + shift for shift in (level + 9, -9))
    heads[0, 3:], tails[0, 3:] = -math.inf, -math.inf
    heads[1], tails[1] = -math.inf, -math.inf
    exact = [parts.clone().requires_grad_() for parts in (heads, tails)]
    expected = F.softplus(exact[0].unsqueeze(2) + exact[1].unsqueeze(1)).sum()
    given = [parts.to(dtype).requires_grad_() for parts in (heads, tails)]
    ours = pair_sums.softplus_of_sums(*given)
    # The float32 sums a + b themselves are off by up to 1e-6 of 10 + level.
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(ours.double(), expected, rtol=tolerance, atol=1e-40)
    for mine, other in zip(torch.autograd.grad(ours, given), torch.autograd.grad(expected, exact), strict=True):
        assert torch.isfinite(mine).all()
        torch.testing.assert_close(mine.double(), other, rtol=10 * tolerance, atol=1e-40)


def test_only_likely_relations_need_a_table() -> None:
    heads = torch.zeros(2, 50, 100)
    tails = torch.full_like(heads, -4.0)
    tails[1, 3, 7] = 1.0
    with LargestTensor() as made:
        pair_sums.softplus_of_sums(heads, tails)
    assert made.largest <= heads.numel()
    assert pair_sums.blocks_above(heads, tails, 0.0).nonzero().tolist() == [[1, 7]]


def test_cells_without_their_padding() -> None:
    cells = TableCells.unpadded(GOLD[:2])
    assert [part.tolist() for part in cells] == [[0, 0, 1], [0, 2, 0], [4, 2, 0], [0, 2, 1]]


class TestTwoDisjointPairs:
    """Of four tokens, 0 -> 1 and 2 -> 3 are pairs of one relation."""

    inputs = torch.eye(4).unsqueeze(0)
    mask = torch.ones(1, 4, dtype=torch.bool)
    gold = torch.tensor([[[1, 0, 1], [1, 2, 3]]])

    def learned(self, pairs: PairScorer) -> set[tuple[int, int]]:
        optimizer = torch.optim.Adam(pairs.parameters(), lr=0.05)
        for _ in range(150):
            optimizer.zero_grad()
            pairs.loss(self.inputs, self.mask, self.gold).backward()
            optimizer.step()
        cells, _ = pairs.predict(self.inputs, self.mask, 0.5)
        return set(zip(cells.head.tolist(), cells.tail.tolist(), strict=True))

    @pytest.mark.parametrize("cls", [DecomposedPairScorer, LinearPairScorer])
    def test_sums_of_the_pairs_and_of_those_across_are_one(self, cls: type[PairScorer]) -> None:
        torch.manual_seed(1)
        logits = cls(4, 1)(torch.randn(1, 4, 4))[0, :, :, 0]
        torch.testing.assert_close(logits[0, 1] + logits[2, 3], logits[0, 3] + logits[2, 1])

    @pytest.mark.parametrize(
        "made", [lambda: DecomposedPairScorer(4, 1, hidden_size=16), lambda: LinearPairScorer(4, 1)]
    )
    def test_sums_cannot_learn_them(self, made: Callable[[], PairScorer]) -> None:
        torch.manual_seed(1)
        found = self.learned(made())
        assert not {(0, 1), (2, 3)} <= found or {(0, 3), (2, 1)} & found

    @pytest.mark.parametrize("cls", [cls for cls in SCORERS if not issubclass(cls, SumPairScorer)])
    def test_the_others_learn_them(self, cls: type[PairScorer]) -> None:
        torch.manual_seed(1)
        assert self.learned(cls(4, 1, hidden_size=16)) == {(0, 1), (2, 3)}


def test_the_scorers_with_a_hidden_layer_differ_in_its_activation() -> None:
    assert [name for name, _ in ConcatMLPPairScorer(2, 1).named_parameters() if "activation" in name] == []
    assert [name for name, _ in PFNPairScorer(2, 1).named_parameters() if "activation" in name] == [
        "activation.0.weight",
        "activation.0.bias",
    ]


class TablePairScorer(PairScorer):
    """A scorer of one's own that writes nothing but ``forward``."""

    def __init__(self, input_dim: int, num_relations: int) -> None:
        super().__init__()
        self.num_relations = num_relations
        self.head, self.tail = (torch.nn.Linear(input_dim, num_relations) for _ in range(2))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.head(inputs).unsqueeze(2) * self.tail(inputs).unsqueeze(1))


class EquationPairScorer(TablePairScorer):
    """The same scorer, which writes nothing but ``reference``."""

    forward = PairScorer.forward

    def reference(self, h_i: Tensor, h_j: Tensor) -> Tensor:
        return torch.tanh(self.head(h_i) * self.tail(h_j))


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("cls", [TablePairScorer, EquationPairScorer])
def test_a_scorer_needs_no_more_than_its_table_or_its_equation(cls: type[TablePairScorer]) -> None:
    torch.manual_seed(1)
    made = cls(DIM, RELATIONS).double()
    inputs, mask = padded_inputs(DIM)
    tables = [made(row[real].unsqueeze(0))[0] for row, real in zip(inputs, mask, strict=True)]
    expected = sum(map(pair_equations.cross_entropy, tables, gold_sets()), start=torch.zeros(()))
    torch.testing.assert_close(made.loss(inputs, mask, GOLD), expected, rtol=1e-12, atol=0)
    for row, table in enumerate(tables):
        if len(table):
            torch.testing.assert_close(made.max_over_tails(inputs, mask)[row, : len(table)], table.amax(dim=1))
    assert len(made.predict(inputs, mask, 0.5)[1]) == sum(int((table >= 0).sum()) for table in tables)
    assert_every_parameter_learns(made, made.max_over_tails(inputs, mask).sigmoid() + made.loss(inputs, mask, GOLD))


@pytest.mark.parametrize(("name", "cause"), [("linear", SUMMED), ("decomposed", SUMMED), ("biaffine", None)])
def test_a_scorer_that_is_a_sum_says_that_it_cannot_hold_two_crossing_pairs(name: str, cause: str | None) -> None:
    made = PairScorer.named(name).build(input_dim=3, num_relations=1)
    ada, alan, rome, oslo = (Entity(token, token + 1) for token in (0, 2, 5, 7))
    tables = tables_of([Relation(ada, "likes", rome), Relation(alan, "likes", oslo)])
    assert [limit.cause for limit in made.limits(tables, lambda cell: True)] == [cause] * bool(cause)
    assert made.limits(tables, lambda cell: False) == []  # no other cell would be a wrong relation
    twice = made.limits(tables, lambda cell: True, scores=2)
    assert [limit.cause for limit in twice] == [SUMMED_TWICE] * bool(cause)
