"""Table-Sequence: a table encoder and a sequence encoder that read each other (Wang & Lu 2020, EMNLP).

docs/systems/table_sequence.md has the equations. S is the sequence, T the table, X what the table reads.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Batch
from relx.data.example import Example, Relation
from relx.data.spans import Spans, TableCells
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.heads.head import Encode, Given, Head, HeadOutput, Targets, table_cost
from relx.heads.schemes.mention_pairs import PAIRS_AT_ONCE, Pairs, PairScheme
from relx.heads.schemes.tags import TagScheme, spans_of_tags, tagging_loss, tags_of_spans
from relx.heads.schemes.triples import SpanTripleDecoder, SpanTriples, SpanTripleTargets, given_spans, overlaps_longer
from relx.registry import Injected
from relx.utils.argument_checks import require_shares, require_sizes
from relx.utils.counting import places_within

# The probabilities of the labels of some cells of the table: [cells, 1 + 2 * relations], no relation first.
ReadCells = Callable[[TableCells], Tensor]


class MDGRUCell(nn.Module):
    """Update a cell of the table from its input and the ``states`` before it (MD-GRU)."""

    def __init__(self, input_dim: int, size: int, states: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, (3 + states) * size)
        self.from_states = nn.Linear(states * size, (3 + states) * size)

    def forward(self, X: Tensor, T_prev: Sequence[Tensor]) -> Tensor:
        """X [..., input_dim] and states [..., size] -> the new state [..., size]."""
        return gated(self.from_input(X), self.from_states(torch.cat(tuple(T_prev), dim=-1)), T_prev)


def gated(of_input: Tensor, of_states: Tensor, T_prev: Sequence[Tensor]) -> Tensor:
    """Compute the new state from the parts of the sums that read the input and the states, [..., (3 + states) * size].

    r resets the states in the candidate, lambda mixes them, and z weighs the candidate against the mixture.
    """
    (x_gates, x_new), (s_gates, s_new) = (_without_last(part, T_prev) for part in (of_input, of_states))
    r, z, *lambdas = (x_gates + s_gates).chunk(2 + len(T_prev), dim=-1)
    T_new = torch.tanh(x_new + torch.sigmoid(r) * s_new)
    shares = torch.stack(lambdas).softmax(dim=0)
    T_mixed = (shares * torch.stack(tuple(T_prev))).sum(dim=0)
    return torch.lerp(T_mixed, T_new, torch.sigmoid(z))


def _without_last(sums: Tensor, T_prev: Sequence[Tensor]) -> Sequence[Tensor]:
    """Split the sums of the gates and that of the candidate, which is the last."""
    size = T_prev[0].shape[-1]
    return sums.split((sums.shape[-1] - size, size), dim=-1)


class Diagonals:
    """The cells of a table of ``length`` tokens in the order of its anti-diagonals i + j = 0, 1, ..., 2 length - 2.

    Cells of one anti-diagonal do not read each other. The reversed order is that of the table turned by 180 degrees.
    """

    def __init__(self, length: int, device: torch.device) -> None:
        self.length = length
        i, j = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
        order = ((i + j) * length + i).flatten().argsort().to(device)
        self.i, self.j = order // length, order % length  # [cells]
        self.place = order.argsort()  # of each cell, row by row
        self.sizes = [min(d, 2 * length - 2 - d) + 1 for d in range(2 * length - 1)]

    def cells(self, table: Tensor) -> Tensor:
        """[batch, length, length, size] -> [cells, batch, size]."""
        return table[:, self.i, self.j].transpose(0, 1)

    def table(self, cells: Tensor) -> Tensor:
        """[cells, batch, size] -> [batch, length, length, size]."""
        return cells[self.place].unflatten(0, (self.length, self.length)).permute(2, 0, 1, 3)


class MDGRU(nn.Module):
    """Read the table from its first cell to its last one and back, with half of the units for each direction.

    The state of (i, j) reads those of (i-1, j) and (i, j-1), in the other direction of (i+1, j) and (i, j+1), and that
    of (i, j) in the layer below, which the first layer lacks.
    """

    def __init__(self, input_dim: int, hidden_size: int, first: bool) -> None:
        super().__init__()
        self.size = hidden_size // 2
        self.cells = nn.ModuleList(MDGRUCell(input_dim, self.size, 2 if first else 3) for _ in range(2))

    def reference(self, X: Tensor, below: Tensor | None, real: Tensor) -> Tensor:
        """Compute T cell by cell: X [batch, n, n, input_dim], real [batch, n, n, 1] -> [batch, n, n, hidden_size].

        ``below`` is T of the layer below, [batch, n, n, hidden_size].
        """
        lower: Sequence[Tensor | None] = (None, None) if below is None else below.chunk(2, dim=-1)
        parts = []
        for cell, T_below, step in zip(self.cells, lower, (1, -1), strict=True):
            n, zero = X.shape[1], X.new_zeros(len(X), self.size)
            T: dict[tuple[int, int], Tensor] = {}
            for i in range(n)[::step]:
                for j in range(n)[::step]:
                    T_prev = [T.get((i - step, j), zero), T.get((i, j - step), zero)]
                    T_prev += [] if T_below is None else [T_below[:, i, j]]
                    T[i, j] = cell(X[:, i, j], T_prev) * real[:, i, j]  # zero at padding, as outside of the table
            rows = [torch.stack([T[i, j] for j in range(n)], dim=1) for i in range(n)]
            parts.append(torch.stack(rows, dim=1))  # [batch, n, n, hidden_size / 2]
        return torch.cat(parts, dim=-1)

    def forward(self, X: Tensor, below: Tensor | None, real: Tensor, diagonals: Diagonals) -> Tensor:
        """Compute the same for one anti-diagonal at a time, in both directions at once.

        All cells are in the order of ``diagonals``, those of the second direction reversed: X [cells, batch,
        input_dim], ``below`` and the result [2, cells, batch, hidden_size / 2], ``real`` [cells, batch, 1].
        """
        cells, batch, _ = X.shape
        W_x, b_x, W_s, b_s = self._weights()
        both = torch.stack((X, X.flip(0))).flatten(1, 2)  # [2, cells * batch, input_dim]
        of_input = torch.baddbmm(b_x, both, W_x).unflatten(1, (cells, batch)).split(diagonals.sizes, dim=1)
        kept = torch.stack((real, real.flip(0))).split(diagonals.sizes, dim=1)
        lower = None if below is None else below.split(diagonals.sizes, dim=1)
        T = X.new_zeros(2, 0, batch, self.size)
        found = []
        for d, size in enumerate(diagonals.sizes):
            if d < diagonals.length:  # this anti-diagonal begins in row 0 and ends in column 0
                T_prev = [F.pad(T, (0, 0, 0, 0, 1, 0)), F.pad(T, (0, 0, 0, 0, 0, 1))]
            else:
                T_prev = [T[:, :-1], T[:, 1:]]
            T_prev += [] if lower is None else [lower[d]]
            of_states = torch.baddbmm(b_s, torch.cat(T_prev, dim=-1).flatten(1, 2), W_s)
            T = gated(of_input[d], of_states.unflatten(1, (size, batch)), T_prev) * kept[d]
            found.append(T)
        return torch.cat(found, dim=1)

    def _weights(self) -> Sequence[Tensor]:
        """Stack the weights of both directions: W_x [2, input_dim, sums], b_x [2, 1, sums], and W_s and b_s."""
        stacked = []
        for name in ("from_input", "from_states"):
            layers = [getattr(cell, name) for cell in self.cells]
            stacked.append(torch.stack([layer.weight.T for layer in layers]))
            stacked.append(torch.stack([layer.bias for layer in layers]).unsqueeze(1))
        return stacked


class TableGuidedAttention(nn.Module):
    """Encode the sequence with an attention whose logits come from the table alone, without queries."""

    def __init__(self, hidden_size: int, attention_heads: int, dropout: float) -> None:
        super().__init__()
        self.logits = nn.Linear(hidden_size, attention_heads, bias=False)
        self.values = nn.Linear(hidden_size, hidden_size)
        self.joined = nn.Linear(hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.feed_forward = nn.Sequential(
            nn.Linear(hidden_size, 4 * hidden_size), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(4 * hidden_size, hidden_size),
        )  # fmt: skip
        self.last_norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, S: Tensor, logits: Tensor, mask: Tensor) -> Tensor:
        """S [batch, n, hidden_size], ``self.logits(T)`` [batch, n, n, heads], mask [batch, n] -> the new S."""
        logits = logits.masked_fill(~mask[:, None, :, None], torch.finfo(logits.dtype).min)
        weights = logits.softmax(dim=2).permute(0, 3, 1, 2)  # [batch, heads, n, n], over the tokens that are read
        values = self.values(S).unflatten(2, (weights.shape[1], -1)).transpose(1, 2)  # [batch, heads, n, d]
        read = self.joined((weights @ values).transpose(1, 2).flatten(2)).relu()
        S = self.norm(S + self.dropout(read))
        return self.last_norm(S + self.dropout(self.feed_forward(S)))


class TableSequenceLayer(nn.Module):
    """Encode the table from the sequence, then the sequence from the table."""

    def __init__(self, hidden_size: int, attention_heads: int, maps: int, dropout: float, first: bool) -> None:
        super().__init__()
        self.row = nn.Linear(hidden_size, hidden_size)  # W [s_i; s_j] = W_row s_i + W_column s_j
        self.column = nn.Linear(hidden_size, hidden_size, bias=False)
        if maps:
            self.with_maps = nn.Linear(hidden_size + maps, hidden_size)
        self.table = MDGRU(hidden_size, hidden_size, first)
        self.sequence = TableGuidedAttention(hidden_size, attention_heads, dropout)

    def inputs(self, S: Tensor, maps: Tensor | None, diagonals: Diagonals) -> Tensor:
        """Compute X = relu(W [s_i; s_j] + b), with attention maps relu(W' [X; A_ij] + b'): [cells, batch, d].

        ``maps`` [cells, batch, maps].
        """
        row, column = (part(S).transpose(0, 1) for part in (self.row, self.column))  # [n, batch, hidden_size]
        X = (row[diagonals.i] + column[diagonals.j]).relu()
        return X if maps is None else self.with_maps(torch.cat((X, maps), dim=-1)).relu()

    def forward(
        self, S: Tensor, below: Tensor | None, maps: Tensor | None, mask: Tensor, diagonals: Diagonals
    ) -> tuple[Tensor, Tensor]:
        """Return the new sequence [batch, n, hidden_size] and the states of the table, as ``MDGRU`` does."""
        real = (mask[:, diagonals.i] & mask[:, diagonals.j]).T.unsqueeze(-1).to(S.dtype)  # [cells, batch, 1]
        states = self.table(self.inputs(S, maps, diagonals), below, real, diagonals)
        logits = diagonals.table(self.sequence.logits(both_directions(states)))
        return self.sequence(S, logits, mask), states


def both_directions(states: Tensor) -> Tensor:
    """Put the two states of each cell together: [2, cells, batch, size] -> [cells, batch, 2 * size]."""
    return torch.cat((states[0], states[1].flip(0)), dim=-1)


@Head.register("table_sequence")
class TableSequence(Head):
    """Tag entities on a sequence and label the pairs of words on a table, which encode each other (Table-Sequence).

    Each layer reads the sequence into the table of its pairs with a recurrent network in two dimensions, then the
    table into the sequence with an attention. Words have BIO tags. A pair of words has one label: a relation from the
    first to the second, from the second to the first, or none. The relation of two mentions is read from all cells of
    both, in both orders. The structure was checked against the authors' code; docs/systems/table_sequence.md lists the
    deviations.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types and the relation types.
        hidden_size: Size of the vectors of the sequence and of the table, even and a multiple of ``attention_heads``.
        layers: Number of layers, each a table encoder and a sequence encoder.
        attention_heads: Number of heads of the attention over the sequence.
        attention: Whether each cell of the table also reads the attention maps of the transformer, the embedder's,
            between its two words.
        dropout: Dropout on the encoded tokens, in the sequence encoders, and on what the labels are predicted from.
        attention_maps: Number of attention maps of the embedder.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        hidden_size: int = 200,
        layers: int = 3,
        attention_heads: int = 8,
        attention: bool = False,
        dropout: float = 0.5,
        attention_maps: Injected[int] = 0,
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size, layers=layers, attention_heads=attention_heads)
        require_shares(dropout=dropout)
        if hidden_size % 2 or hidden_size % attention_heads:
            raise ValueError(f"hidden_size is {hidden_size}; it must be even and a multiple of {attention_heads} heads")
        if attention and not attention_maps:
            raise ValueError("attention needs the embedder 'transformer' by itself, of the type bert or mpnet")
        self.attention, maps = attention, attention_maps if attention else 0
        self.types, self.pairs = EntityTypes(vocabulary), PairScheme(vocabulary.relations(), "in_text", "one")
        self.scheme = SpanTripleTargets(self.pairs.relations, self.types.label, False, overlaps_longer)
        self.decoder = SpanTripleDecoder(self.pairs.relations, self.types.predicted)
        self.tags = TagScheme(self.types.names.items, "BIO")
        self.reduced = nn.Linear(input_dim, hidden_size)
        self.layers = nn.ModuleList(
            TableSequenceLayer(hidden_size, attention_heads, maps, dropout, not index) for index in range(layers)
        )
        self.entity = nn.Linear(hidden_size, self.tags.size)
        self.relation = nn.Linear(hidden_size, self.pairs.num_logits)
        self.dropout = nn.Dropout(dropout)

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` and ``triples`` (``SpanTripleTargets``), at most one triple of two mentions."""
        return self.pairs.hold(example, self.scheme.write(example))

    def cost(self, lengths: np.ndarray) -> np.ndarray:
        """Count long sentences as more tokens: each layer has a vector for each pair."""
        return table_cost(lengths, self.reduced.out_features * len(self.layers))

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute ``entity``, tag logits [batch, n, tags], and the ``table`` [batch, n, n, hidden_size]."""
        S, mask = self.reduced(self.dropout(encode(batch))), batch.mask
        diagonals = Diagonals(mask.shape[1], mask.device)
        maps = diagonals.cells(encode.attention(batch)) if self.attention else None  # [cells, batch, maps]
        states: Tensor | None = None
        for layer in self.layers:
            S, states = layer(S, states, maps, mask, diagonals)
        assert states is not None
        table = diagonals.table(both_directions(states))
        return {"entity": self.entity(self.dropout(S)), "table": self.dropout(table)}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the cross entropies of tags and of cells, summed over a sentence, averaged over sentences."""
        gold, mask = SpanTriples.gold(batch), batch.mask
        tags = tags_of_spans(self.tags, gold.entities, mask.shape)
        real = mask.unsqueeze(1) & mask.unsqueeze(2)  # [batch, n, n]
        logits = self.relation(output["table"][real])  # [cells, labels]
        of_cells = F.cross_entropy(logits, self._labels(gold, mask)[real], reduction="sum")
        return tagging_loss(output["entity"], tags, mask) + of_cells / len(batch)

    def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
        """Read the tagged entities, and the relation of each two from the cells of both."""
        entities = spans_of_tags(self.tags, output["entity"], batch.mask)
        return self.decoder.decode(self._between(entities, self._reads(output["table"])), batch.examples)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Read the relation of each two given entities."""
        given = given_spans(entities, batch)
        found = self._between(given, self._reads(self(batch, encode)["table"]))
        return found.between(entities, self.pairs.relations)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read a table that holds the gold labels."""
        gold = SpanTriples.gold(batch)
        labels = self._labels(gold, batch.mask)

        def read(cells: TableCells) -> Tensor:
            return F.one_hot(labels[cells.sentence, cells.head, cells.tail], self.pairs.num_logits).float()

        return self.decoder.decode(self._between(gold.entities, read), batch.examples)

    def _reads(self, table: Tensor) -> ReadCells:
        return lambda cells: self.relation(table[cells.sentence, cells.head, cells.tail]).softmax(dim=-1)

    def _labels(self, gold: SpanTriples, mask: Tensor) -> Tensor:
        """Write the label of each cell, 0 for none: [batch, n, n]."""
        labels = torch.zeros(*mask.shape, mask.shape[1], dtype=torch.long, device=mask.device)
        head, tail = gold.entities.select(gold.head), gold.entities.select(gold.tail)
        backward = 1 + gold.relation + len(self.pairs.relations)
        for one, other, label in ((head, tail, 1 + gold.relation), (tail, head, backward)):
            pair, cells = cells_of_blocks(one, other)
            labels[cells.sentence, cells.head, cells.tail] = label[pair]
        return labels

    def _between(self, mentions: Spans, read: ReadCells) -> SpanTriples:
        """Find the relation of each two of these mentions, which are in the order of the text, if they have one."""
        pairs = self.pairs.candidates(mentions)
        parts = torch.arange(len(pairs), device=mentions.label.device).split(PAIRS_AT_ONCE)
        found = [self._of_pairs(mentions, pairs.select(some), read) for some in parts]
        head, tail, relation, score = map(torch.cat, zip(*found, strict=True))
        return SpanTriples(mentions, relation, head, tail, score)

    def _of_pairs(self, mentions: Spans, pairs: Pairs, read: ReadCells) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return head, tail, relation and score of the pairs that are related.

        A relation has the mean of its probability in the cells of head and tail, and of its reverse in those of tail
        and head. The best one holds if it has more than what all relations in its direction leave.
        """
        blocks = []
        for one, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
            pair, cells = cells_of_blocks(mentions.select(one), mentions.select(other))
            probs = read(cells)
            total = probs.new_zeros(len(pairs), probs.shape[1]).index_add(0, pair, probs)
            blocks.append((total / torch.bincount(pair, minlength=len(pairs)).unsqueeze(1))[:, 1:])
        sides = (2, len(self.pairs.relations))
        (ahead, behind), (ahead_back, behind_back) = (block.unflatten(1, sides).unbind(1) for block in blocks)
        holds = torch.stack((ahead + behind_back, behind + ahead_back), dim=1) / 2  # [pairs, directions, relations]
        others = 1 - holds.sum(dim=2, keepdim=True)
        score, label = torch.cat((others, holds), dim=2).max(dim=2)  # [pairs, directions]
        pair, turned = ((label > 0) & (score > others.squeeze(2))).nonzero(as_tuple=True)
        first, second = pairs.first[pair], pairs.second[pair]
        head, tail = torch.where(turned > 0, second, first), torch.where(turned > 0, first, second)
        return head, tail, label[pair, turned] - 1, score[pair, turned]


def cells_of_blocks(one: Spans, other: Spans) -> tuple[Tensor, TableCells]:
    """Return the cells of each token of ``one`` with each of ``other``, pair by pair, and the index of their pair."""
    width, widths = other.last - other.start + 1, one.last - one.start + 1
    count = width * widths  # [pairs]
    pair, place = torch.arange(len(count), device=count.device).repeat_interleave(count), places_within(count)
    row, column = one.start[pair] + place // width[pair], other.start[pair] + place % width[pair]
    return pair, TableCells(one.batch_index[pair], row, column, torch.zeros_like(row))
