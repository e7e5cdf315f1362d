import pair_equations
import pytest
import torch
from padding import assert_every_parameter_learns, padded_inputs
from torch import Tensor

from relx.data.spans import TableCells
from relx.heads.pair_scorers import PairScorer
from relx.heads.pair_scorers.scorer import logits_of_cells, predict_spans, triangle_loss
from relx.heads.pair_scorers.scorers import LinearPairScorer, PFNPairScorer
from relx.registry import Lazy, components

DIM, RELATIONS = 4, 3
SCORERS = [component.load() for component in components(PairScorer.__kind__).values()]
# TableCells of the sequences of padded_inputs.
GOLD = TableCells(
    sentence=torch.tensor([0, 0, 1, 2, 2, 2, 5]),
    head=torch.tensor([0, 2, 0, 0, 0, 6, 1]),
    tail=torch.tensor([4, 2, 0, 6, 6, 6, 5]),
    relation=torch.tensor([0, 2, 1, 0, 1, 0, 2]),
)


@pytest.fixture(params=SCORERS, ids=lambda cls: cls.__name__)
def scorer(request: pytest.FixtureRequest) -> PairScorer:
    torch.manual_seed(1)
    made = request.param(DIM, RELATIONS, bias=-1.0).double()
    for parameter in made.parameters():
        parameter.data += torch.randn_like(parameter) / 2
    return made


@pytest.fixture(params=[1, 2**20], ids=["one sentence at a time", "at once"])
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relx.heads.pair_scorers.scorer.LOGITS_AT_ONCE", request.param)


def literal_loss(scorer: PairScorer, inputs: Tensor, mask: Tensor) -> Tensor:
    gold, total = set(zip(*map(Tensor.tolist, GOLD), strict=True)), inputs.new_zeros(())
    for sentence, (row, real) in enumerate(zip(inputs, mask, strict=True)):
        probabilities = pair_equations.table(row[real], scorer).sigmoid()
        for i in range(len(probabilities)):
            for j in range(i, len(probabilities)):
                for k, p in enumerate(probabilities[i, j]):
                    total = total - torch.log(p if (sentence, i, j, k) in gold else 1 - p)
    return total


@pytest.mark.usefixtures("chunks")
def test_the_loss_is_that_of_the_pairs_in_order_outputs_and_gradients(scorer: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    loss, expected = triangle_loss(scorer, inputs, mask, GOLD), literal_loss(scorer, inputs, mask)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    wanted = [inputs, *scorer.parameters()]
    # What is no tail of a pair in order may have no gradient.
    ours, theirs = (torch.autograd.grad(out / 7, wanted, materialize_grads=True) for out in (loss, expected))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-11)
    with torch.inference_mode():
        torch.testing.assert_close(triangle_loss(scorer, inputs, mask, GOLD).clone(), loss.detach())


def test_with_dropout_gold_cells_have_the_logits_of_the_table_that_is_learned() -> None:
    torch.manual_seed(1)
    scorer = PFNPairScorer(DIM, RELATIONS, hidden_size=8, bias=0.0, dropout=0.5).double()
    inputs, mask = padded_inputs(DIM)
    head, tail = torch.triu_indices(inputs.shape[1], inputs.shape[1])
    torch.manual_seed(2)
    loss = triangle_loss(scorer, inputs, mask, GOLD)
    torch.manual_seed(2)
    logits = scorer.score_pairs(inputs, head, tail)
    gold = set(zip(*map(Tensor.tolist, GOLD), strict=True))
    expected = [
        torch.nn.functional.softplus(-z if (sentence, i, j, k) in gold else z)
        for sentence, of_pairs in enumerate(logits)
        for i, j, of_labels in zip(head.tolist(), tail.tolist(), of_pairs, strict=True)
        for k, z in enumerate(of_labels)
        if mask[sentence, j]
    ]
    torch.testing.assert_close(loss, torch.stack(expected).sum(), rtol=1e-12, atol=0)


def test_padding_is_not_read(scorer: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    changed = torch.where(mask.unsqueeze(-1), inputs, 1e3)
    torch.testing.assert_close(triangle_loss(scorer, changed, mask, GOLD), triangle_loss(scorer, inputs, mask, GOLD))


def test_a_cell_has_its_logit_of_the_table(scorer: PairScorer) -> None:
    inputs, _ = padded_inputs(DIM)
    sentence, head, tail, relation = GOLD
    expected = scorer(inputs)[sentence, head, tail, relation]
    torch.testing.assert_close(logits_of_cells(scorer, inputs, GOLD), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 60, 300, 2**20])
def test_spans_are_read_in_order_in_blocks_of_bounded_size(
    scorer: PairScorer, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, mask = padded_inputs(DIM)
    read, sizes = scorer.score_pairs, []

    def score_pairs(inputs: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        sizes.append(len(inputs) * len(head) * scorer.width)
        return read(inputs, head, tail)

    monkeypatch.setattr("relx.heads.pair_scorers.scorer.LOGITS_AT_ONCE", at_once)
    monkeypatch.setattr(scorer, "score_pairs", score_pairs)
    found = predict_spans(scorer, inputs, mask, 0.3)
    probs = read(inputs, *torch.triu_indices(inputs.shape[1], inputs.shape[1])).sigmoid()
    first, last = torch.triu_indices(inputs.shape[1], inputs.shape[1])
    row, pair, label = ((probs >= 0.3) & mask[:, last, None]).nonzero(as_tuple=True)
    expected = torch.stack((row, label, first[pair], last[pair]), dim=1)
    assert torch.equal(torch.stack((found.batch_index, found.label, found.start, found.last), dim=1), expected)
    torch.testing.assert_close(found.score, probs[row, pair, label])
    assert max(sizes) <= max(at_once, scorer.width)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_nothing_costs_nothing(scorer: PairScorer, shape: tuple[int, int]) -> None:
    none = TableCells(*torch.zeros(4, 0, dtype=torch.int64))
    inputs = torch.zeros(*shape, DIM, dtype=torch.float64, requires_grad=True)
    loss = triangle_loss(scorer, inputs, torch.zeros(shape, dtype=torch.bool), none)
    assert loss == 0
    loss.backward()


def test_a_gradient_reaches_every_parameter(scorer: PairScorer) -> None:
    inputs, mask = padded_inputs(DIM)
    assert_every_parameter_learns(scorer, triangle_loss(scorer, inputs, mask, GOLD))


class TestTwoSpansOfOneLabel:
    """Of four tokens, 0 to 1 and 2 to 3 are spans: a sum, too, can hold them where only pairs in order count."""

    inputs, mask = torch.eye(4).unsqueeze(0), torch.ones(1, 4, dtype=torch.bool)
    gold = TableCells(*torch.tensor([[0, 0], [0, 2], [1, 3], [0, 0]]))

    @pytest.mark.parametrize("cls", SCORERS, ids=lambda cls: cls.__name__)
    def test_every_scorer_learns_them(self, cls: type[PairScorer]) -> None:
        torch.manual_seed(1)
        scorer = Lazy(cls, **({} if cls is LinearPairScorer else {"hidden_size": 16})).build(
            input_dim=4, num_relations=1
        )
        optimizer = torch.optim.Adam(scorer.parameters(), lr=0.1)
        for _ in range(120):
            optimizer.zero_grad()
            triangle_loss(scorer, self.inputs, self.mask, self.gold).backward()
            optimizer.step()
        found = (scorer(self.inputs)[0, :, :, 0] > 0).triu().nonzero().tolist()
        assert found == [[0, 1], [2, 3]]
