"""Relations that a model of the head ``descriptions`` has not seen, or seen in few sentences (WebNLG).

``nice python benchmarks/descriptions.py --data 'webnlg/%s_triples.json' --output FOLDER --transformer MODEL``

Of the relations with 5 training sentences or more and with a test triple, ``--held`` are drawn. A model is trained on
the training sentences that hold none of them. It then predicts the test set, with the drawn relations described by the
words of their names. After that it is trained further on up to ``--shots`` sentences of each drawn relation; another
model is trained from scratch on the same sentences, for as many steps. Scores are those of the triples of the drawn
relations alone, on all test sentences, ``exact_span``: end to end, and between given gold entities. A row for each
model goes to ``FOLDER/rows.jsonl``; models that are there are not trained again.

The vectors of a frozen transformer are computed once for each sentence. ``--var frozen=false`` trains it.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

import relx
from relx import config
from relx.data.batch import Batch
from relx.data.example import Example
from relx.embedders.transformer import TransformerEmbedder
from relx.heads.schemes.descriptions import label_words
from relx.readers import make_reader, read
from relx.scoring import score

ROOT = Path(__file__).parents[1]
FEWEST = 5


def remembering(
    forward: Callable[[TransformerEmbedder, Batch], Tensor],
) -> Callable[[TransformerEmbedder, Batch], Tensor]:
    """Compute the vectors of a sentence once, if the transformer is frozen."""
    known: dict[tuple[str, ...], Tensor] = {}

    def vectors(self: TransformerEmbedder, batch: Batch) -> Tensor:
        if self.trainable:
            return forward(self, batch)
        keys = [tuple(example.tokens) for example in batch.examples]
        if any(key not in known for key in keys):
            computed = forward(self, batch).detach()
            known.update((key, row[: max(1, len(key))].clone()) for key, row in zip(keys, computed, strict=True))
        return pad_sequence([known[key] for key in keys], batch_first=True)

    return vectors


def relations_of(example: Example) -> set[str]:
    return {relation.type for relation in example.relations}


def draw_relations(train: Sequence[Example], test: Sequence[Example], count: int, seed: int) -> list[str]:
    """Draw the relations to hold out."""
    known = Counter(name for example in train for name in relations_of(example))
    scored = {name for example in test for name in relations_of(example)}
    return random.Random(seed).sample(sorted(name for name in scored if known[name] >= FEWEST), count)


def few_shots(train: Sequence[Example], held: Iterable[str], shots: int, seed: int) -> list[Example]:
    """Draw up to ``shots`` sentences of each relation; a larger number of shots adds sentences."""
    chosen: set[int] = set()
    for name in held:
        places = [i for i, example in enumerate(train) if name in relations_of(example)]
        random.Random(f"{seed} {name}").shuffle(places)
        chosen.update(places[:shots])
    return [train[i] for i in sorted(chosen)]


def only(examples: Iterable[Example], names: set[str]) -> list[Example]:
    """Keep the triples of these relations."""
    return [replace(e, relations=[r for r in e.relations if r.type in names]) for e in examples]


def scores(archive: Path, test: Sequence[Example], held: Sequence[str]) -> dict[str, float]:
    """Score the triples of the held-out relations, end to end and between gold entities."""
    predictor = relx.load(archive, "cpu")
    known = set(predictor.model.vocabulary.relations())
    added = {name: label_words(name) for name in held if name not in known}
    gold, loader = only(test, set(held)), predictor.archive.parts.loader
    found: dict[str, float] = {}
    for place, predict in (("", predictor.model.extract), ("given ", predictor.model.relate)):
        with torch.inference_mode():
            predicted = predict(test, loader, added=added or None)
        metrics = score(gold, only(predicted, set(held)), "exact_span").metrics()
        found |= {place + name: metrics[f"triple_{name}"] for name in ("precision", "recall", "f1")}
    return found


def train(arguments: argparse.Namespace, name: str, sentences: Sequence[Example], epochs: int, **more: Any) -> Path:
    """Train on sentences, without a choice of the epoch, and return the archive."""
    folder = Path(arguments.output, name)
    folder.mkdir(exist_ok=True)
    make_reader("jsonl").write(sentences, folder / "train.jsonl")
    variables = {
        "encoder": "transformer",
        "transformer": arguments.transformer,
        "frozen": True,
        "drawn": 32,
        "batch": 16,
    }
    variables |= {"epochs": epochs, "seed": arguments.seed, "data": f"{folder}/%s.jsonl", "format": "jsonl", **more}
    variables |= {key: json.loads(value) for key, _, value in (given.partition("=") for given in arguments.var)}
    given = {key: json.dumps(value) for key, value in variables.items()}
    tree = config.load(str(ROOT / "experiments/descriptions_webnlg.jsonnet"), given)
    tree |= {"validation_data_path": None, "test_data_path": None}
    tree["trainer"]["patience"] = None
    relx.train(tree, folder / "run", force=True)
    return folder / "run/model.tar.gz"


def study(arguments: argparse.Namespace, rows: dict[str, Any]) -> None:
    """Train and score the models that have no row yet."""
    sentences, test = ([e for e in read(arguments.data % split) if e.tokens] for split in ("train", "test"))
    held = draw_relations(sentences, test, arguments.held, arguments.seed)
    seen = [example for example in sentences if not relations_of(example) & set(held)]
    base = Path(arguments.output, "base/run/model.tar.gz")
    plans: list[tuple[str, int, Sequence[Example], int, bool]] = [("described only", 0, seen, arguments.epochs, False)]
    for shots, epochs in zip(arguments.shots, arguments.further, strict=True):
        few = few_shots(sentences, held, shots, arguments.seed)
        plans += [("further", shots, few, epochs, True), ("scratch", shots, few, epochs, False)]
    for kind, shots, chosen, epochs, goes_on in plans:
        name = "base" if shots == 0 else f"{kind}-{shots}"
        if name in rows:
            continue
        begin = time.process_time()
        archive = train(arguments, name, chosen, epochs, **({"init": str(base)} if goes_on else {}))
        row = {"model": kind, "shots": shots, "sentences": len(chosen), "epochs": epochs}
        row |= {"seconds": round(time.process_time() - begin), **scores(archive, test, held)}
        rows[name] = row
        with open(Path(arguments.output, "rows.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, **row}) + "\n")
        print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the files of WebNLG, with %%s in place of train and test")
    parser.add_argument("--output", required=True, help="a folder for runs and rows")
    parser.add_argument("--transformer", required=True)
    parser.add_argument("--held", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20, help="of the model that has not seen the relations")
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 20, 50])
    parser.add_argument("--further", type=int, nargs="+", default=[40, 20, 12], help="epochs with so many shots")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="of the experiment")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    TransformerEmbedder.forward = remembering(TransformerEmbedder.forward)  # type: ignore
    Path(arguments.output).mkdir(parents=True, exist_ok=True)
    file = Path(arguments.output, "rows.jsonl")
    told = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    rows = {row.pop("name"): row for row in told}
    study(arguments, rows)
    print("| model | sentences of each | sentences | P | R | F1 | F1 between given entities |")
    for row in rows.values():
        shown = [f"{100 * row[key]:.1f}" for key in ("precision", "recall", "f1", "given f1")]
        print(f"| {row['model']} | {row['shots']} | {row['sentences']} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
