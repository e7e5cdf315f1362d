"""Predictions beside gold, for people to read while a model learns."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from relx.data.example import Example, Relation
from relx.registry import Injected
from relx.scoring import find_protocol
from relx.training.callbacks.callback import Callback, StepReport
from relx.training.callbacks.metrics_file import LogFile
from relx.training.checkpointing.run_folder import SAMPLES
from relx.utils.argument_checks import require_sizes
from relx.utils.text import printable

FOUND, MISSED, WRONG = "=-+"


@Callback.register("samples")
class Samples(Callback):
    """A few sentences of the validation set after each epoch, in ``samples.txt``: what was found, missed and made up.

    ``=`` marks a triple that was found, ``-`` one that was missed, ``+`` a wrong one; they are compared under the first
    protocol. Always the same ``sentences``, spread over those that have relations.
    """

    def __init__(self, folder: Injected[Path], protocol: Injected[str], sentences: int = 5) -> None:
        require_sizes(sentences=sentences)
        self.file = LogFile(folder / SAMPLES)
        self.protocol = find_protocol(protocol)
        self.sentences = sentences
        self.place = "before training"

    def on_step_end(self, report: StepReport) -> None:
        """Remember how far the run has come."""
        self.place = f"epoch {report.epoch}, step {report.step}"

    def on_validation(self, gold: Sequence[Example], predicted: Sequence[Example]) -> None:
        """Write the sentences down. Raises RelxError when the file cannot be written."""
        rows = _spread([row for row, example in enumerate(gold) if example.relations], self.sentences)
        lines = (line for row in rows for line in self._lines(gold[row], predicted[row]))
        self.file.add("\n".join([self.place, *lines, ""]))

    def state_dict(self) -> dict[str, Any]:
        """How far the run has come, and the file has grown."""
        return {"place": self.place, **self.file.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Cut the file back to it. Raises RelxError when the file cannot be written."""
        self.place = state["place"]
        self.file.load_state_dict(state)

    def _lines(self, gold: Example, predicted: Example) -> Iterator[str]:
        wanted, found = ({self.protocol.key(e, r): r for r in e.relations} for e in (gold, predicted))
        yield "  " + printable(" ".join(gold.tokens))
        for key in wanted | found:
            mark = WRONG if key not in wanted else MISSED if key not in found else FOUND
            example, relation = (gold, wanted[key]) if mark == MISSED else (predicted, found[key])
            yield f"    {mark} {printable(_triple(example, relation))}"


def _spread(rows: Sequence[int], count: int) -> list[int]:
    """So many of them, evenly spaced."""
    step = max(1, len(rows) // count)
    return list(rows[::step][:count])


def _triple(example: Example, relation: Relation) -> str:
    head, tail = example.mention_text(relation.head), example.mention_text(relation.tail)
    score = f"  ({relation.score:.2f})" if relation.score is not None else ""
    return f"{head}  --{relation.type}->  {tail}{score}"
