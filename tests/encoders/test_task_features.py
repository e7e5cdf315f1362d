import pytest
import torch

from relx.encoders.seq2seq.compose import ComposeEncoder
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder, TaskFeatures
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.registry import Lazy

FEATURES = TaskFeatures(6, {"entity": [(0, 2), (4, 6)], "relation": [(2, 6)]})
ENCODED = torch.arange(12.0).view(1, 2, 6)


def test_a_task_reads_its_ranges_one_after_the_other():
    assert FEATURES.select(ENCODED, "entity").tolist() == [[[0, 1, 4, 5], [6, 7, 10, 11]]]
    assert FEATURES.select(ENCODED, "relation").tolist() == [[[2, 3, 4, 5], [8, 9, 10, 11]]]
    assert (FEATURES.size("entity"), FEATURES.size("relation")) == (4, 4)


def test_own_features_are_those_that_no_other_task_reads():
    task_features = TaskFeatures(6, {"e": [(0, 2), (4, 5)], "s": [(2, 4), (4, 5)], "o": [(4, 5)]}).own()
    assert [task_features.size(task) for task in "eso"] == [2, 2, 0]
    assert task_features.select(ENCODED, "e").tolist() == [[[0, 1], [6, 7]]]
    assert TaskFeatures(6).own().size("anything") == 6


def test_an_unknown_task_is_an_error_that_names_the_known_ones():
    for ask in (FEATURES.size, lambda task: FEATURES.select(ENCODED, task)):
        with pytest.raises(ValueError, match="no features for the task 'object'; its tasks are entity, relation"):
            ask("object")


def test_an_encoder_without_tasks_gives_every_task_all_features():
    task_features = LSTMEncoder(3, 2).task_features
    assert task_features.size("anything") == 4
    assert task_features.select(ENCODED[..., :4], "anything").tolist() == ENCODED[..., :4].tolist()


def test_composed_encoders_give_the_task_features_of_the_last():
    class Halves(Seq2SeqEncoder):
        def __init__(self, input_dim):
            super().__init__()
            self.output_dim = input_dim

        @property
        def task_features(self):
            return TaskFeatures(4, {"left": [(0, 2)], "right": [(2, 4)]})

    made = Lazy(Halves)
    made.build = lambda input_dim: Halves(input_dim)
    composed = ComposeEncoder(3, [Lazy(LSTMEncoder, hidden_size=2), made])
    assert (composed.task_features.size("left"), composed.output_dim) == (2, 4)
