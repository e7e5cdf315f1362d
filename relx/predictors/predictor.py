"""Extraction with a trained archive."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from relx import archive
from relx.archive import Archive
from relx.data.example import Example
from relx.data.fields import BadRecord
from relx.data.loader import DataLoader
from relx.errors import DataError, RelxError
from relx.predictors.inputs import Input, read_inputs, several
from relx.runtime import lacks_memory, prepare_process, require_device

# Enough sentences for batches of like length, few enough to hold in memory whatever the input's size.
CHUNK = 1024
SHOWN = 6  # faults in one message
LOADER = DataLoader(batch_size=64, max_tokens=4096)


class NoMemory(RelxError):
    """A sentence whose prediction needs more memory than there is."""


class Predictor:
    """Extracts entities and relations with a trained model.

    >>> predictor = Predictor.load("model.tar.gz")
    >>> [example] = predictor(["Ada Lovelace was born in London."])
    """

    def __init__(self, opened: Archive) -> None:
        self.archive = opened
        self.model = opened.model
        self.tokenizer = opened.parts.tokenizer

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu", overrides: Iterable[str] = ()) -> "Predictor":
        """Open an archive for prediction; ``overrides`` are those of ``archive.load``.

        Raises ArchiveError, and RelxError for a device that is not there.
        """
        prepare_process()
        require_device(device)
        opened = archive.load(path, overrides)
        opened.model.to(device)
        return cls(opened)

    def __call__(self, inputs: Iterable[Input]) -> list[Example]:
        """Return the predictions for texts, lists of tokens, records of relx's JSON form, or Examples, in their order.

        Raises BadRecord, before anything is predicted, if an input is none of these, and the errors of ``stream``.
        ``attempts`` answers the other inputs of such a list.
        """
        examples = read_inputs(several(inputs), self.tokenizer)
        faults = [f"input {i}: {fault}" for i, fault in enumerate(examples, 1) if isinstance(fault, BadRecord)]
        if faults:
            more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
            raise BadRecord("\n".join(faults[:SHOWN] + more))
        chunks = (examples[start : start + CHUNK] for start in range(0, len(examples), CHUNK))
        return list(_raising(answer for chunk in chunks for answer in self.answer(chunk)))

    def stream(self, inputs: Iterable[Input]) -> Iterator[Example]:
        """Return the predictions for any number of inputs, in order and in constant memory.

        Raises, with the number of the input, BadRecord for one that cannot be read, NoMemory for one that needs more
        memory than there is, DataError for one that lacks what the model needs to know of it, such as given tags.
        """
        return _raising(self.attempts(inputs))

    def attempts(self, inputs: Iterable[Input]) -> Iterator[Example | RelxError]:
        """Return the same, with the error in place of the prediction for such an input."""
        return self._attempts(several(inputs))

    def answer(self, examples: Sequence[Example | RelxError]) -> list[Example | RelxError]:
        """Return the prediction for each Example, or the error in its place; errors stay as they are."""
        sound = [example for example in examples if isinstance(example, Example)]
        answers = iter(self._attempt(sound) if sound else [])
        return [next(answers) if isinstance(example, Example) else example for example in examples]

    def _attempts(self, inputs: Iterator[Any]) -> Iterator[Example | RelxError]:
        while chunk := list(islice(inputs, CHUNK)):
            yield from self.answer(read_inputs(chunk, self.tokenizer))

    def _attempt(self, examples: list[Example], annotated: bool = False) -> list[Example | RelxError]:
        """Each half for itself where something is amiss with all together, until it is known with which sentence."""
        fault: NoMemory | DataError
        try:
            examples = examples if annotated else self.archive.parts.annotated(examples)
            annotated = True
            return [*self.model.extract(examples, LOADER)]
        except DataError as error:
            fault = error
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            fault = NoMemory(f"the memory does not suffice for a sentence of {len(examples[0]):,} tokens; split it")
        if len(examples) == 1:
            return [fault]
        half = len(examples) // 2
        return self._attempt(examples[:half], annotated) + self._attempt(examples[half:], annotated)


def _raising(answers: Iterable[Example | RelxError]) -> Iterator[Example]:
    for number, answer in enumerate(answers, 1):
        if isinstance(answer, RelxError):
            raise type(answer)(f"input {number}: {answer}")
        yield answer
