"""Corrupted experiment files: ``python tests/fuzz/fuzz_configs.py [--count 2000]``.

The published experiments, made small, with keys and values mutated at random (three in four), or with characters of
their Jsonnet source (one in four), are given to ``relx train`` on a few sentences. Each has to end in an error that
names what is wrong, or in a trained model: no traceback, no hang, no killed process.
"""

import copy
import json
import os
import random
import shutil
import string
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz_runner import arguments, command, outcome_of, run

from relx import config
from relx.config.jsonnet import load
from relx.registry import Reference, components, kinds

os.environ["HF_HUB_OFFLINE"] = "1"  # a mutated name is no reason to ask the hub

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = Reference("relx.training.experiment", "Experiment")
PATHS = ("train_data_path", "validation_data_path", "test_data_path")
SENTENCES = 12
LARGEST = 8
MOST_EPOCHS = 2

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 0.5, -0.5, 1.5, 1e-300, 1e300, 10**15, 10**30, "", "x", "1", "None", "lstm",
    "é\n", "\ud800", "a" * 5000, "../../nowhere", "/dev/null", ".", [], {}, [None], [[]], {"": None}, {"type": "lstm"},
    {"type": "nothing"}, {"type": 5}, {"type": "os.system"}, ["a", "a"],
]  # fmt: skip
CHARACTERS = "{}[]():;,'\"\\$%+-*/=!<>@#|.0a \n\t\x00\x7f\u2028é"

Node = tuple[Any, str | int]


