"""Early against late fusion: ``python benchmarks/cascade.py CORPUS [--transformer FOLDER] [--batch 32]``.

The cascade over an SRN, over a transformer or else over random word vectors. Prediction does all the work of a trained
model, but each step hands on the gold spans, so that as many sentences are encoded anew as there are gold entities and
subjects. A training step is what the trainer does with a batch. The words encoded say by how much more work there is:
no early fusion can be faster than by their ratio.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from synthetic import medians

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.data.loader import DataLoader, load
from relx.data.spans import Spans
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import TransformerEmbedder
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.srn import SRNEncoder
from relx.heads.cascade.head import Cascade, GoldFinder, ModelFinder
from relx.heads.head import PlainSentences
from relx.heads.pair_scorers.scorers import PFNPairScorer
from relx.heads.schemes.triples import SpanTriples
from relx.model import Encoding, JointExtractor
from relx.readers import read
from relx.registry import Lazy
from relx.utils.runtime import keep_freed_memory

FUSIONS = ("late", "early")


class GuidedFinder(ModelFinder):
    """Does the work of a model and tells what is gold."""

    def __init__(self, head: Cascade, plain: PlainSentences) -> None:
        super().__init__(head, plain)
        self.gold = GoldFinder(head, SpanTriples.gold(plain.batch), plain.shape)

    def entities(self) -> Spans:
        super().entities()
        return self.gold.entities()

    def subjects(self, entities: Spans, rows: torch.Tensor) -> Spans:
        super().subjects(entities, rows)
        return self.gold.subjects(entities, rows)

    def objects(self, entities: Spans, subjects: Spans) -> Spans:
        super().objects(entities, subjects)
        return self.gold.objects(entities, subjects)


def build(fusion: str, examples: list[Example], transformer: str | None) -> JointExtractor:
    """The cascade, with the sizes of its experiments; late fusion as printed."""
    torch.manual_seed(1)
    size = 300 if transformer else 100
    embedder: Lazy[Any] = Lazy(TransformerEmbedder, model=transformer) if transformer else Lazy(WordEmbedder, dim=100)
    printed = {"task_context": "none"} if fusion == "late" else {}
    head: Lazy[Any] = Lazy(Cascade, fusion=fusion, **printed, pair_scorer=Lazy(PFNPairScorer, hidden_size=150))
    return JointExtractor(Vocabulary(examples), embedder, head, Lazy(SRNEncoder, hidden_size=size))


def predict(model: JointExtractor, examples: list[Example], loader: DataLoader) -> int:
    """Index, encode, extract and decode; the number of triples."""
    head = model.head

    def extract(batch: Batch) -> list[Example]:
        encode = Encoding(model)
        plain = PlainSentences(batch, encode)
        return head.run(GuidedFinder(head, plain), batch)

    model.eval()
    with torch.inference_mode():
        predicted = loader.apply(extract, TensorDataset(examples, model.index_labeled))
    return sum(len(example.relations) for example in predicted)


def trainer(model: JointExtractor, examples: list[Example], batch_size: int) -> Callable[[], None]:
    """A few steps, taken anew at each call."""
    corpus, loader = TensorDataset(examples, model.index_labeled), DataLoader(batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)

    def steps() -> None:
        model.train()
        for batch in load(corpus, loader.plan(corpus.lengths, seed=1, epoch=0)):
            model(batch).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            optimizer.zero_grad()

    return steps


def words_encoded(model: JointExtractor, work: Callable[[], object]) -> int:
    """How many words, padding included, the encoder is given."""
    seen: list[int] = []
    hook = model.encoder.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0][..., 0].numel()))
    work()
    hook.remove()
    return sum(seen)


def report(what: str, works: dict[str, tuple[JointExtractor, Callable[[], object]]], count: int, repeat: int) -> None:
    """Print the rates of both fusions and how they compare."""
    words = {fusion: words_encoded(*pair) for fusion, pair in works.items()}
    took = medians({fusion: work for fusion, (_, work) in works.items()}, repeat)
    for fusion in FUSIONS:
        print(f"{what:10} {fusion:6} {count / took[fusion]:8.1f} sentences/s {words[fusion]:10} words encoded")
    print(
        f"{what:10} early takes {took['early'] / took['late']:.2f} times as long as late; "
        f"it encodes {words['early'] / words['late']:.2f} times the words"
    )


def main() -> None:
    """Measure prediction and training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--transformer")
    parser.add_argument("--batch", type=int, default=32, help="sentences in a batch of prediction")
    parser.add_argument("--training-batch", type=int, default=4)
    parser.add_argument("--sentences", type=int, default=551)
    parser.add_argument("--trained", type=int, default=80, help="sentences to train on")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    keep_freed_memory()
    examples = list(read(arguments.corpus))[: arguments.sentences]
    models = {fusion: build(fusion, examples, arguments.transformer) for fusion in FUSIONS}
    loader, trained = DataLoader(arguments.batch), examples[: arguments.trained]
    print(f"{len(examples)} sentences, {torch.get_num_threads()} threads")
    predicting = {f: (m, lambda m=m: predict(m, examples, loader)) for f, m in models.items()}
    report("prediction", predicting, len(examples), arguments.repeat)
    training = {f: (m, trainer(m, trained, arguments.training_batch)) for f, m in models.items()}
    report("training", training, len(trained), arguments.repeat)


if __name__ == "__main__":
    main()
