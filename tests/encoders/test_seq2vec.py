import pytest
import torch
from padding import LENGTHS, assert_every_parameter_learns, padded_inputs

from relx.encoders.seq2vec.cnn import CNNEncoder
from relx.encoders.seq2vec.pooling import AttentionEncoder, LastEncoder, MaxEncoder, MeanEncoder

DIM = 4
ENCODERS = {
    "mean": lambda: MeanEncoder(DIM),
    "max": lambda: MaxEncoder(DIM),
    "last": lambda: LastEncoder(DIM),
    "attention": lambda: AttentionEncoder(DIM, 5),
    "cnn": lambda: CNNEncoder(DIM, filters=6, widths=[2, 3, 6]),
    "cnn wider than every sequence": lambda: CNNEncoder(DIM, filters=2, widths=[9]),
}
SEQUENCE = torch.tensor([[[1.0, -5.0], [4.0, -3.0], [100.0, 100.0]]])
TWO_OF_IT = torch.tensor([[True, True, False]])


@pytest.fixture(params=ENCODERS)
def encoder(request):
    torch.manual_seed(0)
    return ENCODERS[request.param]().double()


def test_an_empty_sequence_gives_zeros_and_finite_gradients(encoder):
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    out = encoder(inputs, mask)
    assert (out[LENGTHS.index(0)] == 0).all()
    (gradient,) = torch.autograd.grad(out.sum(), inputs)
    assert torch.isfinite(gradient).all()
    assert (gradient[~mask] == 0).all()


def test_no_sequence_at_all(encoder):
    inputs, mask = padded_inputs(DIM)
    assert encoder(inputs[:0], mask[:0]).shape == (0, encoder.output_dim)


def test_gradients_reach_every_parameter(encoder):
    inputs, mask = padded_inputs(DIM)
    assert_every_parameter_learns(encoder, encoder(inputs.requires_grad_(), mask))


@pytest.mark.parametrize(
    "encoder, expected", [(MeanEncoder(2), [2.5, -4.0]), (MaxEncoder(2), [4.0, -3.0]), (LastEncoder(2), [4.0, -3.0])]
)
def test_pooling(encoder, expected):
    assert encoder(SEQUENCE, TWO_OF_IT).tolist() == [expected]


def test_attention_weighs_by_score():
    encoder = AttentionEncoder(2)
    weights = encoder.scorer(SEQUENCE[:, :2]).softmax(dim=1)
    torch.testing.assert_close(encoder(SEQUENCE, TWO_OF_IT), (weights * SEQUENCE[:, :2]).sum(1))


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_the_strongest_window_of_a_filter(length):
    """By hand: every window inside the sequence; a sequence shorter than the filter is filled up with zeros."""
    encoder = CNNEncoder(DIM, filters=5, widths=[3]).double()
    inputs, mask = padded_inputs(DIM, (length, 7))
    (convolution,) = encoder.convolutions
    sequence = torch.cat((inputs[0, :length], torch.zeros(max(0, 3 - length), DIM, dtype=torch.float64)))
    answers = [
        torch.einsum("fdw,wd->f", convolution.weight, sequence[start : start + 3]) + convolution.bias
        for start in range(len(sequence) - 2)
    ]
    expected = torch.relu(torch.stack(answers).amax(dim=0))
    torch.testing.assert_close(encoder(inputs, mask)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CNNEncoder(DIM, widths=[]),
        lambda: CNNEncoder(DIM, widths=[3, 0]),
        lambda: CNNEncoder(DIM, filters=0),
        lambda: AttentionEncoder(DIM, 0),
    ],
)
def test_impossible_arguments_are_refused(make):
    with pytest.raises(ValueError):
        make()
