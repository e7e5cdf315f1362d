"""As how many tokens a sentence counts in a batch: heads that keep a table of token pairs bound it."""

import numpy as np
import pytest
from sentences import sentence

from relx.data.batch import TensorDataset
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.heads.graphrel import GraphRel
from relx.heads.head import CELLS_OF_TOKEN, Head, table_cost
from relx.heads.hmt import HMT
from relx.heads.table_sequence import TableSequence
from relx.model import JointExtractor
from relx.registry import Lazy

LENGTHS = np.arange(1, 400)


@pytest.mark.parametrize("size", [1, 30, 5000])
def test_a_batch_under_a_budget_of_tokens_has_a_bounded_table(size: int) -> None:
    costs = table_cost(LENGTHS, size)
    assert (costs >= LENGTHS).all() and (np.diff(costs) > 0).all()
    assert (LENGTHS**2 * size <= costs * CELLS_OF_TOKEN).all()
    assert (table_cost(np.array([0]), size) == 0).all()


@pytest.mark.parametrize(
    ("head", "size", "batches"),
    [
        (Lazy(HMT, hidden_size=4, tag_dim=4), 0, [4]),
        (Lazy(GraphRel), 3, [3, 1]),
        (Lazy(TableSequence, hidden_size=16, layers=2), 32, [1, 1, 1, 1]),
    ],
)
def test_heads_with_tables_count_long_sentences_as_more_tokens(head: Lazy[Head], size: int, batches: list[int]) -> None:
    examples = [sentence(400, ((0, 1), "a", (2, 3)), ((0, 1), "b", (5, 6)))]
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=4), head)
    assert (model.head.cost(LENGTHS) == table_cost(LENGTHS, size)).all()
    seen = []
    own = model.head.extract
    model.head.extract = lambda batch, encode: seen.append(len(batch)) or own(batch, encode)  # type: ignore[method-assign]
    model.extract(examples * 4, DataLoader(max_tokens=1600))
    assert seen == batches
    plan = DataLoader(max_tokens=1600).in_order(TensorDataset(examples * 4, model.index_labeled, model.head.cost).costs)
    assert [len(rows) for rows in plan] == batches
