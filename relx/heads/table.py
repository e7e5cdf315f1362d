"""PFN's table filling (Yan et al. 2021, section 3.3); a table represents a mention by its first or its last token.

The model of PFN is in four places. For the task of entities (that of relations reads h_r in place of h_e):

- h_e, h_r, h_s: section 3.2, the encoder ``partition_filter`` (encoders/seq2seq/partition_filter.py);
- h_g = max_t tanh(W [h_e,t; h_s,t] + b): ``GlobalFeature`` (encoders/seq2seq/encoder.py);
- y_ij = sigmoid(W_2 ELU(dropout(LayerNorm(W_1 [h_e,i; h_e,j; h_g] + b_1))) + b_2): ``reference`` of the pair scorer
  ``pfn_mlp`` (pair_scorers/scorers.py), which reads [h_e,i; h_g] and [h_e,j; h_g] of ``TableFeatures``;
- the tables, their loss and their decoding: here. ``directions=labels`` is TPLinker's scheme (Wang et al. 2020).
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Arrays, Batch
from relx.data.example import Example, Relation
from relx.data.spans import Spans, TableCells, best_labels, pairs_within
from relx.data.vocabulary import EntityTypes, Namespace, Vocabulary
from relx.encoders.seq2seq.encoder import GlobalFeature, TaskFeatures
from relx.heads.head import SHARED, Encode, Given, Head, HeadOutput, Targets, Thresholds
from relx.heads.pair_scorers import PairScorer
from relx.heads.pair_scorers.scorer import logits_of_pairs, predict_spans, probabilities_of_pairs, triangle_loss
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples, SpanTripleTargets, given_spans, keep_triples
from relx.limits import Cell, Limit, tables_of
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect, require_inner_shares, require_shares, require_sizes

Anchor = Literal["first", "last"]
Tables = Literal["first", "last", "both"]
Directions = Literal["cells", "labels"]
CellFeatures = Literal["own", "view"]
T = TypeVar("T")

# The probability of every relation for some pairs of tokens, in the table of an anchor: [pairs, relations].
ReadTable = Callable[[Anchor, TableCells], Tensor]

BIAS = -6.0

REVERSED = "the same relation holds in the other direction between the same two tokens"


@Head.register("table")
class TableFilling(Head):
    """Fill a table of spans, first token x last token x type, and tables of relations, head x tail x type.

    A cell has the logit of a pair scorer that reads [h_i; h_g] and [h_j; h_g] of its two tokens: of each token, as in
    the public code, what the encoder has for the task alone (h_e or h_r), and a feature of the whole sentence, h_g =
    max_t tanh(W [h_t; h_s] + b), in which the shared memory h_s takes part. Relations hold between entities found.

    Args:
        task_features: What each task, ``entity`` and ``relation``, reads of the encoder.
        vocabulary: The entity types and the relation types.
        tables: The token that represents a mention in the table of relations: its ``first`` (Yan et al. 2021) or its
            ``last``; of several mentions with one such token the most probable is meant. With ``both`` there are two
            tables, and a relation has to be in both.
        directions: How the tables of relations tell head and tail apart: by their ``cells``, (head, tail) and (tail,
            head), or by the ``labels`` of one cell for each two tokens: the relation holds in the text's order, in the
            other one, or not, by a softmax (TPLinker, Wang et al. 2020). It cannot hold in both.
        hidden_size: The size of h_g and of the pair scorers, by default half of what the task reads.
        global_feature: Whether there is h_g.
        cells: What a cell reads of each token: the task's ``own`` memory, or its whole ``view``, h_s included.
        pair_scorer: The scorer of the cells, by default ``pfn_mlp`` with the bias -6.
        threshold: The probability from which a cell of a table of relations counts.
        entity_threshold: The probability from which a cell of the table of spans counts, by default ``threshold``.
        allow_self: Whether a mention may be related to itself.
        dropout: The dropout of the default pair scorer, before its ELU.
    """

    def __init__(
        self,
        task_features: Injected[TaskFeatures],
        vocabulary: Injected[Vocabulary],
        tables: Tables = "first",
        directions: Directions = "cells",
        hidden_size: int | None = None,
        global_feature: bool = True,
        cells: CellFeatures = "own",
        pair_scorer: Lazy[PairScorer] | None = None,
        threshold: float = 0.5,
        entity_threshold: float | None = None,
        allow_self: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        self.thresholds = Thresholds(threshold if entity_threshold is None else entity_threshold, threshold)
        require_inner_shares(threshold=threshold, entity_threshold=self.thresholds.entities)
        require_shares(dropout=dropout)
        idle = {"dropout": dropout} | ({} if global_feature else {"hidden_size": hidden_size})
        one_task = task_features.own() is task_features
        unread: dict[str, dict[str, object]] = {"a pair_scorer of its own": {**idle} if pair_scorer else {}}
        unread["an encoder without features of its own for each task"] = {"cells": cells} if one_task else {}
        require_effect(TableFilling, unread)
        self.types = EntityTypes(vocabulary)
        types, relations = self.types.names.items, vocabulary.relations()
        self.scheme = SpanTripleTargets(relations, self.types.label, allow_self)
        self.decoder = SpanTripleDecoder(relations, self.types.predicted)
        self.tables, self.labeled = EndpointTables(tables), directions == "labels"
        self.entity_features = TableFeatures(task_features, "entity", cells, hidden_size, global_feature)
        self.relation_features = TableFeatures(task_features, "relation", cells, hidden_size, global_feature)

        def scorer(features: TableFeatures, num_labels: int) -> PairScorer:
            default = {"hidden_size": features.hidden_size, "bias": BIAS, "dropout": dropout}
            made = pair_scorer or PairScorer.named("pfn_mlp", **default)
            return made.build(input_dim=features.output_dim, num_relations=num_labels)

        self.entity = scorer(self.entity_features, len(types))
        labels = len(relations) * (2 if self.labeled else 1)
        self.relation: dict[Anchor, PairScorer] = nn.ModuleDict(  # type: ignore[assignment]
            {anchor: scorer(self.relation_features, labels) for anchor in self.tables.anchors}
        )
        if self.labeled and self.entity.is_sum:
            raise ValueError(
                "directions=labels does not work with a pair_scorer that adds a score of the head and one of the tail"
            )

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` and ``triples`` (``SpanTripleTargets``), and the cells of each table of relations."""
        written = self.scheme.write(example)
        if self.labeled:
            written = self.tables.in_one_direction(example, written, self.scheme.relations)
        lost = written.lost + self.tables.lost(example, written.arrays, [relation for relation, _ in written.lost])
        return Targets({**written.arrays, **self.tables.write(written.arrays)}, lost)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute what the scorers of ``entity`` and ``relation`` read of each token: [batch, length, d] each."""
        encoded = encode(batch)
        return {
            "entity": self.entity_features(encoded, batch.mask),
            "relation": self.relation_features(encoded, batch.mask),
        }

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Sum the cross entropies over the cells of all tables, averaged over sentences."""
        gold = SpanTriples.gold(batch).entities.cells
        total = triangle_loss(self.entity, output["entity"], batch.mask, gold)  # cells with first <= last
        for anchor, scorer in self.relation.items():
            cells = batch[self.tables.names[anchor]]
            if self.labeled:
                gold = labels_of_directions(TableCells.unpadded(cells), len(self.scheme.relations))
                total = total + triangle_loss(scorer, output["relation"], batch.mask, gold, log_of_three)
            else:
                total = total + scorer.loss(output["relation"], batch.mask, cells)
        return total / len(batch)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read the entities from their table, and the relations between them from theirs."""
        spans = predict_spans(self.entity, output["entity"], batch.mask, self.thresholds.entities)
        return self._read(best_labels(spans, batch.mask.shape[1]), self._reads(output["relation"]), batch)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Read the cells of given entities. Those that one table cannot tell apart have the same relations."""
        given, features = given_spans(entities, batch), self.relation_features(encode(batch), batch.mask)
        found = self._between(given, torch.arange(len(given), device=features.device), self._reads(features))
        return found.between(entities, self.scheme.relations)

    def _reads(self, features: Tensor) -> ReadTable:
        """Return what reads the tables made of ``features`` [batch, length, d]."""
        read = probabilities_of_directions if self.labeled else probabilities_of_pairs
        return lambda anchor, pairs: read(self.relation[anchor], features, pairs)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read tables that hold the targets."""
        length, num_relations = batch.mask.shape[1], len(self.scheme.relations)

        def read(anchor: Anchor, pairs: TableCells) -> Tensor:
            gold = TableCells.unpadded(batch[self.tables.names[anchor]])
            labels = torch.arange(num_relations, device=pairs.head.device)
            keys = _keys(pairs, length, num_relations)[:, None] + labels  # [pairs, relations]
            return torch.isin(keys, _keys(gold, length, num_relations)).float()

        return self._read(SpanTriples.gold(batch).entities, read, batch)

    def _read(self, entities: Spans, read: ReadTable, batch: Batch) -> list[Example]:
        """Read the relations between all pairs of entities of a sentence that the tables can mean."""
        found = self._between(entities, self.tables.meant(entities, batch.mask.shape[1]), read)
        return self.decoder.decode(found, batch.examples)

    def _between(self, entities: Spans, candidates: Tensor, read: ReadTable) -> SpanTriples:
        """Read the relations between all pairs of the ``candidates``, indices of entities, in a sentence."""
        rows = entities.batch_index[candidates]
        head, tail = (candidates[side] for side in pairs_within(rows))  # indices of entities: [pairs]
        if not self.scheme.allow_self:
            head, tail = head[head != tail], tail[head != tail]
        kept, score = head.new_ones(1, dtype=torch.bool), entities.score.new_ones(1)
        for anchor in self.relation:
            token = self.tables.token(anchor, entities.start, entities.last)
            pairs = TableCells(entities.batch_index[head], token[head], token[tail], torch.zeros_like(head))
            probs = read(anchor, pairs)  # [pairs, relations]
            kept, score = kept & (probs >= self.thresholds.relations), score * probs
        pair, relation = kept.nonzero(as_tuple=True)
        return SpanTriples(entities, relation, head[pair], tail[pair], score[pair, relation])

    def limits(self, held: Example) -> list[Limit]:
        """Find the limits of the pair scorers, in the table of entities and in one or two of relations."""

        def counts(cell: Cell) -> bool:
            return self.scheme.allow_self or cell[0] != cell[1]

        of_relations = self.entity.limits(tables_of(held.relations), counts, scores=len(self.relation))
        return of_relations + self.entity.limits_of_spans(held.entities)


class TableFeatures(nn.Module):
    """Compute what a task's scorers read of each token: [h_t; h_g], or h_t without ``global_feature``."""

    def __init__(
        self, task_features: TaskFeatures, task: str, cells: CellFeatures, hidden_size: int | None, global_feature: bool
    ) -> None:
        super().__init__()
        self.task, self.task_features = task, task_features
        self.of_token = task_features.own() if cells == "own" else task_features
        self.hidden_size = hidden_size or max(1, task_features.size(task) // 2)
        self.output_dim = self.of_token.size(task) + (self.hidden_size if global_feature else 0)
        self.of_sentence = GlobalFeature(task_features.size(task), self.hidden_size) if global_feature else None

    def forward(self, encoded: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, size of the encoder] -> [batch, length, output_dim]."""
        h_t = self.of_token.select(encoded, self.task)
        if self.of_sentence is None:
            return h_t
        # h_g = max_t tanh(W [h_e,t; h_s,t] + b). A pair scorer reads [h_e,i; h_g] and [h_e,j; h_g] of a cell y_ij.
        h_g = self.of_sentence(self.task_features.select(encoded, self.task), mask)  # [batch, length, hidden_size]
        return torch.cat((h_t, h_g), dim=-1)


class EndpointTables:
    """Write relations as cells of tables that represent a mention by its ``first`` or its ``last`` token, or of two.

    Of several mentions with one token a single table means the most probable one, of equals the first in the text.
    """

    def __init__(self, tables: Tables) -> None:
        self.anchors: tuple[Anchor, ...] = ("first", "last") if tables == "both" else (tables,)
        self.names = {anchor: f"{anchor}_cells" for anchor in self.anchors}

    def token(self, anchor: Anchor, first: T, last: T) -> T:
        """Return the token that represents a mention from ``first`` to ``last``."""
        return first if anchor == "first" else last

    def write(self, written: Arrays) -> Arrays:
        """Write the cells of each table, [cells, 3]: relation from 1, head, tail. See ``SpanTripleTargets.write``."""
        (_, *ends), (relation, head, tail) = written["entity_spans"].T, written["triples"].T
        tables = {}
        for anchor, name in self.names.items():
            tokens = self.token(anchor, *ends)
            tables[name] = np.unique(np.stack((relation, tokens[head], tokens[tail]), axis=1), axis=0)
        return tables

    def in_one_direction(self, example: Example, written: Targets, relations: Namespace) -> Targets:
        """Keep the triples whose cells hold no earlier one in the other direction; list the others as lost."""
        entities = [(first, last) for _, first, last in written.arrays["entity_spans"].tolist()]
        ahead: dict[tuple[Anchor, int, int, int], bool] = {}
        kept = []
        for relation, head, tail in written.arrays["triples"].tolist():
            tokens = {
                anchor: (self.token(anchor, *entities[head]), self.token(anchor, *entities[tail]))
                for anchor in self.anchors
            }
            cells = {(anchor, relation, min(pair), max(pair)): pair[0] <= pair[1] for anchor, pair in tokens.items()}
            kept.append(all(ahead.get(cell, way) == way for cell, way in cells.items()))
            if kept[-1]:
                ahead.update(cells)
        return keep_triples(example, written, kept, relations, REVERSED)

    def lost(self, example: Example, written: Arrays, already: Collection[Relation]) -> list[tuple[Relation, str]]:
        """Find the relations, apart from those lost ``already``, whose cell means another mention."""
        if len(self.anchors) > 1:
            return []
        meant: dict[int, tuple[int, int]] = {}
        for _, first, last in written["entity_spans"].tolist():
            meant.setdefault(self.token(self.anchors[0], first, last), (first, last + 1))
        spans = set(meant.values())
        others = [relation for relation in example.relations if relation not in already]
        return [(r, SHARED) for r in others if not {r.head.span, r.tail.span} <= spans]

    def meant(self, entities: Spans, length: int) -> Tensor:
        """Return the indices, in order, of the entities that cells can mean, in rows of ``length`` tokens."""
        indices = torch.arange(len(entities), device=entities.label.device)
        if len(self.anchors) > 1:
            return indices
        token = self.token(self.anchors[0], entities.start, entities.last)
        return best_labels(replace(entities, label=indices, start=token, last=token), length).label.sort().values


def labels_of_directions(cells: TableCells, num_relations: int) -> TableCells:
    """Turn cells (head, tail) into cells of the text's order; a relation that is turned has its second label."""
    turned = cells.head > cells.tail
    first, second = torch.minimum(cells.head, cells.tail), torch.maximum(cells.head, cells.tail)
    return TableCells(
        cells.sentence, first, second, torch.where(turned, cells.relation + num_relations, cells.relation)
    )


def log_of_three(logits: Tensor) -> Tensor:
    """Compute log(1 + e^a + e^b) of the two directions a and b of each relation: [..., 2 R] -> [..., R]."""
    return F.softplus(torch.logaddexp(*logits.chunk(2, dim=-1)))


def probabilities_of_directions(scorer: PairScorer, inputs: Tensor, pairs: TableCells) -> Tensor:
    """Compute the probabilities that relations hold from head to tail, by the softmax of each cell: [pairs, R]."""
    logits = logits_of_pairs(scorer, inputs, labels_of_directions(pairs, 0))
    ahead, behind = logits.chunk(2, dim=-1)
    return (torch.where((pairs.head > pairs.tail).unsqueeze(1), behind, ahead) - log_of_three(logits)).exp()


def _keys(cells: TableCells, length: int, num_relations: int) -> Tensor:
    """Compute a key for each cell; those of a pair follow each other."""
    return ((cells.sentence * length + cells.head) * length + cells.tail) * num_relations + cells.relation
