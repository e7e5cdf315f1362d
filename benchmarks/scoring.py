"""How long scoring takes: ``python benchmarks/scoring.py [SENTENCES]`` on made-up sentences of 38 tokens."""

import random
import sys
import time
from collections.abc import Callable
from functools import partial

from relx.data.example import Entity, Example, Relation
from relx.scoring import PROTOCOLS, corpus_triples, score

TYPES = [f"relation_{number}" for number in range(24)]
LENGTH = 38


def corpus(sentences: int, seed: int) -> tuple[list[Example], list[Example]]:
    """Gold with 0 to 5 triples a sentence, and predictions of which about four in five are right."""
    draw = random.Random(seed)
    gold = [_sentence(draw) for _ in range(sentences)]
    return gold, [_spoiled(example, draw) for example in gold]


def _sentence(draw: random.Random) -> Example:
    starts = [draw.randrange(LENGTH - 3) for _ in range(4)]
    mentions = [Entity(start, start + draw.randint(1, 3), draw.choice(["PER", "LOC", "ORG"])) for start in starts]
    size = draw.choice([0, 1, 1, 2, 5])
    relations = [Relation(draw.choice(mentions), draw.choice(TYPES), draw.choice(mentions)) for _ in range(size)]
    return Example([f"word{draw.randrange(20_000)}" for _ in range(LENGTH)], mentions, relations)


def _spoiled(example: Example, draw: random.Random) -> Example:
    relations = [r if draw.random() < 0.8 else r._replace(type=draw.choice(TYPES)) for r in example.relations]
    return Example(list(example.tokens), example.entities[:3], relations)


def _best(action: Callable[[], object], repeat: int = 5) -> float:
    return min(_seconds(action) for _ in range(repeat))


def _seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    """Print the seconds of each protocol, full report included."""
    sentences = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    gold, predicted = corpus(sentences, seed=1)
    seen = set(corpus_triples(gold[::2]))
    triples = sum(len(example.relations) for example in gold)
    print(f"{sentences} sentences, {triples} gold triples; processor seconds, best of 5")
    for name in PROTOCOLS:
        plain, with_seen = (_best(partial(score, gold, predicted, name, known)) for known in (None, seen))
        print(f"{name:14} {plain:.3f}  with unseen triples {with_seen:.3f}")


if __name__ == "__main__":
    main()
