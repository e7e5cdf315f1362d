"""Relations as cells of tables in which a mention is told by its first or its last token, or by one in each of two."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.heads.head import SHARED, Encode, Head, HeadOutput, Limit, Targets
from relx.heads.pair_scorers import PairScorer, TableCells
from relx.heads.pair_scorers.scorer import LOGITS_AT_ONCE, logit, triangle_loss
from relx.heads.pair_scorers.scorers import PFNPairScorer
from relx.heads.schemes.entities import EntityTypes
from relx.heads.schemes.global_feature import GlobalFeature
from relx.heads.schemes.limits import Cell, limits_of_sums
from relx.heads.schemes.pairs import Anchor
from relx.heads.schemes.triples import GoldTriples, SpanTripleDecoder, SpanTripleTargets
from relx.heads.spans import Spans
from relx.heads.spans.spans import best_labels
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect, require_inner_shares, require_shares, require_sizes

Tables = Literal["first", "last", "both"]
T = TypeVar("T")


class EndpointTables:
    """One table tells a mention by its ``first`` or its ``last`` token; ``both`` are two tables.

    Of several mentions with one token a single table means the most probable one, of equals the first in the text.
    """

    def __init__(self, tables: Tables) -> None:
        self.anchors: tuple[Anchor, ...] = ("first", "last") if tables == "both" else (tables,)
        self.names = {anchor: f"{anchor}_cells" for anchor in self.anchors}

    def token(self, anchor: Anchor, first: T, last: T) -> T:
        """The token that tells a mention from ``first`` to ``last``."""
        return first if anchor == "first" else last

    def write(self, written: Arrays) -> Arrays:
        """The cells of each table, [cells, 3]: relation from 1, head, tail. Read from what ``SpanTripleTargets``
        wrote.
        """
        (_, *ends), (relation, head, tail) = written["entity_spans"].T, written["triples"].T
        tables = {}
        for anchor, name in self.names.items():
            tokens = self.token(anchor, *ends)
            tables[name] = np.unique(np.stack((relation, tokens[head], tokens[tail]), axis=1), axis=0)
        return tables

    def lost(self, example: Example, written: Arrays, known: Collection[Relation]) -> list[tuple[Relation, str]]:
        """The relations, apart from those ``known`` to be lost, whose cell means another mention."""
        if len(self.anchors) > 1:
            return []
        meant: dict[int, tuple[int, int]] = {}
        for _, first, last in written["entity_spans"].tolist():
            meant.setdefault(self.token(self.anchors[0], first, last), (first, last + 1))
        told = set(meant.values())
        others = [relation for relation in example.relations if relation not in known]
        return [(r, SHARED) for r in others if not {r.head.span, r.tail.span} <= told]

    def meant(self, entities: Spans, length: int) -> Tensor:
        """The numbers, in order, of the entities that cells can mean; rows have ``length`` tokens."""
        numbers = torch.arange(len(entities), device=entities.row.device)
        if len(self.anchors) > 1:
            return numbers
        token = self.token(self.anchors[0], entities.start, entities.last)
        return best_labels(replace(entities, label=numbers, start=token, last=token), length).label.sort().values


def spans_above(scorer: PairScorer, inputs: Tensor, mask: Tensor, threshold: float) -> Spans:
    """The cells of real tokens in order whose probability is at least ``threshold``, as spans from head to tail."""
    head, tail = torch.triu_indices(inputs.shape[1], inputs.shape[1], device=inputs.device)
    found, start = [], 0
    for vectors, real in _chunks(max(1, LOGITS_AT_ONCE // (len(head) * scorer.width)), inputs, mask):
        logits = scorer.score_pairs(vectors, head, tail)
        row, pair, label = ((logits >= logit(threshold)) & real[:, tail, None]).nonzero(as_tuple=True)
        found.append(Spans(row + start, label, head[pair], tail[pair], logits[row, pair, label].sigmoid()))
        start += len(vectors)
    parts = zip(*((s.row, s.label, s.start, s.last, s.score) for s in found), strict=True)
    return Spans(*map(torch.cat, parts))


def probabilities_of_pairs(scorer: PairScorer, inputs: Tensor, pairs: TableCells) -> Tensor:
    """The probabilities of all relations for some pairs, whose own relations do not matter: -> [pairs, relations]."""
    first, second = torch.arange(2, device=inputs.device).split(1)
    at_once = max(1, LOGITS_AT_ONCE // max(2 * inputs.shape[-1], scorer.width))
    found = [
        scorer.score_pairs(torch.stack((inputs[row, head], inputs[row, tail]), dim=1), first, second)[:, 0].sigmoid()
        for row, head, tail in _chunks(at_once, pairs.sentence, pairs.head, pairs.tail)
    ]
    return torch.cat(found)


def pairs_within(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of all ordered pairs, equal ones too, whose rows are equal: two vectors. ``rows`` ascend."""
    _, row, count = rows.unique_consecutive(return_inverse=True, return_counts=True)
    partners, begin = count[row], (count.cumsum(0) - count)[row]
    first = torch.arange(len(rows), device=rows.device).repeat_interleave(partners)
    place = torch.arange(len(first), device=rows.device) - (partners.cumsum(0) - partners)[first]
    return first, begin[first] + place


