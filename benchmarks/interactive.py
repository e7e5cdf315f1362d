"""The interactive head's speed: ``python benchmarks/interactive.py [--hidden 100]``.

Prediction of a batch at once is compared with one sentence at a time, and a training step with the equations as the
tests have them, one sentence, step and word after the other. That takes so long that it is given fewer sentences.
"""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch
from synthetic import medians, sentences, training_step
from torch import Tensor, nn

from relx.data.batch import Batch, TensorDataset
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.interactive.head import Interactive
from relx.model import JointExtractor
from relx.registry import Lazy
from relx.utils.runtime import keep_freed_memory

BATCH, LITERAL_BATCH, LENGTH = 50, 4, 40
TESTS = Path(__file__).resolve().parent.parent / "tests"


class Literal(nn.Module):
    """A model's own weights and encoder, its head as the tests write it."""

    def __init__(self, model: JointExtractor) -> None:
        super().__init__()
        self.model = model
        self.equations = import_module("interactive_equations")

    def forward(self, batch: Batch) -> Tensor:
        """The loss."""
        equations, encoded, losses = self.equations, self.model.encode(batch), []
        for row, example in enumerate(batch.examples):
            gold = [tuple(slot) for slot in batch["triples"][row].tolist()]
            written = equations.triples(list(encoded[row, : len(example)]), self.model.head, gold, given=True)
            losses.append(equations.loss(written, gold, all_of_them=False))
        return torch.stack(losses).mean()


def model_of(hidden: int) -> JointExtractor:
    """Word vectors, an averaged LSTM and the head, all of one size. It writes triples though it knows nothing."""
    torch.manual_seed(1)
    encoder = Lazy(LSTMEncoder, hidden_size=hidden, directions="averaged")
    model = JointExtractor(Vocabulary(sentences(2000)), Lazy(WordEmbedder, dim=hidden), Lazy(Interactive), encoder)
    for output in model.head.decoder.outputs:
        for bias in (output.relation.bias, output.no_word.bias):
            bias.data[0] -= 5
    return model


def predictions(model: JointExtractor, repeat: int) -> dict[str, float]:
    """Seconds a sentence, one by one and in one batch."""
    examples = [example.unlabeled() for example in sentences(BATCH, LENGTH)]
    together, alone = DataLoader(BATCH), DataLoader(1)
    assert all(example.relations for example in model.extract(examples, together))
    actions: dict[str, Callable[[], object]] = {
        "one by one": lambda: model.extract(examples, alone),
        "relx": lambda: model.extract(examples, together),
    }
    return {name: time / BATCH for name, time in medians(actions, repeat).items()}


def steps(model: JointExtractor, repeat: int) -> dict[str, float]:
    """Seconds of a training step for each of its sentences, literal and as relx computes it."""
    corpus = TensorDataset(sentences(BATCH, LENGTH), model.index_labeled)
    few, batch = corpus.batch(range(LITERAL_BATCH)), corpus.batch(range(BATCH))
    literal = Literal(model.train())
    torch.testing.assert_close(literal(few), model(few), rtol=1e-4, atol=0)
    ours, theirs = training_step(model), training_step(literal)
    times = {**medians({"literal": lambda: theirs(few)}, 1), **medians({"relx": lambda: ours(batch)}, repeat)}
    return {"literal": times["literal"] / LITERAL_BATCH, "relx": times["relx"] / BATCH}


def report(what: str, times: dict[str, float]) -> None:
    """Print times and their ratio; the last is relx's."""
    for name, time in times.items():
        print(f"{what}, {name:12} {1000 * time:9.2f} ms a sentence")
    slow, fast = times.values()
    print(f"{what}, {'ratio':12} {slow / fast:9.1f} x")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    sys.path += [str(TESTS), str(TESTS / "heads" / "interactive")]
    keep_freed_memory()
    model = model_of(arguments.hidden)
    print(f"hidden {arguments.hidden}, batch {BATCH} x {LENGTH}, {torch.get_num_threads()} threads")
    report("prediction", predictions(model, arguments.repeat))
    report("training step", steps(model, arguments.repeat))


if __name__ == "__main__":
    main()