def bases(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The published experiments on a few sentences each, small enough to be trained in a second."""
    made = []
    for file in sorted((ROOT / "experiments").glob("*.jsonnet")):
        tree = _small(load(file))
        own = folder / file.stem
        own.mkdir()
        for key in PATHS:
            path = own / Path(tree[key]).name
            path.write_text(_first_sentences((ROOT / tree[key]).read_text(encoding="utf-8")), encoding="utf-8")
            tree[key] = str(path)
        made += [(file, tree), (file, config.fill(tree, EXPERIMENT))]
    return made


def _first_sentences(text: str) -> str:
    """Those of a corpus that is a list, or one record a line."""
    if text.startswith("["):
        return json.dumps(json.loads(text)[:SENTENCES])
    return "".join(text.splitlines(keepends=True)[:SENTENCES])


def _small(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MOST_EPOCHS if key == "epochs" else _small(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_small(item) for item in value]
    return min(value, LARGEST) if isinstance(value, int) and not isinstance(value, bool) else value


def _nodes(tree: Any) -> Iterator[Node]:
    """Every place of a tree: the object or list, and the key or number in it."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _nodes(tree[key])


class Mutator:
    """Changes trees in the ways in which files go wrong; ``known`` are the trees from which it borrows."""

    def __init__(self, known: list[dict[str, Any]]) -> None:
        self.known = known
        self.names = [name for kind in kinds() for name in components(kind)]

    def mutated(self, tree: dict[str, Any], draw: random.Random) -> dict[str, Any]:
        """A copy with one to three changes."""
        tree = copy.deepcopy(tree)
        for _ in range(draw.choice((1, 1, 2, 3))):
            places = list(_nodes(tree))
            if places:
                self._change(*draw.choice(places), draw)
        return tree

    def _change(self, holder: Any, key: Any, draw: random.Random) -> None:
        changes = [self._drop, self._odd, self._odd, self._borrow, self._wrap, self._number, self._name, self._add]
        draw.choice([*changes, self._misspell] if isinstance(holder, dict) else changes)(holder, key, draw)

    def _drop(self, holder: Any, key: Any, draw: random.Random) -> None:
        del holder[key]

    def _odd(self, holder: Any, key: Any, draw: random.Random) -> None:
        holder[key] = copy.deepcopy(draw.choice(ODD))

    def _borrow(self, holder: Any, key: Any, draw: random.Random) -> None:
        other, name = draw.choice(list(_nodes(draw.choice(self.known))))
        holder[key] = copy.deepcopy(other[name])

    def _wrap(self, holder: Any, key: Any, draw: random.Random) -> None:
        holder[key] = [holder[key]] if draw.random() < 0.5 else {"type": holder[key]}

    def _number(self, holder: Any, key: Any, draw: random.Random) -> None:
        value = holder[key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = draw.choice((-value, value + 0.5, value + 1, value - 1, float(value), str(value)))
        else:
            holder[key] = draw.choice(ODD)

    def _name(self, holder: Any, key: Any, draw: random.Random) -> None:
        target = holder[key] if isinstance(holder[key], dict) else holder
        if isinstance(target, dict):
            target["type"] = draw.choice(self.names)

    def _add(self, holder: Any, key: Any, draw: random.Random) -> None:
        target = holder[key] if isinstance(holder[key], dict) else holder
        other, name = draw.choice([node for node in _nodes(draw.choice(self.known)) if isinstance(node[1], str)])
        if isinstance(target, dict):
            target[name] = copy.deepcopy(other[name])
        else:
            target.append(copy.deepcopy(other[name]))

    def _misspell(self, holder: Any, key: str, draw: random.Random) -> None:
        place, letter = draw.randrange(len(key) + 1), draw.choice(string.ascii_lowercase + "_.A ")
        holder[draw.choice((key[:place] + letter + key[place:], key[:place] + key[place + 1 :]))] = holder.pop(key)


def mutated_text(text: str, draw: random.Random) -> str:
    """A Jsonnet source with one to three places changed."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        place, end = draw.randrange(len(text) + 1), draw.randrange(1, 30)
        lines = text.splitlines(keepends=True)
        line = draw.randrange(len(lines)) if lines else 0
        text = draw.choice((
            text[:place] + draw.choice(CHARACTERS) + text[place:],
            text[:place] + text[place + 1 :],
            text[:place] + text[place + end :],
            text[:place] + text[place : place + end] * 2 + text[place + end :],
            text[:place],
            "".join(lines[:line] + lines[line + 1 :]),
            "".join(lines[:line] + lines[line : line + 1] * 2 + lines[line + 1 :]),
        ))  # fmt: skip
    return text


class Files:
    """The corrupted experiment of each number, and what ``relx train`` makes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bases = bases(folder)
        self.mutator = Mutator([tree for _, tree in self.bases])

    def attempt(self, number: int) -> str:
        """How the training of that file ended."""
        draw = random.Random(number)
        place = self.folder / "attempt"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        file, tree = draw.choice(self.bases)
        given = self._text(place, file, draw) if number % 4 == 0 else self._tree(place, tree, draw)
        return outcome_of(command("train", *given, "-s", place / "run"))

    def _tree(self, place: Path, tree: dict[str, Any], draw: random.Random) -> list[str]:
        tree = self.mutator.mutated(tree, draw)
        trainer = tree.get("trainer")
        if isinstance(trainer, dict) and type(trainer.get("epochs", MOST_EPOCHS)) is int:
            trainer["epochs"] = min(trainer.get("epochs", MOST_EPOCHS), MOST_EPOCHS)  # many epochs are no fault
        (place / "file.json").write_text(json.dumps(tree))
        return [str(place / "file.json")]

    def _text(self, place: Path, file: Path, draw: random.Random) -> list[str]:
        shutil.copytree(file.parent / "relx", place / "relx")
        target = draw.choice([place / file.name, *sorted((place / "relx").iterdir())])
        shutil.copy(file, place)
        text = mutated_text(target.read_text(encoding="utf-8"), draw)
        target.write_bytes(text.encode("utf-8") + draw.choice((b"", b"", b"", b"\xff")))
        return [str(place / file.name), "--var", f"data={self.folder / file.stem}", "-o", "trainer.epochs=1"]


def main() -> int:
    """Print how many files ended how."""
    given = arguments(__doc__, 2000)
    with tempfile.TemporaryDirectory() as name:
        os.chdir(ROOT)
        return run(Files(Path(name)).attempt, given)


if __name__ == "__main__":
    raise SystemExit(main())
