"""PFN's table filling (Yan et al. 2021, section 3.3) word for word: one sentence, one cell after the other."""

import math

import torch
from torch import Tensor

from relx.heads.pair_scorers.scorers import PFNPairScorer
from relx.heads.table import TableFeatures, TableFilling

Ranges = list[tuple[int, int]]


def features(words: Tensor, reader: TableFeatures, view: Ranges, of_cells: Ranges) -> list[Tensor]:
    """What a cell reads of each word, and beside it the greatest of tanh(W [h_e; h_s] + b) over the words.

    ``ner_unit`` and ``re_unit`` of the public code: st and en are h_ner alone, h_global is of [h_share; h_ner].
    """
    of_word = [torch.cat([word[start:end] for start, end in of_cells]) for word in words]
    if reader.of_sentence is None:
        return of_word
    w, b = reader.of_sentence.linear.weight, reader.of_sentence.linear.bias
    whole = [torch.cat([word[start:end] for start, end in view]) for word in words]
    g = torch.stack([torch.tanh(w @ h_i + b) for h_i in whole])
    h_g = torch.stack([g[:, k].max() for k in range(len(b))])
    return [torch.cat((h_i, h_g)) for h_i in of_word]


def cell(h_i: Tensor, h_j: Tensor, scorer: PFNPairScorer) -> Tensor:
    """The probability of each label: sigmoid(W ELU(LayerNorm(W' [h_i; h_j] + b')) + b)."""
    norm = scorer.activation[0]
    hidden = torch.cat((scorer.head.weight, scorer.tail.weight), dim=1) @ torch.cat((h_i, h_j)) + scorer.head.bias
    spread = torch.sqrt(((hidden - hidden.mean()) ** 2).mean() + norm.eps)
    hidden = (hidden - hidden.mean()) / spread * norm.weight + norm.bias
    hidden = torch.where(hidden > 0, hidden, torch.exp(hidden) - 1)
    return torch.sigmoid(scorer.output.weight @ hidden + scorer.output.bias)


def tables(
    words: Tensor, head: TableFilling, views: dict[str, Ranges], of_cells: dict[str, Ranges]
) -> dict[str, Tensor]:
    """Spans, first word x last word x type, zero below the diagonal, and relations by the words that tell mentions."""
    entity = features(words, head.entity_features, views["entity"], of_cells["entity"])
    relation = features(words, head.relation_features, views["relation"], of_cells["relation"])
    spans = [[cell(h_i, h_j, head.entity) * (i <= j) for j, h_j in enumerate(entity)] for i, h_i in enumerate(entity)]
    found = {"spans": torch.stack([torch.stack(row) for row in spans])}
    for anchor, scorer in head.relation.items():
        found[anchor] = torch.stack([torch.stack([cell(h_i, h_j, scorer) for h_j in relation]) for h_i in relation])
    return found


def loss(table: Tensor, gold: set[tuple[int, int, int]], in_order: bool) -> Tensor:
    """Binary cross entropy of the cells (i, j, label); ``in_order`` counts those with i <= j only."""
    total = table.new_zeros(())
    length, _, labels = table.shape
    for i in range(length):
        for j in range(i if in_order else 0, length):
            for label in range(labels):
                p = table[i, j, label]
                total = total - torch.log(p if (i, j, label) in gold else 1 - p)
    return total


def read(found: dict[str, Tensor], threshold: float) -> tuple[dict, dict]:
    """Entities (first, last) -> (label, score) and triples (head, relation, tail) -> score."""
    entities = {}
    for (i, j), probabilities in _cells(found["spans"]):
        score, label = probabilities.max(dim=0)
        if score >= threshold:
            entities[i, j] = int(label), float(score)
    anchors = [name for name in found if name != "spans"]
    meant = entities if len(anchors) > 1 else _most_probable(entities, 0 if anchors == ["first"] else 1)
    triples = {}
    for head in meant:
        for tail in meant:
            of_pair = [
                found[anchor][head[a], tail[a]] for a, anchor in enumerate(("first", "last")) if anchor in anchors
            ]
            for relation, scores in enumerate(zip(*of_pair, strict=True)):
                if min(scores) >= threshold:
                    triples[head, relation, tail] = math.prod(map(float, scores))
    return entities, triples


def _cells(table: Tensor):
    return [((i, j), table[i, j]) for i in range(len(table)) for j in range(len(table))]


def _most_probable(entities: dict, token: int) -> dict:
    best: dict = {}
    for span, (_, score) in entities.items():
        if span[token] not in best or score > entities[best[span[token]]][1]:
            best[span[token]] = span
    return {span: entities[span] for span in best.values()}
