"""Write predictions beside gold, for people to read while a model learns."""

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
    """Write the predictions for a few validation sentences to ``samples.txt`` at each report.

    ``=`` marks a correct triple, ``-`` a missing one, ``+`` a wrong one, under the first protocol. The sentences are
    the same at each report, evenly spaced among those that have relations.

    Args:
        folder: The folder of the run; the trainer gives it.
        protocol: The protocol under which triples are compared; the trainer gives it.
        sentences: The number of sentences.
    """

    def __init__(self, folder: Injected[Path], protocol: Injected[str], sentences: int = 5) -> None:
        require_sizes(sentences=sentences)
        self.file = LogFile(folder / SAMPLES)
        self.protocol = find_protocol(protocol)
        self.sentences = sentences
        self.place = "before training"

    def on_step_end(self, report: StepReport) -> None:
        """Note the epoch and the step."""
        self.place = f"epoch {report.epoch}, step {report.step}"

    def on_validation(self, gold: Sequence[Example], predicted: Sequence[Example]) -> None:
        """Append the sentences. Raises RelxError when the file cannot be written."""
        rows = _spread([row for row, example in enumerate(gold) if example.relations], self.sentences)
        lines = (line for row in rows for line in self._lines(gold[row], predicted[row]))
        self.file.add("\n".join([self.place, *lines, ""]))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the run and the length of the file."""
        return {"place": self.place, **self.file.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Truncate the file to its length then. Raises RelxError when the file cannot be written."""
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
    """Return so many of the rows, evenly spaced."""
    step = max(1, len(rows) // count)
    return list(rows[::step][:count])


def _triple(example: Example, relation: Relation) -> str:
    head, tail = example.mention_text(relation.head), example.mention_text(relation.tail)
    score = f"  ({relation.score:.2f})" if relation.score is not None else ""
    return f"{head}  --{relation.type}->  {tail}{score}"
