"""The bidirection-interactive Seq2Seq model word for word: one sentence, one step, one word after the other."""

import literal
import torch
from torch import Tensor, nn

from relx.heads.interactive.decoding import OutputLayer, TripleDecoder
from relx.heads.interactive.head import Interactive
from relx.heads.interactive.layers import Decoders, InteractiveLayer, WordScorer

Triple = tuple[int, int, int]
State = tuple[Tensor, Tensor]


def triples(words: list[Tensor], head: Interactive, gold: list[Triple] | None, given: bool) -> list[list[Tensor]]:
    """The chances of relation, head and tail, NA first, that each decoder gives.

    Each step is fed what ``gold`` has for the step before if it is ``given``, else what the model itself wrote there.
    """
    layer, writer = head.decode_layer, head.decoder
    decoders = layer.decoders.count
    zeros = torch.zeros_like(writer.special_vectors.weight[0])
    d1 = interactive_layer(words, head.interactive, decoders) if head.interactive is not None else None
    fed, state, written = writer.special_vectors.weight[0], None, []
    for m in range(decoders):
        if layer.decoders.restart:
            fed = writer.special_vectors.weight[0]
        h, c = _begin(words, state, layer.decoders, zeros)
        output = _of(writer.outputs, m)
        chances: list[Tensor] = []
        chosen: list[int] = []
        for t in range(3):
            inputs = [fed]
            if layer.attentions is not None:
                inputs.append(attention(h, words, _of(layer.attentions, m)))
            if d1 is not None:
                inputs.append(d1[m][t])
            h, c = cell(torch.cat(inputs), h, c, _of(layer.cells, m))
            if t == 0:
                chances.append(_softmax(_relation(h, output)))
            else:
                logits = _word(h, words, output)
                if t == 2 and writer.settings.zero_own_head and chosen[1]:
                    logits[chosen[1]] = torch.zeros_like(h[0])
                taken = (
                    (gold[m][1] if gold is not None else chosen[1]) if t == 2 and not writer.settings.allow_self else 0
                )
                chances.append(_without(_softmax(torch.stack(logits)), taken))
            chosen.append(int(chances[-1].argmax()))
            fed = _vector(t, gold[m][t] if given and gold is not None else chosen[t], words, writer)
        state = (h, c)
        written.append(chances)
    return written


def interactive_layer(words: list[Tensor], layer: InteractiveLayer, decoders: int) -> list[list[Tensor]]:
    """Eq. 2: h^D1 of each step of each decoder."""
    zeros = layer.forward_cells[0].weight_hh.new_zeros(layer.forward_cells[0].hidden_size)
    ahead_state = back_state = None
    states = []
    for m in range(decoders):
        h, c = _begin(words, ahead_state, layer.decoders, zeros)
        contexts, ahead, back = [], [], []
        for _ in range(3):
            contexts.append(attention(h, words, _of(layer.attentions, m)))
            h, c = cell(contexts[-1], h, c, _of(layer.forward_cells, m))
            ahead.append(h)
        ahead_state = (h, c)
        h, c = _begin(words, back_state, layer.decoders, zeros)
        for context in reversed(contexts):
            h, c = cell(context, h, c, _of(layer.backward_cells, m))
            back.insert(0, h)
        back_state = (h, c)
        states.append([(one + other) / 2 for one, other in zip(ahead, back, strict=True)])
    return states


def attention(h: Tensor, words: list[Tensor], module: nn.Module) -> Tensor:
    """The words weighed by softmax of v tanh(W [h; o_i]), of w [h; o_i], or of selu(w [h; o_i])."""
    if not words:
        return torch.zeros_like(h)
    exponents = [torch.exp(score(h, o, module.scorer)) for o in words]
    return sum(e / sum(exponents) * o for e, o in zip(exponents, words, strict=True))


def score(h: Tensor, o: Tensor, scorer: WordScorer) -> Tensor:
    """Eq. 3: f([h; o_i] W_1) W_2; without hidden layer, [h; o_i] w or f([h; o_i] w)."""
    w_1 = torch.cat((scorer.from_state.weight, scorer.from_word.weight), dim=1)
    hidden = w_1 @ torch.cat((h, o))
    f = {None: lambda x: x, torch.tanh: torch.tanh, torch.selu: _selu}[scorer.activation]
    return f(hidden)[0] if isinstance(scorer.output, nn.Identity) else scorer.output.weight[0] @ f(hidden)


def cell(x: Tensor, h: Tensor, c: Tensor, module: nn.LSTMCell) -> State:
    """The LSTM of Hochreiter & Schmidhuber (1997) with a forget gate."""
    w_i, w_f, w_c, w_o = module.weight_ih.chunk(4)
    u_i, u_f, u_c, u_o = module.weight_hh.chunk(4)
    b_i, b_f, b_c, b_o = (module.bias_ih + module.bias_hh).chunk(4)
    f, i = w_f @ x + u_f @ h + b_f, w_i @ x + u_i @ h + b_i
    return literal.cell(f, i, w_c @ x + u_c @ h + b_c, w_o @ x + u_o @ h + b_o, c)


def loss(written: list[list[Tensor]], gold: list[Triple], all_of_them: bool) -> Tensor:
    """-log of the chances of gold: of all decoders, or of those up to the first that is to write NA."""
    total = written[0][0].new_zeros(())
    for chances, triple in zip(written, gold, strict=True):
        for chance, number in zip(chances, triple, strict=True):
            total = total - torch.log(chance[number])
        if triple == (0, 0, 0) and not all_of_them:
            break
    return total


def _begin(words: list[Tensor], before: State | None, decoders: Decoders, zeros: Tensor) -> State:
    mean = sum(words) / len(words) if words else zeros
    if before is None:
        return mean, zeros
    return before if decoders.start == "carried" else ((mean + before[0]) / 2, (zeros + before[1]) / 2)


def _of(modules: nn.ModuleList, m: int) -> nn.Module:
    return modules[m] if len(modules) > 1 else modules[0]


def _relation(h: Tensor, output: OutputLayer) -> Tensor:
    scores = output.relation.weight @ h
    return (_selu(scores) if output.selu else scores) + output.relation.bias


def _word(h: Tensor, words: list[Tensor], output: OutputLayer) -> list[Tensor]:
    """NA, then the words."""
    na = output.no_word.weight[0] @ h
    na = (_selu(na) if output.selu else na) + output.no_word.bias[0]
    return [na, *(score(h, o, output.copy) for o in words)]


def _without(chances: Tensor, taken: int) -> Tensor:
    """The word number ``taken`` has no chance; 0 for none."""
    if not taken:
        return chances
    left = [chance if number != taken else torch.zeros_like(chance) for number, chance in enumerate(chances)]
    return torch.stack(left) / sum(left)


def _vector(step: int, number: int, words: list[Tensor], writer: TripleDecoder) -> Tensor:
    if step == 0:
        return writer.relation_vectors.weight[number]
    return words[number - 1] if number else writer.special_vectors.weight[1]


def _softmax(logits: Tensor) -> Tensor:
    return torch.exp(logits) / torch.exp(logits).sum()


def _selu(x: Tensor) -> Tensor:
    """Klambauer et al. (2017)."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return scale * torch.where(x > 0, x, alpha * (torch.exp(x) - 1))
