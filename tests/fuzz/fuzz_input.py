"""Hostile input to ``relx predict``: ``python tests/fuzz/fuzz_input.py [--count 10000]``.

Lines of JSON and lines of plain text (empty, of 100,000 characters, control characters, unpaired surrogates, from right
to left, only punctuation, wrong types, broken JSON, no UTF-8, half a million nested lists), between sound ones, are
given in parts of 250 lines to two small models: tags over words and characters, and pairs of words over a transformer,
which is told to refuse lines of more than 10,000 tokens. Each line has to be answered, with its text as it was, or
reported in its place, by an object that names its line.
"""

import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz_runner import FAULT, arguments, command, outcome_of, outcomes

from relx import config
from relx.data.json_form import example_to_json, to_line
from relx.registry import Reference
from relx.testing import SENTENCES
from relx.training.checkpointing.run_folder import ARCHIVE
from relx.training.run import train_in_folder

ROOT = Path(__file__).resolve().parents[2]
LINES = 250
LONG = 100_000
LONGEST = 10_000
WORDS = [{"type": "words", "dim": 8}, {"type": "characters", "dim": 8, "encoder": {"type": "cnn", "filters": 8}}]
MODELS: dict[str, dict[str, Any]] = {
    "hmt": {
        "embedder": {"type": "concatenated", "embedders": WORDS},
        "head": {"type": "hmt", "hidden_size": 8, "tag_dim": 8},
    },
    "rin": {
        "embedder": {"type": "transformer", "model": str(ROOT / "fixtures" / "tiny_transformer")},
        "head": {"type": "rin", "rounds": 1},
    },
}

SOUND = "Ada Lovelace was born in London ."
ARABIC, HEBREW = "ولدت آدا لوفلايس في لندن .", "עדה לאבלייס נולדה בלונדון ."
ALPHABETS = {
    "control characters": "".join(map(chr, range(32))) + "\x7f\x80\x85\x9f",
    "punctuation": "!?.,;:()[]{}'\"-–—…«»/\\|@#$%^&*_~`<>=+。、",
    "spaces": " \t\u00a0\u2003\u200b\u202f\u3000\ufeff",
    "right to left": ARABIC + HEBREW + "\u200f\u202e\u2067\u2069",
    "marks": "aе\u0301\u0308\u0335\u20dd\u0489\u200d\ufe0f",
    "pictures": "😀👩\u200d🔬🏳️\u200d🌈👍🏽🇫🇷",
    "ends of lines": "\u2028\u2029\x0b\x0c\x1c\x1d\x85",
    "others": "\ufffe\uffff\ufffd\U0010ffff\ue000\U000e0001𝓐𝔸①½İıßŉ",
    "surrogates": "a \ud800\udc00\udfff\udbff",
    "digits": "0123456789 .,-",
}


def text_of(draw: random.Random) -> str:
    """A text that no one expects, or one that everyone does."""
    if draw.random() < 0.2:
        return draw.choice((SOUND, ARABIC, HEBREW, "", " ", "London", "%s {} %n $(x) <b>&amp;</b> '; DROP TABLE x --"))
    letters = draw.choice(list(ALPHABETS.values()))
    return "".join(draw.choices(letters, k=draw.choice((1, 2, 5, 20, 100, 300))))


