import literal
import pytest
import torch
from batches import inputs_of, labelled_batch
from sentences import sentence

from relx.data.vocabulary import Vocabulary
from relx.heads.novel_tagging import NovelTagging

DIM = 4
EXAMPLES = [
    sentence(9, ((0, 3), "lives_in", (4, 5)), ((5, 6), "contains", (7, 9))),
    sentence(4, ((2, 4), "lives_in", (0, 1))),
    sentence(2),
]


def head(**arguments):
    torch.manual_seed(0)
    sizes = {"hidden_size": 3, "decoder_size": 4, "tag_dim": 2, "dropout": 0.0}
    return NovelTagging(DIM, Vocabulary(EXAMPLES), **{**sizes, **arguments}).double()


def loss_of(made, examples=EXAMPLES):
    batch = labelled_batch(made, examples, DIM)
    return made.loss(made(batch, inputs_of), batch)


def test_the_loss_equals_the_equations():
    """A tagged token weighs ten times as much as one outside; the weights are 1 and 1/10 here."""
    made = head()
    batch = labelled_batch(made, EXAMPLES, DIM)
    total = torch.zeros((), dtype=torch.float64)
    for row, example in enumerate(EXAMPLES):
        encoded = literal.bidirectional(inputs_of(batch)[row, : len(example)], made.encoder)
        log_p = literal.lstm_tag_decoder(encoded, made.decoder).log_softmax(dim=1)
        for place, tag in enumerate(batch["joint_tags"][row, : len(example)].tolist()):
            total = total - log_p[place, tag] * (1 if tag else 0.1)
    torch.testing.assert_close(loss_of(made), total / len(EXAMPLES))


def test_without_bias_all_tokens_weigh_the_same():
    made, biased = head(relation_weight=1.0), head()
    untagged = [sentence(5)]
    torch.testing.assert_close(loss_of(biased, untagged) * 10, loss_of(made, untagged))


def test_its_tags_are_those_of_the_paper():
    """2 roles x 4 positions x relations + O: 193 for 24 relations."""
    relations = [((0, 1), f"r{number}", (1, 2)) for number in range(24)]
    made = NovelTagging(DIM, Vocabulary([sentence(2, *relations)]), hidden_size=1, decoder_size=1, tag_dim=1)
    assert made.joint_tags.size == 193


@pytest.mark.parametrize(
    "arguments", [{"relation_weight": 0.0}, {"decoder_size": 0}, {"hidden_size": 0}, {"tag_dim": 0}, {"dropout": -1.0}]
)
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        head(**arguments)
