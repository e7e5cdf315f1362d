"""How large the page of an evaluation is, and how long it takes: ``python benchmarks/report_page.py [FOLDER]``.

With FOLDER the pages are written there, to look at in a browser.
"""

import random
import sys
import time
from pathlib import Path

from relx.data.example import Entity, Example, Relation
from relx.reports.page import evaluation_page
from relx.scoring import score_all

TYPES = ("Person", "Place", "Organization", "Date", "Product")
RELATIONS = tuple(f"relation_{number}" for number in range(24))
RIGHT = (0.9, 0.5)  # shares of the triples that are predicted correctly


def corpus(sentences: int, right: float) -> tuple[list[Example], list[Example]]:
    """Gold with 0 to 5 triples a sentence, and predictions of which a share is right."""
    draw = random.Random(sentences)
    gold = [_sentence(draw) for _ in range(sentences)]
    return gold, [_predicted(example, right, draw) for example in gold]


def _sentence(draw: random.Random) -> Example:
    words = [_word(draw) for _ in range(min(120, max(4, int(draw.lognormvariate(3.4, 0.45)))))]
    starts = [draw.randrange(len(words)) for _ in range(4)]
    mentions = [Entity(i, min(len(words), i + draw.randint(1, 3)), draw.choice(TYPES)) for i in starts]
    relations = [Relation(draw.choice(mentions), draw.choice(RELATIONS), draw.choice(mentions))
                 for _ in range(draw.choice((0, 1, 1, 2, 5)))]  # fmt: skip
    return Example(words, list(dict.fromkeys(mentions)), list(dict.fromkeys(relations)))


def _word(draw: random.Random) -> str:
    """Return one of 20,000 made-up words; few of them are frequent, as in a language."""
    letters = random.Random(int(draw.paretovariate(1.0)) % 20_000)
    return "".join(letters.choice("etaoinshrdlucmfw") for _ in range(letters.randint(2, 10)))


def _predicted(example: Example, right: float, draw: random.Random) -> Example:
    relations = []
    for relation in example.relations:
        kind, score = draw.random(), draw.uniform(0.5, 1)
        if kind < right:
            relations.append(relation._replace(score=score))
        elif kind < (1 + right) / 2:
            wrong = {"type": draw.choice(RELATIONS)} if draw.random() < 0.5 else {"tail": draw.choice(example.entities)}
            relations.append(relation._replace(**wrong, score=score))
    entities = [entity._replace(score=draw.uniform(0.5, 1)) for entity in example.entities if draw.random() < 0.9]
    return Example(example.tokens, entities, relations)


def main() -> None:
    """Print the size and the processor time of each page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for sentences in (300, 1000, 5000):
        for right in RIGHT:
            gold, predicted = corpus(sentences, right)
            reports = score_all(gold, predicted, ("strict", "exact_span"))
            start = time.process_time()
            page = evaluation_page(f"{sentences} sentences", gold, predicted, reports)
            seconds, f1 = time.process_time() - start, reports["strict"].triples.f1
            print(f"{sentences} sentences, F1 {100 * f1:.0f}: {len(page.encode()) / 1e6:.2f} MB, {seconds:.1f} s")
            if folder is not None:
                (folder / f"page_{sentences}_{100 * right:.0f}.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