def _chunks(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)


# Of some pairs of tokens, whose relations do not matter, the probability of every relation: [pairs, relations].
ReadTable = Callable[[Anchor, TableCells], Tensor]

CellFeatures = Literal["own", "view"]

BIAS = -6.0


@Head.register("table")
class TableFilling(Head):
    """Two tables: spans, first token x last token x type; and relations, token of head x token of tail x type.

    Each is filled by a pair scorer, by default ``pfn_mlp`` with the bias -6 and ``dropout`` before its ELU. For each
    token
    the scorer reads, as in the public code, what the encoder has for the task ``entity`` or ``relation`` alone, h_e or
    h_r (``cells``: own), or the task's whole view, the memory that tasks share included (view). Beside it stands a
    feature of the whole sentence (``global_feature``), the maximum of tanh(W view + b) over its tokens; here the shared
    memory always takes part. ``hidden_size`` is that of both, by default half of the view's. In the table of relations
    a mention is told by its ``first`` token (Yan et al. 2021) or by its ``last``; of several mentions with one such
    token the most probable is meant. With ``both`` there are two such tables, and a relation has to stand in both. A
    cell counts from the probability ``threshold`` on. Relations hold between entities that are found.
    """

    def __init__(
        self,
        task_features: Injected[TaskFeatures],
        vocabulary: Injected[Vocabulary],
        tables: Tables = "first",
        hidden_size: int | None = None,
        global_feature: bool = True,
        cells: CellFeatures = "own",
        dropout: float = 0.0,
        pair_scorer: Lazy[PairScorer] | None = None,
        threshold: float = 0.5,
        allow_self: bool = True,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size)
        require_inner_shares(threshold=threshold)
        require_shares(dropout=dropout)
        idle = {"dropout": dropout} | ({} if global_feature else {"hidden_size": hidden_size})
        require_effect(TableFilling, {"a pair_scorer of its own": idle} if pair_scorer else {})
        self.types, self.threshold = EntityTypes(vocabulary, None), threshold
        relations = vocabulary.relations()
        self.scheme, self.cells = SpanTripleTargets(relations, self._label, allow_self), EndpointTables(tables)
        self.steps = SpanTripleDecoder(relations, allow_self)
        self.entity_features = TableFeatures(task_features, "entity", cells, hidden_size, global_feature)
        self.relation_features = TableFeatures(task_features, "relation", cells, hidden_size, global_feature)

        def scorer(features: TableFeatures, labels: int) -> PairScorer:
            made = pair_scorer or Lazy(PFNPairScorer, hidden_size=features.hidden_size, bias=BIAS, dropout=dropout)
            return made.build(input_dim=features.output_dim, num_relations=labels)

        self.entity = scorer(self.entity_features, len(self.types.names))
        self.relation: dict[Anchor, PairScorer] = nn.ModuleDict(  # type: ignore[assignment]
            {anchor: scorer(self.relation_features, len(relations)) for anchor in self.cells.anchors}
        )

    def targets(self, example: Example) -> Targets:
        """What ``SpanTripleTargets.write`` makes of the sentence, and the cells [cells, 3] of each table of
        relations.
        """
        found = self.scheme.write(example)
        unmeant = self.cells.lost(example, found.arrays, [relation for relation, _ in found.lost])
        return Targets({**found.arrays, **self.cells.write(found.arrays)}, found.lost + unmeant)

    def limits(self, held: Example) -> list[Limit]:
        """Those of a pair scorer that is a sum, in a single table of relations; two such tables have more ways out."""
        if len(self.relation) > 1 or not all(scorer.is_sum for scorer in self.relation.values()):
            return []
        tables: dict[str, dict[Cell, Relation]] = defaultdict(dict)
        for relation in held.relations:
            tables[relation.type][relation.head.span, relation.tail.span] = relation
        return limits_of_sums(tables.values(), lambda cell: self.scheme.allow_self or cell[0] != cell[1])

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute the features that the scorers of ``entity`` and ``relation`` read, [batch, length, d] each."""
        encoded = encode(batch)
        return {
            "entity": self.entity_features(encoded, batch.mask),
            "relation": self.relation_features(encoded, batch.mask),
        }

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """Binary cross entropies summed over the cells of all tables, averaged over sentences."""
        gold = GoldTriples.of(batch).entities.cells
        total = triangle_loss(self.entity, scores["entity"], batch.mask, gold)
        for anchor, scorer in self.relation.items():
            total = total + scorer.loss(scores["relation"], batch.mask, batch[self.cells.names[anchor]])
        return total / len(batch)

    def decode(self, scores: HeadOutput, batch: Batch) -> list[Example]:
        """The entities and the triples. Entities bear a type only if the data knew types."""
        spans = spans_above(self.entity, scores["entity"], batch.mask, self.threshold)

        def read(anchor: Anchor, pairs: TableCells) -> Tensor:
            return probabilities_of_pairs(self.relation[anchor], scores["relation"], pairs)

        return self._read(best_labels(spans, batch.mask.shape[1]), read, batch)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read tables that hold the targets."""
        length = batch.mask.shape[1]

        def read(anchor: Anchor, pairs: TableCells) -> Tensor:
            numbers = torch.arange(len(self.scheme.relations), device=pairs.head.device)
            gold = _numbered(TableCells.unpadded(batch[self.cells.names[anchor]]), length, len(numbers))
            return torch.isin(_numbered(pairs, length, len(numbers))[:, None] + numbers, gold).float()

        return self._read(GoldTriples.of(batch).entities, read, batch)

    def _read(self, entities: Spans, read: ReadTable, batch: Batch) -> list[Example]:
        known = self.types.source == "data"
        types = [type if known else None for type in self.types.names]
        return self.steps.decode(self._found(entities, read, batch.mask.shape[1]), batch.examples, types)

    def _found(self, entities: Spans, read: ReadTable, length: int) -> HeadOutput:
        meant = self.cells.meant(entities, length)
        head, tail = (meant[side] for side in pairs_within(entities.row[meant]))
        if not self.scheme.allow_self:
            head, tail = head[head != tail], tail[head != tail]
        kept, score = head.new_ones(1, dtype=torch.bool), entities.score.new_ones(1)
        for anchor in self.relation:
            token = self.cells.token(anchor, entities.start, entities.last)
            probabilities = read(
                anchor, TableCells(entities.row[head], token[head], token[tail], torch.zeros_like(head))
            )
            kept, score = kept & (probabilities >= self.threshold), score * probabilities
        pair, relation = kept.nonzero(as_tuple=True)
        return {
            "entities": entities.numbers,
            "entity_scores": entities.score,
            "triples": torch.stack((relation, head[pair], tail[pair]), dim=1),
            "triple_scores": score[pair, relation],
        }

    def _label(self, entity: Entity, example: Example) -> int | None:
        return self.types.names.get(self.types.of(entity, example))


class TableFeatures(nn.Module):
    """What a task's scorers read of each token, and, if wanted, the global feature of the sentence beside it."""

    def __init__(
        self, task_features: TaskFeatures, task: str, cells: CellFeatures, hidden_size: int | None, global_feature: bool
    ) -> None:
        super().__init__()
        self.task, self.task_features, self.of_token = (
            task,
            task_features,
            task_features.own() if cells == "own" else task_features,
        )
        self.hidden_size = hidden_size or max(1, task_features.size(task) // 2)
        self.output_dim = self.of_token.size(task) + (self.hidden_size if global_feature else 0)
        self.of_sentence = GlobalFeature(task_features.size(task), self.hidden_size) if global_feature else None

    def forward(self, encoded: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, size of the encoder] -> [batch, length, output_dim]."""
        tokens = self.of_token.of(encoded, self.task)
        if self.of_sentence is None:
            return tokens
        return torch.cat((tokens, self.of_sentence(self.task_features.of(encoded, self.task), mask)), dim=-1)


def _numbered(cells: TableCells, length: int, relations: int) -> Tensor:
    """A number for each cell; those of a pair follow each other."""
    return ((cells.sentence * length + cells.head) * length + cells.tail) * relations + cells.relation
