"""Levitated markers against markers in the text: ``python benchmarks/marked_pairs.py CORPUS --transformer FOLDER``.

The relation pass of PURE between the gold entities of some sentences, with untrained markers: the same pairs are scored
in both ways, in turn. It prints processor time, which other work on the machine changes little.
"""

import argparse
import time
from pathlib import Path

import torch

from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import TransformerEmbedder
from relx.heads.pure import PureRelations
from relx.model import JointExtractor
from relx.readers import read
from relx.registry import Lazy

MARKERS = ("text", "levitated")


def build(markers: str, examples: list[Example], transformer: str) -> JointExtractor:
    """PURE's relation model over the transformer."""
    torch.manual_seed(1)
    head = Lazy(PureRelations, markers=markers)
    return JointExtractor(Vocabulary(examples), Lazy(TransformerEmbedder, model=transformer), head).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--transformer", required=True)
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    examples = [example for example in read(args.corpus) if len(example.entities) > 1][: args.sentences]
    models = {markers: build(markers, examples, args.transformer) for markers in MARKERS}
    seconds = dict.fromkeys(MARKERS, float("inf"))
    for _ in range(args.repeats):
        for markers, model in models.items():
            start = time.process_time()
            model.extract(examples, DataLoader(16))
            seconds[markers] = min(seconds[markers], time.process_time() - start)
    pairs = sum(len(example.entities) * (len(example.entities) - 1) for example in examples)
    for markers, taken in seconds.items():
        print(f"{markers}: {taken:.2f} s, {len(examples) / taken:.1f} sentences/s, {pairs / taken:.0f} pairs/s")
    print(f"levitated markers are {seconds['text'] / seconds['levitated']:.1f} times as fast, {pairs} pairs")


if __name__ == "__main__":
    main()
