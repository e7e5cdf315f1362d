"""A corpus and an experiment that a model learns in a second, for the tests of training and prediction."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from forks import Forked, Program, Target

from relx import config
from relx.commands import main
from relx.data.example import Example
from relx.registry import Reference
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.checkpointing.state import TrainingState
from relx.training.experiment import Experiment
from relx.training.run import train as run_experiment

ROOT = Reference("relx.training.experiment", "Experiment")
PEOPLE = ("Ann Lee", "Bob", "Carla Diaz", "Dan")
PLACES = ("Rome", "New York", "Oslo")
PATTERNS = {"{} was born in {} .": "born_in", "{} works in {} now .": "works_in", "{} left {} .": None}

EXPERIMENT = """
function(data, head='hmt', vectors=null, epochs=2, patience=null, optimizer={ type: 'adam', lr: 0.02 }, seed=1) {
  local hidden = 12,
  dataset_reader: { type: 'jsonl' },
  train_data_path: data + '/train.jsonl',
  validation_data_path: data + '/dev.jsonl',
  test_data_path: data + '/test.jsonl',
  model: {
    embedder: { type: 'words', dim: 8, vectors: vectors },
    head: {
      hmt: { type: 'hmt', hidden_size: hidden, tag_dim: hidden, dropout: 0.1 },
      novel_tagging: self.hmt + { type: 'novel_tagging', decoder_size: hidden },
    }[head],
  },
  data_loader: { batch_size: 4 },
  trainer: { epochs: epochs, patience: patience, optimizer: optimizer },
  protocols: ['exact_span', 'last_word'],
  seed: seed,
  calibrate: false,
}
"""
WITHOUT_VALIDATION = ("validation_data_path=null", "test_data_path=null")


def write_corpus(path: Path, times: int = 1) -> None:
    """Every person in every pattern with every place, the entities with their types."""
    lines = [
        json.dumps(record(person, pattern, place, relation)) + "\n"
        for person in PEOPLE
        for place in PLACES
        for pattern, relation in PATTERNS.items()
    ]
    path.write_text("".join(lines * times), encoding="utf-8")


def record(person: str, pattern: str, place: str, relation: str | None) -> dict[str, Any]:
    """One sentence in relx's JSON form, by tokens."""
    tokens = pattern.format(person, place).split()
    return {
        "tokens": tokens,
        "entities": [_entity(tokens, person, "PER"), _entity(tokens, place, "LOC")],
        "relations": [{"head": 0, "type": relation, "tail": 1}] if relation is not None else [],
    }


def write_experiment(folder: Path) -> Path:
    """The experiment's file, with its corpus beside it."""
    for split in ("train", "dev", "test"):
        write_corpus(folder / f"{split}.jsonl")
    file = folder / "tiny.jsonnet"
    file.write_text(EXPERIMENT, encoding="utf-8")
    return file


def experiment(file: Path, *overrides: str, **variables: Any) -> tuple[Experiment, dict[str, Any]]:
    """The experiment, and its configuration in full; the corpus lies beside the file unless ``data`` says otherwise."""
    given = {"data": str(file.parent), **{name: json.dumps(value) for name, value in variables.items()}}
    tree = config.override(json.loads(_evaluated(file, file.read_text(), *given.items())), overrides)
    config.require_valid(tree, ROOT, str(file))
    return config.build(tree, ROOT), config.fill(tree, ROOT)


@cache
def _evaluated(file: Path, text: str, *variables: tuple[str, str]) -> str:
    """The experiment as JSON; Jsonnet evaluates each set of variables once."""
    return json.dumps(config.load(file, dict(variables)))


def sentences(made: Experiment, split: str = "train") -> list[Example]:
    """The sentences of a split as its reader yields them."""
    reader, path = made.files[split]
    return list(reader.read(path))


def train(file: Path, folder: Path, *overrides: str, **variables: Any) -> TrainingState:
    """Carry the experiment out."""
    made, full = experiment(file, *overrides, **variables)
    return run_experiment(made, RunFolder.claim(folder, force=False), full).state


def start(
    *arguments: object,
    stdout: Target = subprocess.DEVNULL,
    stderr: Target = subprocess.DEVNULL,
    cwd: Path | str = ".",
    environment: dict[str, str] | None = None,
    program: Program = main,
) -> Forked:
    """``relx`` as a process of its own, which an interrupt reaches even if pytest runs in the background."""
    environment = {**os.environ, **(environment or {})}
    return Forked(program, [*map(str, arguments)], stdout, stderr, environment, os.path.abspath(cwd))


def run(
    *arguments: object,
    cwd: Path | str = ".",
    environment: dict[str, str] | None = None,
    program: Program = main,
) -> "subprocess.CompletedProcess[str]":
    """The same, waited for."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start(*arguments, **pipes, cwd=cwd, environment=environment, program=program)
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(arguments, process.wait(), stdout, stderr)


def _entity(tokens: list[str], mention: str, type: str) -> dict[str, Any]:
    words = mention.split()
    start = next(i for i in range(len(tokens)) if tokens[i : i + len(words)] == words)
    return {"start": start, "end": start + len(words), "type": type}
