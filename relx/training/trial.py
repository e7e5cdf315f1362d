"""An experiment tried out: everything that a run needs, and nothing that it keeps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from relx.data.batch import IndexedCorpus
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.runtime import prepare_process
from relx.training.parameter_groups import parameter_groups
from relx.training.processes import Processes
from relx.training.randomness import seed_everything
from relx.training.stepper import Part, Step, Stepper

if TYPE_CHECKING:
    from relx.training.experiment import Experiment


class Trial:
    """The data of an experiment, its model with the vocabulary of all training sentences, and steps of its optimizer.

    Raises DataError, ConfigError and TrainingError as a run does.
    """

    def __init__(self, experiment: "Experiment", processes: Processes) -> None:
        prepare_process()
        processes.each(experiment.require_sources)
        seed_everything(experiment.seed)  # for a reader that draws
        self.experiment = experiment
        self.processes = processes
        self.data = processes.each(experiment.read)
        seed_everything(experiment.seed)  # as a run does
        self.model = processes.each(lambda: experiment.build(Vocabulary(self.data["train"])))

    def corpus(self, examples: Sequence[Example]) -> IndexedCorpus:
        """Sentences as the model is trained on them."""
        return IndexedCorpus(examples, self.model.index_labelled)

    def stepper(self, total: int) -> Stepper:
        """The model and its optimizer, for so many steps."""
        trainer = self.experiment.trainer
        optimizer = trainer.optimizer.of(parameter_groups(self.model.named_parameters(), trainer.groups))
        return Stepper(self.model, optimizer, self.processes, trainer.grad_norm, trainer.schedule, total=total)

    def plan(self, corpus: IndexedCorpus, epoch: int) -> list[list[np.ndarray]]:
        """The batches of each step of an epoch; the largest come first in epoch 0."""
        experiment = self.experiment
        return experiment.loader.steps(corpus.lengths, experiment.seed, epoch, experiment.trainer.accumulate)


def take(stepper: Stepper, number: int, corpus: IndexedCorpus, batches: Sequence[np.ndarray]) -> Step:
    """A step on these batches, of each of which every process takes its share. Raises as the stepper does."""
    parts = [Part.share(corpus, rows, stepper.processes) for rows in batches]
    return stepper.step(number, parts, sum(map(len, batches)))
