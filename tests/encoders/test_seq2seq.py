import literal
import pytest
import torch
from padding import LENGTHS, assert_every_parameter_learns, encoded, padded_inputs

from relx.encoders.seq2seq.compose import ComposeEncoder
from relx.encoders.seq2seq.encoder import PassThroughEncoder
from relx.encoders.seq2seq.lstm import LSTMEncoder, PeepholeLSTMEncoder, reverse
from relx.registry import Lazy

DIM = 4
ENCODERS = {
    "lstm": lambda: LSTMEncoder(DIM, 3),
    "one direction": lambda: LSTMEncoder(DIM, 3, bidirectional=False),
    "averaged": lambda: LSTMEncoder(DIM, 3, directions="averaged"),
    "layers": lambda: LSTMEncoder(DIM, 3, layers=2, dropout=0.5),
    "averaged layers": lambda: LSTMEncoder(DIM, 3, layers=3, directions="averaged"),
    "peephole_lstm": lambda: PeepholeLSTMEncoder(DIM, 3),
    "pass_through": lambda: PassThroughEncoder(DIM),
    "compose": lambda: ComposeEncoder(DIM, [Lazy(LSTMEncoder, hidden_size=5), Lazy(LSTMEncoder, hidden_size=2)]),
}


@pytest.fixture(params=ENCODERS)
def encoder(request):
    torch.manual_seed(0)
    return ENCODERS[request.param]().double()


def test_gradients_reach_every_parameter_and_no_padding(encoder):
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    assert_every_parameter_learns(encoder, encoded(encoder.eval(), inputs, mask))
    assert (inputs.grad[~mask] == 0).all()
    assert (inputs.grad[mask] != 0).all()


def test_one_layer_equals_the_equations():
    encoder = LSTMEncoder(DIM, 3).double()
    _assert_literal(encoder)


def test_the_peephole_lstm_equals_equation_1():
    encoder = PeepholeLSTMEncoder(DIM, 3).double()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    _assert_literal(encoder)


def _assert_literal(encoder):
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    for sentence, states, length in zip(inputs, encoded(encoder, inputs, mask), LENGTHS, strict=True):
        if length:
            expected = literal.bidirectional(sentence[:length], encoder)
            torch.testing.assert_close(states[:length], expected, rtol=0, atol=1e-12)
            wanted = [inputs, *encoder.parameters()]
            losses = states.square().sum(), expected.square().sum()
            ours, theirs = (torch.autograd.grad(loss, wanted, retain_graph=True) for loss in losses)
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_it_agrees_with_torchs_bidirectional_lstm_on_packed_sequences():
    ours = LSTMEncoder(DIM, 3, layers=2).double()
    theirs = torch.nn.LSTM(DIM, 3, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    for layer in range(2):
        for stack, suffix in ((ours.forwards, ""), (ours.backwards, "_reverse")):
            weights = {f"{n}_l0": getattr(theirs, f"{n}_l{layer}{suffix}") for n in
                       ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}  # fmt: skip
            stack[layer].load_state_dict(weights)
    inputs, mask = padded_inputs(DIM, (5, 1, 7))
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, mask.sum(1), batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    torch.testing.assert_close(ours(inputs, mask), expected, rtol=0, atol=1e-12)


def test_averaged_directions_are_the_mean_of_the_concatenated_ones():
    averaged, concatenated = LSTMEncoder(DIM, 3, directions="averaged").double(), LSTMEncoder(DIM, 3).double()
    concatenated.load_state_dict(averaged.state_dict())
    ahead, back = concatenated(*padded_inputs(DIM)).chunk(2, dim=-1)
    torch.testing.assert_close(averaged(*padded_inputs(DIM)), (ahead + back) / 2)


def test_dropout_acts_between_layers_and_only_there():
    inputs, mask = padded_inputs(DIM)
    one, two = (LSTMEncoder(DIM, 3, layers=layers, dropout=0.5).double() for layers in (1, 2))
    torch.testing.assert_close(one(inputs, mask), one(inputs, mask), rtol=0, atol=0)
    assert not torch.equal(two(inputs, mask), two(inputs, mask))


def test_a_composition_is_one_encoder_after_the_other():
    encoder = ComposeEncoder(DIM, [Lazy(LSTMEncoder, hidden_size=2), Lazy(LSTMEncoder, hidden_size=3)]).double()
    inputs, mask = padded_inputs(DIM)
    first, second = encoder.encoders
    torch.testing.assert_close(encoded(encoder, inputs, mask), second(first(inputs, mask), mask), rtol=0, atol=0)


def test_reversing_leaves_the_padding_in_its_place_and_undoes_itself():
    inputs = torch.tensor([[1, 2, 3, 9], [1, 9, 9, 9]]).unsqueeze(-1)
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()
    mirrored = reverse(inputs, mask)
    assert mirrored.squeeze(-1).tolist() == [[3, 2, 1, 9], [1, 9, 9, 9]]
    assert torch.equal(reverse(mirrored, mask), inputs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LSTMEncoder(DIM, 3, layers=0),
        lambda: LSTMEncoder(DIM, -3),
        lambda: LSTMEncoder(DIM, 3, dropout=1.5),
        lambda: PeepholeLSTMEncoder(DIM, 0),
        lambda: ComposeEncoder(DIM, []),
    ],
)
def test_impossible_arguments_are_refused(make):
    with pytest.raises(ValueError):
        make()
