import literal
import numpy as np
import pytest
import torch
from batches import inputs_of, labeled_batch
from sentences import sentence, spans

from relx.data.vocabulary import Vocabulary
from relx.heads.novel_tagging import NovelTagging
from relx.training.checks.oracle import oracle_decode

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
    batch = labeled_batch(made, examples, DIM)
    return made.loss(made(batch, inputs_of), batch)


def test_the_loss_equals_the_equations():
    """A tagged token weighs ten times as much as one outside; the weights are 1 and 1/10 here."""
    made = head()
    batch = labeled_batch(made, EXAMPLES, DIM)
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


@pytest.mark.parametrize("relations", [1, 3, 24])
def test_its_tags_are_those_of_the_paper(relations):
    """Section 3.1: Nt = 2 roles x 4 positions x relations + 1 for O, 193 for 24 relations."""
    named = [((0, 1), f"r{number}", (1, 2)) for number in range(relations)]
    made = NovelTagging(DIM, Vocabulary([sentence(2, *named)]), hidden_size=1, decoder_size=1, tag_dim=1)
    assert made.joint_tags.size == made.decoder.output.out_features == 2 * 4 * relations + 1


@pytest.mark.parametrize(
    "arguments", [{"relation_weight": 0.0}, {"decoder_size": 0}, {"hidden_size": 0}, {"tag_dim": 0}, {"dropout": -1.0}]
)
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        head(**arguments)


# What follows is read off the paper's prose and figures (Zheng et al. 2017), not off the equations of this project.


def test_a_token_has_one_role_in_one_triple():
    """Section 3.1: overlapping relations are not considered, so a second triple of a mention is not learned."""
    made = head()
    target = made.targets(sentence(6, ((0, 1), "lives_in", (2, 3)), ((0, 1), "contains", (4, 5))))
    assert target.arrays["joint_tags"].shape == (6,)
    assert np.count_nonzero(target.arrays["joint_tags"]) == 2
    assert [relation.type for relation, _ in target.lost] == ["contains"]


def test_mentions_of_one_relation_are_paired_with_the_nearest():
    """Section 3.2: triples of one type combine by the nearest principle; mentions of other types never combine."""
    made = head()
    two = sentence(8, ((0, 1), "lives_in", (1, 2)), ((6, 7), "lives_in", (5, 6)))
    crossed = sentence(8, ((0, 1), "lives_in", (4, 5)), ((5, 6), "contains", (1, 2)))
    for example, decoded in zip((two, crossed), oracle_decode(made, (two, crossed)), strict=True):
        assert sorted(spans(decoded)) == sorted(spans(example))
    far = sentence(8, ((0, 1), "lives_in", (7, 8)), ((6, 7), "lives_in", (1, 2)))
    [decoded] = oracle_decode(made, [far])
    assert sorted(spans(decoded)) == [((0, 1), "lives_in", (1, 2)), ((6, 7), "lives_in", (7, 8))]


def test_alpha_strengthens_the_tagged_tokens_and_leaves_those_outside_alone():
    """Section 3.5: log p of O counts once and of all other tags alpha times, up to a common factor of 1/alpha."""
    gradients = {}
    for alpha in (1.0, 10.0, 20.0):
        made = head(relation_weight=alpha)
        batch = labeled_batch(made, EXAMPLES, DIM)
        logits = made(batch, inputs_of)["joint"].detach().requires_grad_()
        [gradients[alpha]] = torch.autograd.grad(alpha * made.loss({"joint": logits}, batch), logits)
    tagged = batch["joint_tags"] > 0
    assert tagged.any() and (batch.mask & ~tagged).any()
    for alpha in (10.0, 20.0):
        torch.testing.assert_close(gradients[alpha][~tagged], gradients[1.0][~tagged])
        torch.testing.assert_close(gradients[alpha][tagged], alpha * gradients[1.0][tagged])


def test_the_tag_vector_of_a_token_is_read_at_the_next_one():
    """Section 3.3: the gates read T of the token before; decoding runs from left to right, and T begins at 0."""
    decoder = head().decoder
    decoder.tag_from_state.bias.data.zero_()  # T comes from the state alone
    encoded = torch.randn(1, 5, decoder.gates_from_encoded.in_features, dtype=torch.float64)
    other = encoded.clone()
    other[0, 2] += 1
    before = decoder(encoded)
    assert differs(before, decoder(other)) == [False, False, True, True, True]
    decoder.gates_from_tag.weight.data += 1
    assert differs(before, decoder(encoded)) == [False, True, True, True, True]
    before = decoder(encoded) - decoder.output.weight @ decoder.tag_from_state.bias
    decoder.tag_from_state.bias.data += 1  # reaches the tags of its own token as a sum, and the gates of the next
    after = decoder(encoded) - decoder.output.weight @ decoder.tag_from_state.bias
    assert differs(before, after) == [False, True, True, True, True]


def differs(before, after):
    return ((before - after).abs() > 1e-9)[0].any(dim=-1).tolist()
