"""What was predicted, gold and correct in each sentence of a corpus: what a comparison of two models needs to know."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relx.data.example import Example
from relx.data.windows import merged
from relx.errors import DataError
from relx.scoring.checks import check_same_sentences, check_typed
from relx.scoring.counts import Counts, Matching
from relx.scoring.protocols import find_protocol
from relx.scoring.report import triple_items
from relx.utils.files import atomic_write

FILES = {split: f"{split}_sentences.json" for split in ("validation", "test")}


@dataclass(frozen=True)
class SentenceCounts:
    """The counts of the triples of each sentence, under each protocol.

    ``corpus`` tells the sentences from others: equal for equal tokens in equal order.
    """

    corpus: str
    by_protocol: dict[str, list[Counts]]

    def to_json(self) -> dict[str, Any]:
        """Return the content of a file: [predicted, gold, correct] of each sentence."""
        rows = {name: [[c.predicted, c.gold, c.correct] for c in counts] for name, counts in self.by_protocol.items()}
        return {"corpus": self.corpus, "predicted, gold, correct": rows}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "SentenceCounts":
        """Invert ``to_json``. Raises KeyError, TypeError, AttributeError and ValueError for any other content."""
        rows = content["predicted, gold, correct"]
        by_protocol = {name: [_possible(*row) for row in counts] for name, counts in rows.items()}
        if not isinstance(content["corpus"], str) or len(set(map(len, by_protocol.values()))) > 1:
            raise ValueError("not the counts of one corpus")
        return cls(content["corpus"], by_protocol)


def sentence_counts(gold: Sequence[Example], predicted: Sequence[Example], protocols: Iterable[str]) -> SentenceCounts:
    """Count the triples sentence by sentence; the sums are what ``score`` counts. Raises as ``score`` does."""
    gold, predicted = merged(gold), merged(predicted)
    check_same_sentences(gold, predicted)
    by_protocol = {}
    for protocol in protocols:
        rule = find_protocol(protocol)
        if rule.typed:
            check_typed(gold)
        items = triple_items(gold, rule, "gold"), triple_items(predicted, rule, "predicted")
        by_protocol[rule.name] = _by_sentence(Matching.of(*items, rule.multiset), len(gold))
    return SentenceCounts(_fingerprint(gold), by_protocol)


def save_counts(folder: Path, split: str, counts: SentenceCounts) -> None:
    """Write the counts of a split into the folder of a run. Raises RelxError when the file cannot be written."""
    with atomic_write(folder / FILES[split]) as file:
        json.dump(counts.to_json(), file, separators=(",", ":"))


def load_counts(folder: Path, split: str) -> SentenceCounts | None:
    """Return the counts that ``save_counts`` wrote, or None without a file. Raises DataError for a damaged file."""
    path = folder / FILES[split]
    try:
        return SentenceCounts.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{path}: holds no counts of sentences of relx") from None


def _possible(predicted: int, gold: int, correct: int) -> Counts:
    """Return the counts of a sentence. Raises ValueError for counts that no sentence can have."""
    whole = all(type(number) is int for number in (predicted, gold, correct))
    if not whole or not 0 <= correct <= min(predicted, gold) or max(predicted, gold) >= 2**31:
        raise ValueError("counts that no sentence has")
    return Counts(predicted, gold, correct)


def _by_sentence(matching: Matching, sentences: int) -> list[Counts]:
    found = matching.by(lambda item: (str(item[0]),))
    return [found.get(str(number), Counts()) for number in range(sentences)]


def _fingerprint(examples: Sequence[Example]) -> str:
    return hashlib.sha256(json.dumps([example.tokens for example in examples]).encode()).hexdigest()
