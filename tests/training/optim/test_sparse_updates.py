import copy
import math
from pathlib import Path

import pytest
import tiny as sample
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import TensorDataset
from relx.data.vocabulary import Vocabulary
from relx.errors import ConfigError
from relx.training.optim.optimizers import SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Optimizer, RMSprop
from relx.training.optim.sparse_updates import clip_gradients

ROWS, DIM = 7, 3
LOOKED_UP = ([1, 2, 2], [4], [2, 5, 1], [6, 6, 1], [2], [4, 5])
MADE: tuple[Optimizer, ...] = (
    Adam(lr=0.1),
    Adam(lr=0.1, weight_decay=0.1),
    AdamW(lr=0.1, weight_decay=0.1),
    RMSprop(lr=0.1),
    RMSprop(lr=0.1, momentum=0.9, weight_decay=0.1),
    SGD(lr=0.1),
    SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    Adagrad(lr=0.1),
    Adadelta(lr=1.0),
)
NAMES = [f"{type(made).__name__}-{number}" for number, made in enumerate(MADE)]


def table() -> nn.Parameter:
    return nn.Parameter(torch.randn(ROWS, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))


def backward(weights: nn.Parameter, rows: list[int], sparse: bool, step: int = 0) -> None:
    """The gradients of a loss that differs from step to step."""
    looked_up = F.embedding(torch.tensor(rows), weights, sparse=sparse)
    towards = torch.randn(len(rows), DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
    (looked_up * towards).sum().backward()


def run(optimizer: torch.optim.Optimizer, weights: nn.Parameter, sparse: bool = True, first: int = 0) -> None:
    for step, rows in enumerate(LOOKED_UP[first:], first):
        backward(weights, rows, sparse, step)
        optimizer.step()
        optimizer.zero_grad()


def test_adam_is_torchs_sparse_adam() -> None:
    ours, theirs = table(), table()
    run(Adam(lr=0.1, beta1=0.8, beta2=0.95, eps=1e-12).build([ours]), ours)
    run(torch.optim.SparseAdam([theirs], lr=0.1, betas=(0.8, 0.95), eps=1e-12), theirs)
    torch.testing.assert_close(ours, theirs)


def gradients(rows: list[int], step: int) -> dict[int, list[float]]:
    """The gradient of each row that was looked up."""
    weights = table()
    backward(weights, rows, False, step)
    assert weights.grad is not None
    return {row: weights.grad[row].tolist() for row in rows}


def test_adamw_by_hand() -> None:
    lr, beta1, beta2, eps, decay = 0.1, 0.9, 0.999, 1e-8, 0.2
    w = table().tolist()
    m, v = ([[0.0] * DIM for _ in range(ROWS)] for _ in range(2))
    for t, looked_up in enumerate(LOOKED_UP, 1):
        for i, gradient in gradients(looked_up, t - 1).items():
            for j, g in enumerate(gradient):
                w[i][j] -= lr * decay * w[i][j]
                m[i][j] = beta1 * m[i][j] + (1 - beta1) * g
                v[i][j] = beta2 * v[i][j] + (1 - beta2) * g * g
                w[i][j] -= lr * (m[i][j] / (1 - beta1**t)) / (math.sqrt(v[i][j] / (1 - beta2**t)) + eps)
    weights = table()
    run(AdamW(lr, beta1, beta2, eps, decay).build([weights]), weights)
    torch.testing.assert_close(weights.detach(), torch.tensor(w, dtype=torch.float64))


def test_rmsprop_by_hand() -> None:
    lr, alpha, eps, momentum = 0.1, 0.9, 1e-8, 0.5
    w = table().tolist()
    v, buffer = ([[0.0] * DIM for _ in range(ROWS)] for _ in range(2))
    for step, looked_up in enumerate(LOOKED_UP):
        for i, gradient in gradients(looked_up, step).items():
            for j, g in enumerate(gradient):
                v[i][j] = alpha * v[i][j] + (1 - alpha) * g * g
                buffer[i][j] = momentum * buffer[i][j] + g / (math.sqrt(v[i][j]) + eps)
                w[i][j] -= lr * buffer[i][j]
    weights = table()
    run(RMSprop(lr, alpha, eps, momentum).build([weights]), weights)
    torch.testing.assert_close(weights.detach(), torch.tensor(w, dtype=torch.float64))


@pytest.mark.parametrize("made", MADE, ids=NAMES)
class TestEveryAlgorithm:
    def test_rows_that_are_not_looked_up_stay_with_their_state(self, made: Optimizer) -> None:
        weights = table()
        optimizer = made.build([weights])
        for step, rows in enumerate(LOOKED_UP):
            before, state = weights.detach().clone(), copy.deepcopy(optimizer.state[weights])
            backward(weights, rows, True, step)
            optimizer.step()
            others = [row for row in range(ROWS) if row not in rows]
            assert torch.equal(weights[others], before[others])
            assert (weights[rows] != before[rows]).all()
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == weights.shape:
                    assert torch.equal(optimizer.state[weights][name][others], value[others])

    def test_where_all_rows_are_looked_up_it_is_the_dense_algorithm(self, made: Optimizer) -> None:
        lazy, dense = table(), table()
        optimizers = made.build([lazy]), made.build([dense])
        for step in range(4):
            for weights, optimizer, sparse in zip((lazy, dense), optimizers, (True, False), strict=True):
                backward(weights, list(range(ROWS)), sparse, step)
                optimizer.step()
                optimizer.zero_grad()
        assert torch.equal(lazy, dense)
        states = [optimizer.state_dict()["state"] for optimizer in optimizers]
        torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)

    def test_a_resumed_run_is_the_run_never_stopped_bit_by_bit(self, made: Optimizer) -> None:
        whole = table()
        run(made.build([whole]), whole)
        for stop in range(len(LOOKED_UP)):
            before, after = table(), table()
            first = made.build([before])
            for step, rows in enumerate(LOOKED_UP[:stop]):
                backward(before, rows, True, step)
                first.step()
                first.zero_grad()
            with torch.no_grad():
                after.copy_(before)
            second = made.build([after])
            second.load_state_dict(copy.deepcopy(first.state_dict()))
            run(second, after, first=stop)
            assert torch.equal(after, whole)

    def test_dense_parameters_beside_a_table_are_updated_as_ever(self, made: Optimizer) -> None:
        alone, beside, weights = table(), table(), table()
        one, both = made.build([alone]), made.build([{"params": [weights, beside]}])
        for step in range(3):
            backward(weights, [1, 2], True, step)
            for parameter in (alone, beside):
                backward(parameter, [0, 3], False, step)
            for optimizer in (one, both):
                optimizer.step()
                optimizer.zero_grad()
        torch.testing.assert_close(beside, alone)
        assert [len(group["params"]) for group in both.param_groups] == [2]


