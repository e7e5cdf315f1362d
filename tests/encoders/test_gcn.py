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
    return Example([f"w{number}" for number in range(length)], heads=heads, deprels=deprels)


SENTENCES = [tree(5), tree(1), tree(9, 1), tree(0), tree(6, 2, roots=3), tree(7, 3, shape="star"), tree(2, 4, roots=2)]
PROJECTIVE_OR_NOT = [Example(["a"] * 4, heads=[3, 4, 0, 3], deprels=["nsubj", "acl:relcl", "root", "obj"])]


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


def edges_of(example):
    """(hearer, speaker, direction, label) of every message: 0 to itself, 1 from the head, 2 from a dependent."""
    yield from ((token, token, 0, None) for token in range(len(example)))
    for token, (head, deprel) in enumerate(zip(example.heads, example.deprels, strict=True)):
        if head:
            yield token, head - 1, 1, deprel
            yield head - 1, token, 2, deprel


def sort_of(direction, deprel, encoder):
    """The row of the bias of a message."""
    graph = encoder.graph
    if not graph.labels:
        return direction if graph.directed else 0
    if direction == 0:
        return 0
    relation = deprel.split(":")[0]
    label = RELATIONS.index(relation) if relation in RELATIONS else OTHER
    return 1 + label + (LABELS if graph.directed and direction == 2 else 0)


def literal(sentence, example, encoder):
    """Eq. 1, message by message: [length, input_dim] -> [length, hidden_size]."""
    states = list(sentence)
    for layer in encoder.layers:
        matrices = layer.weights.weight.split(states[0].shape[0], dim=1)
        sums = [0] * len(example)
        heard = [0] * len(example)
        for token, speaker, direction, deprel in edges_of(example):
            matrix = matrices[direction if encoder.graph.directed else 0]
            sums[token] = sums[token] + matrix @ states[speaker] + layer.bias[sort_of(direction, deprel, encoder)]
            heard[token] += 1
        if encoder.graph.normalization == "mean":
            sums = [total / number for total, number in zip(sums, heard, strict=True)]
        given = [torch.relu(total) for total in sums]
        states = [a + b for a, b in zip(states, given, strict=True)] if encoder.residual else given
    return torch.stack(states)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_equals_a_loop_over_the_edges_and_so_do_the_gradients(options):
    encoder = made(**options)
    examples = SENTENCES + PROJECTIVE_OR_NOT
    batch = batch_of(encoder, examples)
    inputs = inputs_for(batch).requires_grad_()
    wanted = [inputs, *encoder.parameters()]
    for row, (example, states) in enumerate(zip(examples, encoder.encode(inputs, batch), strict=True)):
        if len(example):
            expected = literal(inputs[row, : len(example)], example, encoder)
            torch.testing.assert_close(states[: len(example)], expected, rtol=1e-12, atol=1e-12)
            losses = states.square().sum(), expected.square().sum()
            ours, theirs = (torch.autograd.grad(loss, wanted, retain_graph=True) for loss in losses)
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_neither_padding_nor_neighbours_change_an_answer(options):
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
        example.tokens, heads=[place[example.heads[old]] for old in order], deprels=[example.deprels[o] for o in order]
    )
    batch = batch_of(encoder, [example])
    inputs = inputs_for(batch)
    expected = encoder.encode(inputs, batch)[:, order]
    torch.testing.assert_close(encoder.encode(inputs[:, order], batch_of(encoder, [permuted])), expected)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_gradients_reach_every_parameter_and_no_padding(options):
    # Every label occurs, and every direction, so that no bias goes without a message.
    examples = [*SENTENCES, Example(["w"] * len(NAMES), heads=[2, 0, *[2] * (len(NAMES) - 2)], deprels=NAMES)]
    examples += [Example(["w", "w"], heads=[0, 1], deprels=["root", name]) for name in NAMES]
    encoder = made(**options)
    batch = batch_of(encoder, examples)
    inputs = inputs_for(batch).requires_grad_()
    assert_every_parameter_learns(encoder, encoder.encode(inputs, batch))
    assert (inputs.grad[~batch.mask] == 0).all()
    assert (encoder.layers[0].bias.grad.abs().sum(dim=-1) > 0).all()


def test_tokens_of_different_trees_do_not_hear_each_other():
    encoder = made()
    batch = batch_of(encoder, [Example(list("abcd"), heads=[0, 1, 0, 3])])
    inputs = inputs_for(batch)
    changed = inputs.clone()
    changed[0, 2:] += 1
    before, after = encoder.encode(inputs, batch), encoder.encode(changed, batch)
    torch.testing.assert_close(before[0, :2], after[0, :2], rtol=0, atol=0)
    assert not torch.equal(before[0, 2:], after[0, 2:])


def test_subtypes_count_as_their_relation_and_unknown_ones_as_one():
    encoder = made(labels=True)
    deprels = ["nmod", "nmod:poss", "foo", "bar:x", "root"]
    arrays = encoder.index(Example(["w"] * 5, heads=[5, 5, 5, 5, 0], deprels=deprels))
    nmod = RELATIONS.index("nmod")
    assert arrays["dependency_labels"].tolist() == [nmod, nmod, OTHER, OTHER, OTHER]


def test_labels_are_read_only_if_they_count():
    unlabelled = Example(["a", "b"], heads=[0, 1])
    assert set(made().index(unlabelled)) == {"dependency_heads"}
    with pytest.raises(DataError, match="no deprels, which the encoder 'gcn' needs: 'a b'"):
        made(labels=True).index(unlabelled)


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
