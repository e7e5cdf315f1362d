"""The equations of SRN and of the partition filter, symbol by symbol: one sentence, one token after the other."""

import torch
from torch import Tensor

from relx.encoders.seq2seq.memory_encoder import MemoryReader


def srn(inputs: Tensor, reader: MemoryReader) -> dict[str, Tensor]:
    """Wang et al. (2022), Eq. 1-10, for the tasks e, s, o: each memory by name, [length, d]."""
    f_, o_, e1, s1, o1, e2, s2, o2, c_ = _sums(reader, 9)
    w_e, w_s, w_es, w_o, w_eo, w_so, w_eso = reader.to_cell.weight.chunk(7, dim=1)
    h = c = inputs.new_zeros(len(w_e))
    memories = []
    for x in inputs:
        f, o, candidate = torch.sigmoid(f_(h, x)), torch.sigmoid(o_(h, x)), torch.tanh(c_(h, x))
        history = f * c
        new = _gates(*(torch.sigmoid(rho(h, x)) for rho in (e1, s1, o1)))
        old = _gates(*(torch.sigmoid(rho(h, x)) for rho in (e2, s2, o2)))
        s = {k: old[k] * history + new[k] * candidate for k in new}
        c = w_e @ s["e"] + w_o @ s["o"] + w_s @ s["s"] + w_es @ s["es"] + w_eo @ s["eo"] + w_so @ s["so"]
        c = c + w_eso @ s["eso"] + reader.to_cell.bias
        h = o * torch.tanh(c)
        memories.append({k: torch.tanh(memory) for k, memory in s.items()})
    return {k: torch.stack([memory[k] for memory in memories]) for k in memories[0]}


def _gates(e: Tensor, s: Tensor, o: Tensor) -> dict[str, Tensor]:
    """Eq. 4-5."""
    es, eo, so, eso = e * s, e * o, s * o, e * s * o
    alone = {"e": e - es - eo + eso, "s": s - es - so + eso, "o": o - eo - so + eso}
    return {**alone, "es": es, "eo": eo, "so": so, "eso": eso}


def srn_of_two_tasks(inputs: Tensor, reader: MemoryReader) -> dict[str, Tensor]:
    """Appendix F, Eq. 16-19, with what its first equation holds of f, o and the candidate."""
    f_, o_, e1, r1, e2, r2, c_ = _sums(reader, 7)
    w_e, w_r, w_er = reader.to_cell.weight.chunk(3, dim=1)
    h = c = inputs.new_zeros(len(w_e))
    memories = []
    for x in inputs:
        f, o, candidate = torch.sigmoid(f_(h, x)), torch.sigmoid(o_(h, x)), torch.tanh(c_(h, x))
        history = f * c
        s = {"e": 0.0, "r": 0.0, "er": 0.0}
        for value, e_, r_ in ((candidate, e1, r1), (history, e2, r2)):
            e, r = torch.sigmoid(e_(h, x)), torch.sigmoid(r_(h, x))
            er = e * r
            for k, gate in {"e": e - er, "r": r - er, "er": er}.items():
                s[k] = s[k] + gate * value
        c = w_e @ s["e"] + w_r @ s["r"] + w_er @ s["er"] + reader.to_cell.bias
        h = o * torch.tanh(c)
        memories.append({k: torch.tanh(memory) for k, memory in s.items()})
    return {k: torch.stack([memory[k] for memory in memories]) for k in memories[0]}


def partition_filter(inputs: Tensor, reader: MemoryReader) -> dict[str, Tensor]:
    """Yan et al. (2021), section 3.2: partition, then filter. h_e, h_r and h_s, [length, d]."""
    e1, r1, e2, r2, c_ = _sums(reader, 5)
    w_e, w_r, w_s = reader.to_cell.weight.chunk(3, dim=1)
    h = c = inputs.new_zeros(len(w_e))
    features = []
    for x in inputs:
        candidate = torch.tanh(c_(h, x))
        rho = {"e": 0.0, "r": 0.0, "s": 0.0}
        for value, e_, r_ in ((candidate, e1, r1), (c, e2, r2)):
            e, r = torch.cumsum(torch.softmax(e_(h, x), 0), 0), 1 - torch.cumsum(torch.softmax(r_(h, x), 0), 0)
            both = e * r
            for k, part in {"e": e - both, "r": r - both, "s": both}.items():
                rho[k] = rho[k] + part * value
        mu = {"e": rho["e"] + rho["s"], "r": rho["r"] + rho["s"], "s": rho["s"]}
        c = w_e @ mu["e"] + w_r @ mu["r"] + w_s @ mu["s"] + reader.to_cell.bias
        h = torch.tanh(c)
        features.append({k: torch.tanh(part) for k, part in mu.items()})
    return {k: torch.stack([feature[k] for feature in features]) for k in features[0]}


def _sums(reader: MemoryReader, blocks: int):
    """W [h; x] + b for each of the symbols."""
    parts = zip(*(tensor.chunk(blocks) for tensor in (reader.from_input.weight, reader.from_input.bias,
                                                      reader.from_state.weight)), strict=True)  # fmt: skip
    return [lambda h, x, w=w, b=b, u=u: u @ h + w @ x + b for w, b, u in parts]
