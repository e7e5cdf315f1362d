"""Learning curves of ``relx select`` against random choice, simulated on a labeled corpus.

``python benchmarks/active_learning.py --data 'conll04/%s_triples.json' --output FOLDER [--vectors GLOVE] [--seeds 1]``

From 50 random sentences of the training set, a model chooses 50 more in each of 5 rounds, with the gold labels as the
annotator. Each model is trained anew, without a validation set, so that all see about equally many sentences
(``--passes``), and scored on the test set. A row for each training goes to ``FOLDER/rows.jsonl``; those that are there
are not trained again. ``--picture FILE`` draws the curves of all rows: F1 of triples over sentences and over tokens.
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from processes import output_of

from relx.commands.select import select
from relx.data.example import Example
from relx.predictors import Predictor
from relx.readers import make_reader, read

ROOT = Path(__file__).parents[1]
STRATEGIES = ("select", "random")
FEWEST_EPOCHS = 10


def train(arguments: argparse.Namespace, labeled: Sequence[Example], seed: int, folder: Path) -> dict[str, float]:
    """Train a model, and return its scores on the test set."""
    folder.mkdir(parents=True, exist_ok=True)
    make_reader("jsonl").write(labeled, folder / "train.jsonl")
    epochs = max(FEWEST_EPOCHS, round(arguments.passes / len(labeled)))
    variables = {"data": f"{folder}/%s.jsonl", "format": "jsonl", "epochs": epochs, "seed": seed}
    if arguments.vectors:
        variables["vectors"] = arguments.vectors
    given = [word for name, value in variables.items() for word in ("--var", f"{name}={value}")]
    given += [
        "-o",
        "validation_data_path=null",
        "-o",
        "trainer.patience=null",
        "-o",
        f"test_data_path={arguments.output}/test.jsonl",
    ]
    output_of([sys.executable, "-m", "relx", "train", arguments.experiment, "-s", f"{folder}/run", "--force", *given])
    report = next(iter(json.loads((folder / "run/metrics.json").read_text())["test"].values()))
    return {"triples": report["triples"]["f1"], "entities": report["entities"]["f1"]}


def simulate(arguments: argparse.Namespace, strategy: str, seed: int, rows: dict[tuple[Any, ...], Any]) -> None:
    """Carry the rounds of one strategy out, from the same first sentences as the other."""
    draw = random.Random(seed)
    pool = [example for example in read(arguments.data % "train") if example.tokens]
    draw.shuffle(pool)
    labeled, pool = pool[: arguments.start], pool[arguments.start :]
    for round in range(arguments.rounds + 1):
        name = "start" if round == 0 else strategy
        folder = Path(arguments.output, f"{name}-{seed}-{round}")
        if (name, seed, round) not in rows:
            scores = train(arguments, labeled, seed, folder)
            tokens, triples = sum(map(len, labeled)), sum(len(example.relations) for example in labeled)
            row = {"strategy": name, "seed": seed, "round": round, "sentences": len(labeled), "tokens": tokens}
            rows[name, seed, round] = {**row, "annotated": triples, **scores}
            with open(Path(arguments.output, "rows.jsonl"), "a", encoding="utf-8") as file:
                file.write(json.dumps(rows[name, seed, round]) + "\n")
            print(rows[name, seed, round], flush=True)
        if round < arguments.rounds:
            chosen = choose(strategy, folder, pool, arguments.count, draw)
            labeled = [*labeled, *(pool[i] for i in chosen)]
            pool = [example for i, example in enumerate(pool) if i not in chosen]


def choose(strategy: str, folder: Path, pool: Sequence[Example], count: int, draw: random.Random) -> set[int]:
    """The rows of the sentences that are annotated next."""
    if strategy == "random":
        return set(draw.sample(range(len(pool)), count))
    predictor = Predictor.load(folder / "run/model.tar.gz", "cpu")
    numbered = [Example(example.tokens, id=str(i)) for i, example in enumerate(pool)]
    return {int(sentence.example.id or 0) for sentence in select([predictor], numbered, count)}


def means(rows: Iterable[dict[str, Any]], strategy: str) -> list[dict[str, float]]:
    """The mean of each round over the seeds, and the deviation of the F1."""
    of_rounds: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["strategy"] in ("start", strategy):
            of_rounds.setdefault(row["round"], []).append(row)
    keys = ("sentences", "tokens", "annotated", "triples", "entities")
    return [
        {key: statistics.mean(row[key] for row in of_round) for key in keys}
        | {"deviation": statistics.stdev([r["triples"] for r in of_round]) if len(of_round) > 1 else 0.0}
        | {"seeds": len(of_round)}
        for _, of_round in sorted(of_rounds.items())
    ]


def table(rows: Sequence[dict[str, Any]]) -> None:
    """The learning curves as a table."""
    print("| choice | sentences | tokens | triples annotated | F1 of triples | F1 of entities | seeds |")
    for strategy in STRATEGIES:
        for mean in means(rows, strategy):
            f1 = f"{100 * mean['triples']:.1f} ± {100 * mean['deviation']:.1f}"
            counts = f"{mean['sentences']:.0f} | {mean['tokens']:.0f} | {mean['annotated']:.0f}"
            print(f"| {strategy} | {counts} | {f1} | {100 * mean['entities']:.1f} | {mean['seeds']} |")


def picture(rows: Sequence[dict[str, Any]], path: str) -> None:
    """The learning curves over sentences and over tokens."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for panel, key in zip(figure.subplots(1, 2, sharey=True), ("sentences", "tokens"), strict=True):
        for strategy in STRATEGIES:
            found = means(rows, strategy)
            places, f1 = [mean[key] for mean in found], [100 * mean["triples"] for mean in found]
            panel.errorbar(
                places, f1, [100 * mean["deviation"] for mean in found], label=strategy, capsize=2, marker="o"
            )
        panel.set_xlabel(f"{key} annotated")
        panel.grid(alpha=0.3)
    figure.axes[0].set_ylabel("F1 of triples, test set, %")
    figure.axes[0].legend()
    with rc_context({"svg.hashsalt": "relx", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the files of the corpus, with %%s in place of train and test")
    parser.add_argument("--output", required=True, help="a folder for runs and rows")
    parser.add_argument("--experiment", default=str(ROOT / "experiments/pfn_scierc.jsonnet"))
    parser.add_argument("--vectors")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--start", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--passes", type=int, default=4000)
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    Path(arguments.output).mkdir(parents=True, exist_ok=True)
    file = Path(arguments.output, "rows.jsonl")
    told = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    rows = {(row["strategy"], row["seed"], row["round"]): row for row in told}
    if arguments.data:
        make_reader("jsonl").write(read(arguments.data % "test"), Path(arguments.output, "test.jsonl"))
    for seed in arguments.seeds if arguments.data else ():
        for strategy in STRATEGIES:
            simulate(arguments, strategy, seed, rows)
    table([*rows.values()])
    if arguments.picture:
        picture([*rows.values()], arguments.picture)


if __name__ == "__main__":
    main()
