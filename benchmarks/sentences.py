"""Boundary F1 and speed of the sentence splitters on a treebank, or on a text file of one sentence a line.

    python benchmarks/sentences.py en_ewt-ud-test.conllu.gz fixtures/sentences/biomedical.txt --stanza FOLDER

The sentences of a paragraph are joined by a blank. A boundary is the end of a sentence within its paragraph: the end of
a paragraph is not counted, because every splitter finds it.
"""

import argparse
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.sentence_splitters.splitter import SentenceSplitter
from relx.annotators.sentence_splitters.stanza import StanzaSplitter


def paragraphs(path: Path) -> Iterator[list[str]]:
    """Yield the sentences of each paragraph."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = content.decode("utf-8").splitlines()
    found: list[str] = []
    for line in lines:
        ends = line.startswith(("# newpar", "# newdoc")) if "conllu" in path.name else not line
        if ends and found:
            yield found
            found = []
        if "conllu" in path.name and line.startswith("# text = "):
            found.append(line.removeprefix("# text = ").strip())
        elif "conllu" not in path.name and line:
            found.append(line)
    if found:
        yield found


def boundaries(sentences: list[str]) -> set[int]:
    """Return the ends of the sentences in their paragraph, except the last one."""
    ends, length = set(), 0
    for sentence in sentences[:-1]:
        length += len(sentence) + 1
        ends.add(length - 1)
    return ends


def main() -> None:
    """Print a row for each file and splitter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--stanza", metavar="FOLDER")
    parser.add_argument("--errors", type=int, default=0, help="so many wrong boundaries are shown")
    arguments = parser.parse_args()
    splitters: dict[str, SentenceSplitter] = {"rules": RuleSplitter()}
    if arguments.stanza:
        splitters["stanza"] = StanzaSplitter("en", arguments.stanza)
        splitters["stanza"].split(["Load the model."])
    print(f"{'file':24} {'splitter':8} boundaries  precision  recall     F1  sentences per CPU second")
    for path in arguments.files:
        gold = list(paragraphs(path))
        texts = [" ".join(sentences) for sentences in gold]
        wanted = [boundaries(sentences) for sentences in gold]
        for name, splitter in splitters.items():
            begin = time.process_time()
            spans = splitter.split(texts)
            speed = sum(map(len, gold)) / (time.process_time() - begin)
            got = [{end for _, end in of_text[:-1]} for of_text in spans]
            correct = sum(len(a & b) for a, b in zip(wanted, got, strict=True))
            precision, recall = correct / sum(map(len, got)), correct / sum(map(len, wanted))
            f1 = 2 * precision * recall / (precision + recall)
            row = f"{sum(map(len, wanted)):10,}  {precision:9.1%} {recall:7.1%} {f1:6.1%}  {speed:24,.0f}"
            print(f"{path.name:24} {name:8} {row}")
            show_errors(texts, wanted, got, arguments.errors)


def show_errors(texts: list[str], wanted: list[set[int]], got: list[set[int]], most: int) -> None:
    """Print the first wrong boundaries with the text around them."""
    wrong = [(t, place, place in a) for t, a, b in zip(texts, wanted, got, strict=True) for place in sorted(a ^ b)]
    for text, place, missed in wrong[:most]:
        kind = "missed" if missed else "spurious"
        print(f"  {kind:8} {text[max(0, place - 40) : place]!r} | {text[place : place + 30]!r}")


if __name__ == "__main__":
    main()
