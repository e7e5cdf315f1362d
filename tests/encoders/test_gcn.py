import random

import pytest
import torch
from padding import assert_every_parameter_learns

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.encoders.seq2seq.compose import ComposeEncoder
from relx.encoders.seq2seq.gcn import LABELS, OTHER, RELATIONS, GCNEncoder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.errors import DataError
from relx.registry import Lazy

DIM = 4
OPTIONS = {
    "equation 1": {},
    "another size": {"hidden_size": 3},
    "mean": {"normalization": "mean"},
    "layers": {"layers": 3},
    "residual": {"layers": 2, "residual": True},
    "directed": {"directed": True},
    "labels": {"labels": True},
    "everything": {"directed": True, "labels": True, "layers": 2, "normalization": "mean", "residual": True},
}
NAMES = [*RELATIONS, "nmod:poss", "conj:and", "nothing known"]


def tree(length, seed=0, roots=1, shape="any"):
    """A sentence with a random tree over its tokens, in any order, and so many roots at least."""
    draw = random.Random(seed)
    order = draw.sample(range(1, length + 1), length)
    heads = [0] * length
    for place, token in enumerate(order):
        above = order[:place] if shape == "any" else order[: min(1, place)]
        heads[token - 1] = draw.choice(above) if place >= roots else 0
    deprels = [draw.choice(NAMES) if head else "root" for head in heads]
    return Example([f"w{number}" for number in range(length)], dependency_heads=heads, deprels=deprels)


SENTENCES = [tree(5), tree(1), tree(9, 1), tree(0), tree(6, 2, roots=3), tree(7, 3, shape="star"), tree(2, 4, roots=2)]
PROJECTIVE_OR_NOT = [Example(["a"] * 4, dependency_heads=[3, 4, 0, 3], deprels=["nsubj", "acl:relcl", "root", "obj"])]


def made(seed=0, dim=DIM, **options):
    """An encoder in float64 whose parameters are all random."""
    encoder = GCNEncoder(dim, **options).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in encoder.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return encoder


def batch_of(encoder, examples):
    return TensorDataset(examples, encoder.index).batch(range(len(examples)))


