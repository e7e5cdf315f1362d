"""Sentences parsed a second: ``python benchmarks/parsing.py [--models DIR] [--data FILE] [--sentences 2000]``.

The rate of the ``stanza`` parser on an empty cache is compared with that of the same pipeline when it is given all
sentences as one document, which is Stanza's own way to a high rate; and the rate of reading them from the cache again
is shown. ``--data`` is a corpus in any form, ``--models`` a folder of Stanza's models.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from synthetic import seconds

from relx.annotators.parsers.stanza import StanzaParser
from relx.readers import read

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def report(folder: str, sentences: list[list[str]], cache: str) -> None:
    """Print the rates."""
    StanzaParser(model_dir=folder, cache=f"{cache}/warm").parse(sentences[:100])
    parser = StanzaParser(model_dir=folder, cache=cache)
    pipeline = parser.models.pipeline()
    pipeline(sentences[:100])
    parser.parse([["loaded"]])
    times = {
        "Stanza, one document": seconds(lambda: pipeline(sentences)),
        "relx, nothing known": seconds(lambda: parser.parse(sentences)),
        "relx, everything known": seconds(lambda: StanzaParser(model_dir=folder, cache=cache).parse(sentences)),
    }
    for name, time in times.items():
        print(f"{name:24} {len(sentences) / time:10.0f} sentences/s")
    ratio = times["Stanza, one document"] / times["relx, nothing known"]
    print(f"relx / Stanza            {ratio:10.2f} x")


def main() -> None:
    """Read the sentences and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=str(FIXTURES / "tiny_stanza"))
    parser.add_argument("--data", default=str(FIXTURES / "nyt10/train.json"))
    parser.add_argument("--sentences", type=int, default=2000)
    arguments = parser.parse_args()
    found = list(dict.fromkeys(tuple(example.tokens) for example in read(arguments.data) if example.tokens))
    sentences = [list(tokens) for tokens in found[: arguments.sentences]]
    print(f"{len(sentences)} sentences, {sum(map(len, sentences))} tokens, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as cache:
        report(arguments.models, sentences, cache)


if __name__ == "__main__":
    main()