def test_an_error_in_the_step_leaves_the_groups_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = table()
    optimizer = Adam().build([weights])
    backward(weights, [1], True)
    optimizer.param_groups[0]["betas"] = "nonsense"
    with pytest.raises(ValueError):
        optimizer.step()
    assert optimizer.param_groups[0]["params"] == [weights]


def test_gradients_that_were_accumulated_count_with_their_sum() -> None:
    lazy, dense = table(), table()
    for weights, sparse in ((lazy, True), (dense, False)):
        for step, rows in enumerate(LOOKED_UP[:3]):
            backward(weights, rows, sparse, step)
    looked_up = sorted({row for rows in LOOKED_UP[:3] for row in rows})
    for weights in (lazy, dense):
        SGD(lr=0.1).build([weights]).step()
    torch.testing.assert_close(lazy[looked_up], dense[looked_up])


def test_adafactor_says_that_it_cannot() -> None:
    weights = table()
    optimizer = Adafactor().build([weights])
    backward(weights, [1], True)
    with pytest.raises(ConfigError, match="adafactor cannot update single rows"):
        optimizer.step()


class TestClipping:
    @pytest.mark.parametrize("limit", [0.5, 1e6])
    def test_sparse_gradients_are_clipped_like_dense_ones(self, limit: float) -> None:
        found = []
        for sparse in (True, False):
            weights, other = table(), nn.Parameter(torch.ones(DIM, dtype=torch.float64))
            backward(weights, [1, 1, 2], sparse, 1)
            (other * 3).sum().backward()
            norm = clip_gradients([weights, other], limit)
            assert weights.grad is not None and other.grad is not None
            assert weights.grad.is_sparse == sparse
            found.append((norm, weights.grad.to_dense() if sparse else weights.grad, other.grad))
        torch.testing.assert_close(found[0], found[1])

    def test_parameters_without_a_gradient_are_passed_over(self) -> None:
        weights = table()
        backward(weights, [1], True, 1)
        assert clip_gradients([weights, table()], 1.0) > 0


class TestWords:
    """The embedder of words with ``sparse``, in a model."""

    def model(self, tiny: Path, **settings: object) -> tuple[nn.Module, TensorDataset]:
        torch.manual_seed(1)
        overrides = [f"model.embedder.{name}={str(value).lower()}" for name, value in settings.items()]
        made, _ = sample.experiment(tiny, "model.head.dropout=0", *overrides)
        examples = sample.sentences(made)
        model = made.lazy_model.build(vocabulary=Vocabulary(examples))
        return model, TensorDataset(examples, model.index_labeled)

    def test_the_gradient_is_the_dense_one(self, tiny: Path) -> None:
        found = []
        for sparse in (True, False):
            model, corpus = self.model(tiny, sparse=sparse)
            model(corpus.batch(range(6))).backward()
            gradient = model.embedder.table.grad
            assert gradient.is_sparse == sparse
            found.append(gradient.to_dense() if sparse else gradient)
        torch.testing.assert_close(found[0], found[1])

    def test_a_step_changes_the_vectors_of_the_batchs_words_alone(self, tiny: Path) -> None:
        model, corpus = self.model(tiny, sparse=True)
        optimizer = Adam(lr=0.1).build(model.parameters())
        for rows in ([0, 1, 2], [20]):
            batch = corpus.batch(rows)
            before = model.embedder.table.detach().clone()
            model(batch).backward()
            optimizer.step()
            optimizer.zero_grad()
            changed = (model.embedder.table != before).any(dim=1).nonzero().flatten().tolist()
            assert changed == sorted({row for row in batch["words"].flatten().tolist() if row != 0})

    def test_several_processes_are_refused(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model, corpus = self.model(tiny, sparse=True)
        monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
        monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
        with pytest.raises(ConfigError, match="sparse word vectors are trained in one process only"):
            model(corpus.batch([0]))
        model.eval()
        model(corpus.batch([0]))