def inputs_for(batch, seed=1, dim=DIM):
    """Random vectors; the padding holds numbers too."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch.mask.shape, dim, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_equals_the_reference_message_by_message_and_so_do_the_gradients(options):
    encoder = made(**options)
    batch = batch_of(encoder, SENTENCES + PROJECTIVE_OR_NOT)
    inputs = inputs_for(batch).requires_grad_()
    ours, reference = encoder.encode(inputs, batch), encoder.reference(inputs, batch)
    torch.testing.assert_close(ours, reference, rtol=1e-12, atol=1e-12)
    weights, wanted = torch.randn_like(ours), [inputs, *encoder.parameters()]
    gradients = [torch.autograd.grad((output * weights).sum(), wanted) for output in (ours, reference)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


def test_the_reference_sums_over_the_head_the_dependents_and_the_token_itself():
    encoder = made()
    batch = batch_of(encoder, [Example(list("abc"), dependency_heads=[2, 0, 2])])  # a <- b -> c
    inputs, W, b = inputs_for(batch), encoder.layers[0].weights.weight, encoder.layers[0].bias[0]
    messages = [W @ o + b for o in inputs[0]]
    expected = torch.stack([messages[0] + messages[1], sum(messages), messages[2] + messages[1]]).relu()
    torch.testing.assert_close(encoder.reference(inputs, batch)[0], expected)


def test_directions_and_labels_choose_the_weights_and_the_bias_of_a_message():
    encoder = made(directed=True, labels=True)
    graph = encoder.graph
    batch = batch_of(encoder, [Example(["a", "b"], dependency_heads=[0, 1], deprels=["root", "obj"])])
    obj = RELATIONS.index("obj")
    to_a, to_b = [(0, 0, 0, 0), (0, 1, 2, 1 + LABELS + obj)], [(1, 0, 1, 1 + obj), (1, 1, 0, 0)]
    assert sorted(*graph.messages(batch)) == to_a + to_b


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_neither_padding_nor_neighbors_change_an_answer(options):
    encoder = made(**options)
    batch = batch_of(encoder, SENTENCES)
    inputs = inputs_for(batch)
    together = encoder.encode(inputs, batch)
    assert together.shape == (*batch.mask.shape, encoder.output_dim)
    assert (together[~batch.mask] == 0).all()
    for row, example in enumerate(SENTENCES):
        shown = max(1, len(example))
        alone = encoder.encode(inputs[row : row + 1, :shown], batch_of(encoder, [example]))[0]
        torch.testing.assert_close(together[row, :shown], alone, rtol=0, atol=1e-10)
    turned = encoder.encode(inputs.flip(0), batch_of(encoder, SENTENCES[::-1]))
    torch.testing.assert_close(turned, together.flip(0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_permutation_of_the_tokens_permutes_the_output(options):
    encoder, example = made(**options), tree(9, 5, roots=2)
    order = random.Random(1).sample(range(9), 9)
    place = {old + 1: new + 1 for new, old in enumerate(order)} | {0: 0}
    permuted = Example(
        example.tokens,
        dependency_heads=[place[example.dependency_heads[old]] for old in order],
        deprels=[example.deprels[o] for o in order],
    )
    batch = batch_of(encoder, [example])
    inputs = inputs_for(batch)
    expected = encoder.encode(inputs, batch)[:, order]
    torch.testing.assert_close(encoder.encode(inputs[:, order], batch_of(encoder, [permuted])), expected)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_gradients_reach_every_parameter_and_no_padding(options):
    # Every label occurs, and every direction, so that no bias goes without a message.
    examples = [
        *SENTENCES,
        Example(["w"] * len(NAMES), dependency_heads=[2, 0, *[2] * (len(NAMES) - 2)], deprels=NAMES),
    ]
    examples += [Example(["w", "w"], dependency_heads=[0, 1], deprels=["root", name]) for name in NAMES]
    encoder = made(**options)
    batch = batch_of(encoder, examples)
    inputs = inputs_for(batch).requires_grad_()
    assert_every_parameter_learns(encoder, encoder.encode(inputs, batch))
    assert (inputs.grad[~batch.mask] == 0).all()
    assert (encoder.layers[0].bias.grad.abs().sum(dim=-1) > 0).all()


def test_tokens_of_different_trees_do_not_hear_each_other():
    encoder = made()
    batch = batch_of(encoder, [Example(list("abcd"), dependency_heads=[0, 1, 0, 3])])
    inputs = inputs_for(batch)
    changed = inputs.clone()
    changed[0, 2:] += 1
    before, after = encoder.encode(inputs, batch), encoder.encode(changed, batch)
    torch.testing.assert_close(before[0, :2], after[0, :2], rtol=0, atol=0)
    assert not torch.equal(before[0, 2:], after[0, 2:])


def test_subtypes_count_as_their_relation_and_unknown_ones_as_one():
    encoder = made(labels=True)
    deprels = ["nmod", "nmod:poss", "foo", "bar:x", "root"]
    arrays = encoder.index(Example(["w"] * 5, dependency_heads=[5, 5, 5, 5, 0], deprels=deprels))
    nmod = RELATIONS.index("nmod")
    assert arrays["dependency_labels"].tolist() == [nmod, nmod, OTHER, OTHER, OTHER]


def test_labels_are_read_only_if_they_count():
    unlabeled = Example(["a", "b"], dependency_heads=[0, 1])
    assert set(made().index(unlabeled)) == {"dependency_heads"}
    with pytest.raises(DataError, match="no deprels, which the encoder 'gcn' needs: 'a b'"):
        made(labels=True).index(unlabeled)


def test_a_sentence_without_a_tree_is_reported():
    with pytest.raises(DataError, match="no heads, which the encoder 'gcn' needs: 'a b'; .* dependency_parser"):
        made().index(Example(["a", "b"]))


def test_the_encoder_of_the_paper_is_an_averaged_lstm_and_a_graph_convolution():
    parts = [Lazy(LSTMEncoder, hidden_size=3, directions="averaged"), Lazy(GCNEncoder)]
    encoder = ComposeEncoder(DIM, parts).double()
    assert encoder.output_dim == 3
    batch = batch_of(encoder, SENTENCES)
    inputs = inputs_for(batch)
    lstm, gcn = encoder.encoders
    expected = gcn.encode(lstm(inputs, batch.mask), batch)
    torch.testing.assert_close(encoder.encode(inputs, batch), expected, rtol=0, atol=0)


def test_dropout_acts_on_what_a_layer_gives_but_not_on_what_it_was_given():
    encoder = made(dropout=0.5, residual=True)
    batch = batch_of(encoder, SENTENCES)
    inputs = inputs_for(batch)
    added = encoder.encode(inputs, batch) - inputs * batch.mask.unsqueeze(-1)
    sure = encoder.eval().encode(inputs, batch) - inputs * batch.mask.unsqueeze(-1)
    kept = (added.abs() > 1e-9) & batch.mask.unsqueeze(-1)
    torch.testing.assert_close(added[kept], 2 * sure[kept])
    assert 0 < kept.sum() < (sure.abs() > 1e-9).sum()


@pytest.mark.parametrize(
    "options",
    [{"layers": 0}, {"hidden_size": 0}, {"dropout": -0.1}, {"hidden_size": DIM + 1, "residual": True}],
)
def test_impossible_arguments_are_refused(options):
    with pytest.raises(ValueError):
        GCNEncoder(DIM, **options)
