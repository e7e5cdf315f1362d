"""RIN's speed and memory against its equations taken literally, and its training step against the floor.

``python benchmarks/rin.py [--head rin_v2] [--rounds 2] [--var data=CORPUS --var format=triples]``

The experiment ``rin_webnlg`` is trained for a few epochs, because what a step costs depends on how likely relations
are. Then processes of their own open its archive. One computes as relx does. In the other the pair scorer makes the
table of all pairs from a tensor of all pairs' vectors, in every round, and takes the loss against a dense table of
labels. The floor is the floating-point operations of the matrix products, factorised, at the rate at which this machine
multiplies matrices of that size; three times the forward ones make a training step.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

import torch
from processes import output_of
from synthetic import medians, seconds
from torch import Tensor
from torch.nn import functional as F

from relx import archive, config
from relx.commands.common import experiment_class
from relx.data.batch import Batch, TensorDataset
from relx.data.loader import DataLoader, load
from relx.data.spans import TableCells
from relx.heads.pair_scorers import PairScorer
from relx.model import JointExtractor
from relx.scoring import score
from relx.utils.runtime import keep_freed_memory

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "rin_webnlg.jsonnet"
BATCH = 50
IMPLEMENTATIONS = ("literal", "relx")
# Weights that are used once a sentence; those that are used once a round and once after the last.
ONCE = ("encoder.", "head.relation_features.", "head.entity_features.")
ONCE_MORE = ("head.tagger.", "head.pair_scorer.")


class LiteralScorer(PairScorer):
    """The weights of another scorer, applied to the vectors of every pair."""

    def __init__(self, scorer: PairScorer) -> None:
        super().__init__()
        self.scorer = scorer
        self.num_relations = scorer.num_relations

    def forward(self, inputs: Tensor) -> Tensor:
        length = inputs.shape[1]
        heads, tails = (inputs.unsqueeze(axis).repeat_interleave(length, dim=axis) for axis in (2, 1))
        return self.scorer.reference(heads, tails)

    def max_over_tails(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return self(inputs).masked_fill(~mask[:, None, :, None], -torch.inf).max(dim=2).values

    def loss(self, inputs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
        table, cells = self(inputs), TableCells.unpadded(gold)
        labels = torch.zeros_like(table)
        labels[cells.sentence, cells.head, cells.tail, cells.relation] = 1
        pairs = (mask.unsqueeze(2) & mask.unsqueeze(1)).unsqueeze(-1)
        return (F.binary_cross_entropy_with_logits(table, labels, reduction="none") * pairs).sum()

    def predict(self, inputs: Tensor, mask: Tensor, threshold: float) -> tuple[TableCells, Tensor]:
        pairs = (mask.unsqueeze(2) & mask.unsqueeze(1)).unsqueeze(-1)
        probabilities = self(inputs).sigmoid() * pairs
        cells = (probabilities >= threshold).nonzero(as_tuple=True)
        return TableCells(*cells), probabilities[cells]


def train(arguments: argparse.Namespace, folder: str) -> None:
    """Run the experiment in a process of its own, so that its memory is not counted. The baselines have no rounds."""
    names = ("head", "rounds", "epochs") if arguments.head.startswith("rin") else ("head", "epochs")
    given = [f"{name}={getattr(arguments, name)}" for name in names] + arguments.var
    variables = [part for assignment in given for part in ("--var", assignment)]
    command = [sys.executable, "-m", "relx", "train", str(EXPERIMENT), *variables, "-s", folder, "--force"]
    output_of(command)


def child(folder: str, implementation: str, steps: int) -> None:
    """Print what one implementation takes."""
    keep_freed_memory()
    model = archive.load(Path(folder) / "model.tar.gz").model
    experiment = config.build(json.loads((Path(folder) / "config.json").read_text()), experiment_class())
    if implementation == "literal":
        model.head.pair_scorer = LiteralScorer(model.head.pair_scorer)
    (reader, train_path), (_, test_path) = experiment.files["train"], experiment.files["test"]
    corpus = TensorDataset(reader.read(train_path), model.index_labeled)
    loader = DataLoader(BATCH)
    batches = list(load(corpus, loader.plan(corpus.lengths, seed=1, epoch=0)[:steps]))
    longest = list(load(corpus, loader.in_order(corpus.lengths)[:1]))
    model.eval()
    losses = [model(batch).item() for batch in batches[:3]]
    step = training_step(model.train())
    list(map(step, longest))
    trained = seconds(lambda: list(map(step, batches)))
    gold = list(reader.read(test_path))[: BATCH * steps]
    predicted = seconds(lambda: score(gold, model.extract(gold, loader), "exact_span"))
    found = {
        "losses": losses,
        "step ms": 1000 * trained / len(batches),
        "floor ms": 1000 * 3 * sum(flop(model, batch) for batch in batches) / matrix_rate(model) / len(batches),
        "trained/s": sum(map(len, batches)) / trained,
        "predicted/s": len(gold) / predicted,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found))


def training_step(model: JointExtractor):
    """What the trainer does with a batch."""
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-5)

    def step(batch: Batch) -> None:
        model(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def flop(model: JointExtractor, batch: Batch) -> float:
    """Forward operations: each matrix meets each token once, or once a round; a pair's output meets each pair."""
    lengths, total = batch.mask.sum(dim=1).double(), 0.0
    for name, weight in model.named_parameters():
        if weight.dim() == 2 and not name.startswith("embedder."):
            times = 1 if name.startswith(ONCE) else model.head.rounds + name.startswith(ONCE_MORE)
            of_pairs = "pair_scorer" in name and name.endswith(".output.weight")
            total += 2 * weight.numel() * times * (lengths**2 if of_pairs else lengths).sum().item()
    return total


def matrix_rate(model: JointExtractor) -> float:
    """Operations a second of a product such as those of the pair scorer."""
    rows, weights = torch.randn(BATCH * 24 * 24, 100), torch.randn(100, max(1, model.head.pair_scorer.num_relations))
    return 2 * len(rows) * weights.numel() / medians({"product": lambda: torch.mm(rows, weights)}, 9)["product"]


def report(found: dict[str, dict[str, float]]) -> None:
    """Print both implementations and their ratios."""
    literal, relx = (found[name] for name in IMPLEMENTATIONS)
    assert torch.allclose(torch.tensor(literal.pop("losses")), torch.tensor(relx.pop("losses")), rtol=1e-3)
    print(f"{'':16}{'literal':>10}{'relx':>10}{'ratio':>8}")
    for unit, value in relx.items():
        if unit != "floor ms":
            ratio = max(literal[unit] / value, value / literal[unit])
            print(f"{unit:16}{literal[unit]:10.1f}{value:10.1f}{ratio:7.1f} x")
    print(f"floor of a step  {relx['floor ms']:.1f} ms; distance {relx['step ms'] / relx['floor ms']:.1f} x")


def main() -> None:
    """Train, then measure each implementation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head", default="rin")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--var", action="append", default=[])
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "IMPLEMENTATION"))
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child, arguments.steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        train(arguments, folder)
        found = {}
        for name in IMPLEMENTATIONS:
            command = [sys.executable, __file__, "--steps", str(arguments.steps), "--child", folder, name]
            found[name] = json.loads(output_of(command))
    print(f"{arguments.head}, {arguments.rounds} rounds, {torch.get_num_threads()} threads")
    report(found)


if __name__ == "__main__":
    main()