LONG_TEXTS: list[Callable[[], str]] = [
    lambda: "a" * LONG,
    lambda: " " * LONG,
    lambda: "a " * (LONG // 2),
    lambda: "!" * LONG,
    lambda: (SOUND + " ") * (LONG // len(SOUND)),
    lambda: "\u0301" * LONG,
    lambda: "😀" * LONG,
]


def tokens_of(draw: random.Random) -> list[str]:
    """Tokens, empty ones and such with spaces among them."""
    return [draw.choice((text_of(draw), "", " ", "\n", "London", "Ada")) for _ in range(draw.choice((0, 1, 3, 10)))]


MENTION, RELATION = {"start": 0, "end": 1}, {"head": 0, "type": "r", "tail": 0}
WRONG_ENTITIES: list[Any] = [
    5, [5], [{"start": 0}], [{"start": 0, "end": 9}], [{"start": -1, "end": 1}], [{"start": 1, "end": 0}],
    [{"start": "0", "end": 1}], [{"start": 10**400, "end": 1}], [{**MENTION, "score": "high"}],
    [{**MENTION, "type": 5}],
]  # fmt: skip
WRONG: list[Any] = [
    None, 5, -0.5, True, "text", [], [1], {}, {"text": 5}, {"text": None}, {"text": ["a"]}, {"tokens": "a b"},
    {"tokens": [1, 2]}, {"tokens": [["a"]]}, {"tokens": [None]}, {"tokens": {"a": 1}}, {"texts": "a"},
    {"text": "a", "x": 1}, {"sentText": "a b", "relationMentions": []}, {"tokens": ["a"], "relations": [RELATION]},
    *({"tokens": ["a"], "entities": entities} for entities in WRONG_ENTITIES),
    {"tokens": ["a"], "entities": [MENTION], "relations": [{**RELATION, "tail": 1}]},
    {"tokens": ["a"], "entities": [MENTION], "relations": [{**RELATION, "type": 5}]},
    {"tokens": ["a"], "offsets": [[0, 1]]}, {"text": "a", "tokens": ["a"], "offsets": [[0, 5]]},
    {"text": "a", "tokens": ["a", "b"], "offsets": [[0, 1]]}, {"text": "a", "tokens": ["a"], "offsets": [[1, 0]]},
    {"tokens": ["a"], "pos_tags": ["NN", "NN"]}, {"tokens": ["a"], "pos_tags": "N"}, {"tokens": ["a"], "heads": [7]},
    {"tokens": ["a"], "heads": ["x"]}, {"tokens": ["a"], "id": 5}, {"tokens": ["a"], "meta": 5},
]  # fmt: skip
BROKEN: list[bytes] = [
    b"", b" ", b"\t", b"{", b"}", b"[", b'{"text": "a"', b"{'text': 'a'}", b'{"text": "a",}', b'{"text" "a"}', b"nan",
    b'{"text": NaN}', b'{"text": Infinity}', b'{"text": "a"} {"text": "b"}', b'{"text": "a", "text": "b"}',
    b"\xef\xbb\xbf{}", b"\xff\xfe\x00", b'{"text": "\xe9t\xe9"}', b"\x00", b'{"text": "\x00"}', b"[" * 500_000,
    b'{"a":' * 100_000, b"9" * 100_000, b'{"tokens": ["a"], "entities": [{"start": 1e999, "end": 1}]}',
    b'{"text": "\\ud800"}', b'{"text": "\\u12"}', b"text",
]  # fmt: skip


def json_line(draw: random.Random) -> bytes:
    """A line for ``relx predict``: sound, strange, wrong or broken."""
    way = draw.random()
    if way < 0.25:
        return json.dumps({"text": text_of(draw)}, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    if way < 0.45:
        return json.dumps({"tokens": tokens_of(draw)}).encode()
    if way < 0.75:
        return json.dumps(draw.choice(WRONG)).encode()
    if way < 0.95:
        return draw.choice(BROKEN)
    return json.dumps(example_to_json(draw.choice(SENTENCES))).encode()


def plain_line(draw: random.Random) -> bytes:
    """A line for ``relx predict --text``."""
    if draw.random() < 0.1:
        return draw.choice((draw.randbytes(draw.randrange(50)).replace(b"\n", b""), b"\xff", b"\xc3\x28"))
    return text_of(draw).replace("\n", " ").encode("utf-8", "surrogatepass")


def lines_of(number: int) -> tuple[list[bytes], bool]:
    """The lines of a part, and whether they are plain text; one of them is long."""
    draw, plain = random.Random(number), number % 4 == 3
    lines = [plain_line(draw) if plain else json_line(draw) for _ in range(LINES)]
    long = LONG_TEXTS[number // 2 % len(LONG_TEXTS)]()
    lines[draw.randrange(LINES)] = long.encode() if plain else json.dumps({"text": long}).encode()
    return lines, plain


def trained(folder: Path, name: str) -> Path:
    """The archive of a model that has seen a few sentences."""
    train = folder / "train.jsonl"
    train.write_text("".join(to_line(example_to_json(example)) + "\n" for example in SENTENCES))
    root = Reference("relx.training.experiment", "Experiment")
    tree = {
        "dataset_reader": {"type": "jsonl"},
        "train_data_path": str(train),
        "model": MODELS[name],
        "trainer": {"epochs": 20, "optimizer": {"type": "adam", "lr": 0.02}},
    }
    config.require_valid(tree, root, name)
    train_in_folder(tree, folder / name)
    return folder / name / ARCHIVE


class Parts:
    """The lines of each number, and what ``relx predict`` says of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archives = [trained(folder, name) for name in MODELS]

    def attempt(self, number: int) -> str:
        """How many lines were answered, how many reported, as JSON. Raises AssertionError for one that is neither."""
        lines, plain = lines_of(number)
        source, target = self.folder / ("in.txt" if plain else "in.jsonl"), self.folder / "out"
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        archive, *options = self.archives[number % 2], *["--longest", LONGEST] * (number % 2), "--sentences"
        record = ("--on-error", "record", "--max-errors", "1")
        ended = command("predict", archive, source, "--output", target, *record, *options)
        assert outcome_of(ended) == "valid", ended.err
        answers = target.read_bytes().split(b"\n")[:-1]
        assert len(answers) == len(lines), f"{len(answers)} answers to {len(lines)} lines"
        pairs = enumerate(zip(lines, answers, strict=True), 1)
        return json.dumps(Counter(self._end(place, line, answer, plain) for place, (line, answer) in pairs))

    def _end(self, place: int, line: bytes, answer: bytes, plain: bool) -> str:
        said = json.loads(answer)
        if "error" in said:
            assert said["line"] == place and isinstance(said["error"], str) and len(said["error"]) < 1000, said
            return "reported"
        assert {"tokens", "entities", "relations"} <= said.keys(), said.keys()
        if plain:
            assert said["text"] == line.rstrip(b"\r").decode("utf-8-sig" if place == 1 else "utf-8")
        else:
            given = json.loads(line.decode("utf-8-sig" if place == 1 else "utf-8"))
            assert all(said[key] == given[key] for key in ("text", "tokens") if given.get(key) is not None)
            assert given.get("id") is None or said["id"] == str(given["id"])
        return "answered"


def main() -> int:
    """Print how many lines were answered, how many reported, and what went otherwise."""
    given = arguments(__doc__, 10_000)
    numbers = range(given.count // LINES) if given.only is None else range(given.only, given.only + 1)
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        for number, end in outcomes(Parts(Path(name)).attempt, numbers, given.limit):
            if end.startswith(FAULT):
                print(f"{number}: {end}", flush=True)
            ends.update({FAULT: 1} if end.startswith(FAULT) else json.loads(end))
    print(json.dumps(dict(ends.most_common()), indent=2))
    return 1 if ends[FAULT] else 0


if __name__ == "__main__":
    raise SystemExit(main())
