"""Made-up sentences and models of a chosen size, and timers, for the benchmarks."""

import os
import random
import statistics
import time
from collections.abc import Callable

import torch

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.heads.head import Head
from relx.heads.hmt import HMT
from relx.model import JointExtractor
from relx.registry import Lazy

RELATIONS = [f"relation {number}" for number in range(29)]
SIGNATURES = {name: [("PER", "LOC", "ORG", "MISC")[i % 4], "LOC"] for i, name in enumerate(RELATIONS)}


def sentences(count: int, length: int | None = None, words: int = 20_000) -> list[Example]:
    """Sentences of newspaper length (about 38 tokens), or all of one length, each with up to three triples."""
    draw = random.Random(1)
    lengths = (length or min(200, max(4, int(draw.lognormvariate(3.55, 0.45)))) for _ in range(count))
    lexicon = [f"word{number}" for number in range(words)]
    return [_sentence(draw, length, lexicon) for length in lengths]


def _sentence(draw: random.Random, length: int, lexicon: list[str]) -> Example:
    entities = [Entity(start, start + 1) for start in sorted(draw.sample(range(length), 4))]
    triples = draw.randint(0, 3)
    relations = [Relation(draw.choice(entities), draw.choice(RELATIONS), draw.choice(entities)) for _ in range(triples)]
    return Example(draw.choices(lexicon, k=length), entities, relations)


def hmt(vocabulary: Vocabulary, hidden: int) -> JointExtractor:
    """HMT with word vectors, states and tag vectors of one size."""
    torch.manual_seed(1)
    head: Lazy[Head] = Lazy(HMT, hidden_size=hidden, tag_dim=hidden, signatures=SIGNATURES)
    return JointExtractor(vocabulary, Lazy(WordEmbedder, dim=hidden, dropout=0.5), head)


def training_step(model: JointExtractor) -> Callable[[Batch], None]:
    """What the trainer does with a batch: loss, gradients, clipping, RMSprop."""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)

    def step(batch: Batch) -> None:
        model(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def seconds(action: Callable[[], object]) -> float:
    """The wall time of one run."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def memory() -> float:
    """What the process holds now, in MiB (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def medians(actions: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """The median seconds of each action, taken in turn so that a busy moment hits all of them; one run to warm up."""
    rounds = [{name: seconds(action) for name, action in actions.items()} for _ in range(repeat + 1)][1:]
    return {name: statistics.median(times[name] for times in rounds) for name in actions}
