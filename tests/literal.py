"""The equations of HMT (Wei et al. 2019) and of its decoder's model (Zheng et al. 2017), word for word: one sentence,
one token after the other, one matrix for each symbol."""

import torch
from torch import Tensor, nn

from relx.encoders.seq2seq.lstm import LSTMEncoder, PeepholeLSTM, PeepholeLSTMEncoder
from relx.heads.hmt import TagDecoder, TaggingModule
from relx.heads.novel_tagging import LSTMTagDecoder


def cell(f: Tensor, i: Tensor, g: Tensor, o: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The state h and the cell c after a token, from the four sums inside the gates."""
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def peephole_lstm(inputs: Tensor, lstm: PeepholeLSTM) -> Tensor:
    """Eq. 1."""
    w_f, w_i, w_c, w_o = lstm.from_input.weight.chunk(4)
    b_f, b_i, b_c, b_o = lstm.from_input.bias.chunk(4)
    u_f, u_i, u_c, u_o = lstm.from_state.weight.chunk(4)
    p_f, p_i, p_o = lstm.peephole
    h = c = torch.zeros_like(p_f)
    states = []
    for x in inputs:
        f = torch.sigmoid(w_f @ x + u_f @ h + p_f * c + b_f)
        i = torch.sigmoid(w_i @ x + u_i @ h + p_i * c + b_i)
        c = f * c + i * torch.tanh(w_c @ x + u_c @ h + b_c)
        o = torch.sigmoid(w_o @ x + u_o @ h + p_o * c + b_o)
        h = o * torch.tanh(c)
        states.append(h)
    return torch.stack(states)


def lstm(inputs: Tensor, module: nn.LSTM) -> Tensor:
    """Eq. 1 without the cell in the gates."""
    w_i, w_f, w_c, w_o = module.weight_ih_l0.chunk(4)
    u_i, u_f, u_c, u_o = module.weight_hh_l0.chunk(4)
    b_i, b_f, b_c, b_o = (module.bias_ih_l0 + module.bias_hh_l0).chunk(4)
    h = c = inputs.new_zeros(module.hidden_size)
    states = []
    for x in inputs:
        f, i = w_f @ x + u_f @ h + b_f, w_i @ x + u_i @ h + b_i
        h, c = cell(f, i, w_c @ x + u_c @ h + b_c, w_o @ x + u_o @ h + b_o, c)
        states.append(h)
    return torch.stack(states)


def bidirectional(inputs: Tensor, encoder: nn.Module) -> Tensor:
    """[forward h; backward h]."""
    if isinstance(encoder, PeepholeLSTMEncoder):
        ahead, back = peephole_lstm(inputs, encoder.forwards), peephole_lstm(inputs.flip(0), encoder.backwards)
    else:
        assert isinstance(encoder, LSTMEncoder)
        ahead, back = lstm(inputs, encoder.forwards[0]), lstm(inputs.flip(0), encoder.backwards[0])
    return torch.cat((ahead, back.flip(0)), dim=1)


def tag_decoder(encoded: Tensor, decoder: TagDecoder) -> Tensor:
    """Eq. 2-4, T_0 = h_0 = c_0 = 0; the gates may read the best tag's embedding or the encoded token in T's place."""
    w_i, w_f, w_c, w_o = decoder.gates_from_input.weight.chunk(4)
    b_i, b_f, b_c, b_o = decoder.gates_from_input.bias.chunk(4)
    u_i, u_f, u_c, u_o = decoder.gates_from_state.weight.chunk(4)
    w_t = torch.cat((decoder.tag_from_encoded.weight, decoder.tag_from_state.weight), dim=1)
    h = c = encoded.new_zeros(u_i.shape[1])
    t = encoded.new_zeros(len(w_t))
    logits = []
    for h_en in encoded:
        x = h_en if decoder.feedback == "none" else t
        f, i = w_f @ x + u_f @ h + b_f, w_i @ x + u_i @ h + b_i
        h, c = cell(f, i, w_c @ x + u_c @ h + b_c, w_o @ x + u_o @ h + b_o, c)
        t = w_t @ torch.cat((h_en, h)) + decoder.tag_from_encoded.bias
        logits.append(decoder.output.weight @ t + decoder.output.bias)
        if decoder.tag_embedding is not None:
            t = decoder.tag_embedding.weight[logits[-1].argmax()]
    return torch.stack(logits)


def lstm_tag_decoder(encoded: Tensor, decoder: LSTMTagDecoder) -> Tensor:
    """The decoding layer of Zheng et al. (2017, section 3.3), T_0 = h_0 = c_0 = 0."""
    w_i, w_f, w_c, w_o = decoder.gates_from_encoded.weight.chunk(4)
    b_i, b_f, b_c, b_o = decoder.gates_from_encoded.bias.chunk(4)
    u_i, u_f, u_c, u_o = decoder.gates_from_state.weight.chunk(4)
    v_i, v_f, v_c, v_o = decoder.gates_from_tag.weight.chunk(4)
    h = c = encoded.new_zeros(u_i.shape[1])
    t = encoded.new_zeros(v_i.shape[1])
    logits = []
    for x in encoded:
        f, i = w_f @ x + u_f @ h + v_f @ t + b_f, w_i @ x + u_i @ h + v_i @ t + b_i
        h, c = cell(f, i, w_c @ x + u_c @ h + v_c @ t + b_c, w_o @ x + u_o @ h + v_o @ t + b_o, c)
        t = decoder.tag_from_state.weight @ h + decoder.tag_from_state.bias
        logits.append(decoder.output.weight @ t + decoder.output.bias)
    return torch.stack(logits)


def log_likelihood(inputs: Tensor, module: TaggingModule, gold: list[int]) -> tuple[Tensor, Tensor]:
    """The encoded tokens of a task, and the inner sum of Eq. 6 with the probabilities of Eq. 5."""
    encoded = bidirectional(inputs, module.encoder)
    total = inputs.new_zeros(())
    for y, g in zip(tag_decoder(encoded, module.decoder), gold, strict=True):
        total = total + torch.log(torch.exp(y[g]) / torch.exp(y).sum())
    return encoded, total
