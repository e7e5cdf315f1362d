"""One encoder below every head: ``python benchmarks/every_head.py --data CORPUS --transformer FOLDER``.

Each row is an experiment that comes with relx, with the same transformer, corpus and batches. Without ``--output`` a
process for each row takes training steps, and tells the weights of the model (those of the transformer apart), the
sentences a second of processor time, and the largest memory. With ``--output`` each row is trained with each seed
instead, its archive predicts the test set, and the scores are those of ``relx train``: hours for the whole table.
"""

import argparse
import json
import random
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from processes import output_of
from synthetic import training_step

from relx import config
from relx.commands.common import experiment_class
from relx.data.batch import TensorDataset
from relx.predictors import Predictor
from relx.predictors.evaluation import read_labeled
from relx.training.preparation import prepare
from relx.utils.runtime import prepare_process
from relx.utils.text import aligned

BOUNDARIES = {"variant": "exact"}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "PFN": ("pfn_scierc", {}),
    "table filling, SRN": ("pfn_scierc", {"recurrent": "srn"}),
    "TPLinker's scheme": ("pfn_scierc", {"tables": "both", "directions": "labels"}),
    "cascade, early": ("cascade_srn_conll04", {"fusion": "early"}),
    "cascade, late": ("cascade_srn_conll04", {"fusion": "late"}),
    "CasRel": ("casrel_webnlg", BOUNDARIES),
    "RIN": ("rin_webnlg", {**BOUNDARIES, "rounds": 1}),
    "SpERT": ("spert_conll04", {}),
    "SPE": ("spe_scierc", {}),
    "Multi-turn QA": ("questions_conll04", {}),
    "Table-Sequence": ("table_sequence_conll04", {"frozen": "false"}),
    "PURE, entities": ("pure_entities_scierc", {}),
    "PURE, relations": ("pure_relations_scierc", {}),
    "PURE, relations, levitated": ("pure_relations_scierc", {"markers": "levitated"}),
    "PURE, one archive": ("pure_scierc", {}),
    "PURE, one archive, levitated": ("pure_scierc", {"markers": "levitated"}),
}


def variables(row: str, arguments: argparse.Namespace, **more: Any) -> tuple[str, dict[str, str]]:
    """The experiment of a row and its variables."""
    name, own = ROWS[row]
    shared = {"data": arguments.data, "format": arguments.format, "encoder": "transformer"}
    given = {**shared, "transformer": arguments.transformer, **own, **more}
    return name, {key: str(value) for key, value in given.items()}


def cost(row: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Take training steps in this process: weights, sentences a second of processor time, MiB."""
    prepare_process()
    torch.set_num_threads(1)
    tree = config.load(*variables(row, arguments))
    data, model = prepare(config.build(tree, experiment_class()))
    examples = random.Random(1).sample(data["train"], arguments.batch * (arguments.steps + 1))
    batches = [examples[start : start + arguments.batch] for start in range(0, len(examples), arguments.batch)]
    step, spent = training_step(model.train()), []
    for batch in batches:
        started = time.process_time()
        step(TensorDataset(batch, model.index_labeled).batch(range(len(batch))))
        spent.append(time.process_time() - started)
    own = sum(weight.numel() for name, weight in model.named_parameters() if ".transformer." not in name)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"weights": own, "training": arguments.batch * arguments.steps / sum(spent[1:]), "memory": peak}


def trained(row: str, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Train a row with a seed; return its F1 on the test set, and the sentences a second that its archive predicts."""
    folder = Path(arguments.output) / f"{row.replace(', ', '_').replace(' ', '_')}_{seed}"
    if not (folder / "metrics.json").exists():
        name, given = variables(row, arguments, epochs=arguments.epochs, seed=seed)
        options = [part for item in given.items() for part in ("--var", "=".join(item))]
        batch = ["-o", f"data_loader.batch_size={arguments.batch}", "--force"]
        output_of([sys.executable, "-m", "relx", "train", name, *options, *batch, "--output", str(folder)])
    metrics = json.loads((folder / "metrics.json").read_text())["test"]
    scores = metrics.get("strict") or next(iter(metrics.values()))
    predictor = Predictor.load(folder / "model.tar.gz")
    test = json.loads((folder / "config.json").read_text())["test_data_path"]
    [examples] = read_labeled([test], predictor).values()
    started = time.process_time()
    predictor.model.extract(examples, predictor.loader)
    rate = len(examples) / (time.process_time() - started)
    return {"entity F1": 100 * scores["entities"]["f1"], "F1": 100 * scores["triples"]["f1"], "prediction": rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder, or a pattern with %%s for the split")
    parser.add_argument("--format", default="spert")
    parser.add_argument("--transformer", required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS), metavar="ROW")
    parser.add_argument("--output", help="train, and keep the runs in this folder")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(cost(arguments.rows[0], arguments)))
        return
    table: list[list[str]] = []
    for row in arguments.rows:
        if arguments.output is None:
            child = [sys.executable, __file__, *sys.argv[1:], "--child", "--rows", row]
            runs = [json.loads(output_of(child).splitlines()[-1])]
        else:
            runs = [trained(row, seed, arguments) for seed in arguments.seeds]
        table.append([row, *(shown([run[column] for run in runs]) for column in runs[0])])
        print(*table[-1], sep="\t", file=sys.stderr, flush=True)
    print("\n".join(aligned([["system", *runs[0]], *table])))


def shown(values: list[float]) -> str:
    """A value, or mean ± standard deviation of several."""
    mean = statistics.mean(values)
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean:,.{0 if mean >= 100 else 1}f}{spread}"


if __name__ == "__main__":
    main()
