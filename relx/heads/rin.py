"""RIN, the recurrent interaction network: version 1 (Sun et al., arXiv:2005.00162v1) and version 2 (EMNLP 2020).

The numbers of equations are those of version 1. Eq. 9-10, the score of a pair of tokens, are ``reference`` of the pair
scorer, ``decomposed``. ``PairTaggingHead`` writes the targets, computes the loss (Eq. 12-14) and reads the predictions.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, HeadOutput
from relx.heads.pair_scorers import PairScorer
from relx.heads.schemes.pairs import Anchor, PairTaggingHead
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect, require_sizes

Updating = Literal["gru", "torch_gru", "rnn", "linear"]
Signal = Literal["relations", "entities", "words"]


@Head.register("rin")
class RIN(PairTaggingHead):
    """Predict entity tags and relations of token pairs ``rounds`` times; each round refines the features of the next.

    The tasks meet in INT (Eq. 1-3). Rounds share their weights, and only the predictions after the last one are
    learned. With ``rounds=0`` this is the paper's BiLSTM_s, and with ``projections=false`` in addition its BiLSTM. The
    version was checked against the printed equations; docs/systems/rin.md lists the deviations.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the relation types and the entity types.
        rounds: Number K of rounds.
        hidden_size: Size of the features of each task, by default that of the encoded tokens.
        updater: Unit that updates the features: ``gru`` (Eq. 4-7), ``torch_gru`` (``nn.GRUCell``), ``rnn`` (tanh) or
            ``linear`` (without interaction).
        interaction: Inputs of INT, by default all: the probabilities of ``relations`` and of ``entities`` of the round
            before, and the encoded ``words``.
        projections: Whether each task has a projection of the encoded tokens (Eq. 11) as its first features.
        pair_scorer: Scorer of token pairs, by default ``decomposed`` (Eq. 9-10).
        anchor: Token that represents a mention in the table of pairs.
        allow_self: Whether a relation may hold between mentions with the same anchor token. The diagonal stays in the
            table in both cases: it takes part in the maxima over tails, and is learned to be unrelated.
        threshold: Least probability of a pair that is returned.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        rounds: int = 3,
        hidden_size: int | None = None,
        updater: Updating = "gru",
        interaction: list[Signal] | None = None,
        projections: bool = True,
        pair_scorer: Lazy[PairScorer] | None = None,
        anchor: Anchor = "last",
        allow_self: bool = True,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(vocabulary, anchor, allow_self, threshold)
        self.rounds = _checked(rounds)
        require_sizes(hidden_size=hidden_size)
        idle: dict[str, dict[str, object]] = {
            "rounds=0": {"updater": updater, "interaction": interaction} if not rounds else {},
            "updater=linear": {"interaction": interaction} if updater == "linear" and rounds else {},
        }
        require_effect(RIN, idle)
        size = hidden_size or input_dim
        if not projections and size != input_dim:
            raise ValueError(
                f"hidden_size is {size}; without projections it must be the size of the encoder, {input_dim}"
            )
        relations, tags = len(self.anchor_table.relations), self.entity_tags.scheme.size
        self.relation_features = _projection(input_dim, size) if projections else nn.Identity()
        self.entity_features = _projection(input_dim, size) if projections else nn.Identity()
        pair_scorer = pair_scorer or PairScorer.named("decomposed")
        self.pair_scorer = pair_scorer.build(input_dim=size, num_relations=relations)
        self.tagger = nn.Linear(size, tags)
        self.interaction = None
        if rounds and updater != "linear":
            sizes: dict[Signal, int] = {"relations": relations, "entities": tags, "words": input_dim}
            self.signals: list[Signal] = list(sizes) if interaction is None else interaction
            if not self.signals or len(set(self.signals)) < len(self.signals):
                raise ValueError(
                    "interaction must name at least one input, and each once; set rounds=0 for no interaction"
                )
            self.interaction = _projection(sum(sizes[signal] for signal in self.signals), size)
        if rounds:
            self.relation_updater = UPDATERS[updater](size, size)
            self.entity_updater = UPDATERS[updater](size, size)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute ``entity`` [batch, length, tags] and ``relation`` [batch, length, size] after the last round."""
        h = encode(batch)  # [batch, length, input_dim]
        h_tilde, h_bar = self.relation_features(h), self.entity_features(h)  # Eq. 11, [batch, length, size] each
        for _ in range(self.rounds):
            x = self.interact(h_tilde, h_bar, h, batch.mask)  # Eq. 1-3
            h_tilde, h_bar = self.relation_updater(x, h_tilde), self.entity_updater(x, h_bar)  # Eq. 4-7
        # Eq. 8: y_bar_i = softmax(W_t h_bar_i + b_t), and Eq. 9-10:
        # p_ij = sigmoid(W_p relu([W_m h_tilde_i; W_r h_tilde_j]) + b).
        # ``loss`` and ``decode`` compute the softmax and, with the pair scorer, the p_ij. Eq. 12-14 are at ``loss``.
        return {"entity": self.tagger(h_bar), "relation": h_tilde}

    def interact(self, h_tilde: Tensor, h_bar: Tensor, h: Tensor, mask: Tensor) -> Tensor | None:
        """Compute INT, x = relu(W_a [y_hat; y_bar; h] + b_a), [batch, length, size]; None without interaction."""
        if self.interaction is None:
            return None
        inputs = []
        for signal in self.signals:
            if signal == "relations":
                # Eq. 1-2: y_hat, the maximum of p(w, t, w') over all words w', [batch, length, relations].
                inputs.append(self.pair_scorer.max_over_tails(h_tilde, mask).sigmoid())
            elif signal == "entities":
                inputs.append(self.tagger(h_bar).softmax(dim=-1))  # Eq. 8: y_bar, [batch, length, tags]
            else:
                inputs.append(h)  # [batch, length, input_dim]
        return self.interaction(torch.cat(inputs, dim=-1))  # Eq. 3


@Head.register("rin_v2")
class RINv2(PairTaggingHead):
    """Predict as ``rin`` does, with a GRU cell for each task's prediction, whose state is the encoded token (RIN v2).

    The encoded token then grows by the features of both tasks. ``rounds`` as published: WebNLG 2, NYT 4 (3 and 7 where
    whole mentions count). The structure was checked against the authors' code.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the relation types and the entity types.
        rounds: Number of rounds.
        pair_scorer: Scorer of token pairs, by default ``concat_mlp``.
        anchor: Token that represents a mention in the table of pairs.
        allow_self: Whether a relation may hold between mentions with the same anchor token.
        threshold: Least probability of a pair that is returned.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        rounds: int = 2,
        pair_scorer: Lazy[PairScorer] | None = None,
        anchor: Anchor = "last",
        allow_self: bool = True,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(vocabulary, anchor, allow_self, threshold)
        self.rounds = _checked(rounds)
        relations, tags = len(self.anchor_table.relations), self.entity_tags.scheme.size
        pair_scorer = pair_scorer or PairScorer.named("concat_mlp")
        self.pair_scorer = pair_scorer.build(input_dim=input_dim, num_relations=relations)
        self.tagger = nn.Linear(input_dim, tags)
        if rounds:
            self.relation_updater = GRUCellUpdater(relations, input_dim)
            self.entity_updater = GRUCellUpdater(tags, input_dim)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute ``entity`` [batch, length, tags] and ``relation`` [batch, length, input_dim] after the last round."""
        h = h_tilde = h_bar = encode(batch)  # [batch, length, input_dim]
        for _ in range(self.rounds):
            y_hat = self.pair_scorer.max_over_tails(h_tilde, batch.mask).sigmoid()  # [batch, length, relations]
            y_bar = self.tagger(h_bar).softmax(dim=-1)  # [batch, length, tags]
            h_tilde, h_bar = self.relation_updater(y_hat, h), self.entity_updater(y_bar, h)
            h = h + h_tilde + h_bar
        return {"entity": self.tagger(h_bar), "relation": h_tilde}


class GatedUpdater(nn.Module):
    """Update features with the paper's gated unit (Eq. 4-7), without biases.

    It is no ``nn.GRUCell``: its gate u acts on the features before they are projected, and z weighs the new ones.
    """

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, 3 * size, bias=False)
        self.gates_from_features = nn.Linear(size, 2 * size, bias=False)
        self.candidate_from_features = nn.Linear(size, size, bias=False)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        size = h.shape[-1]
        x_zu, x_o = self.from_input(x).split((2 * size, size), dim=-1)  # the parts of W_z, W_u and W_o that read x
        z, u = torch.sigmoid(x_zu + self.gates_from_features(h)).chunk(2, dim=-1)  # Eq. 4-5: sigmoid(W [h; x])
        h_check = torch.tanh(x_o + self.candidate_from_features(u * h))  # Eq. 6: tanh(W_o [u * h; x])
        return torch.lerp(h, h_check, z)  # Eq. 7: (1 - z) * h + z * h_check


class GRUCellUpdater(nn.Module):
    """Update the features of each token with ``nn.GRUCell`` (Cho et al. 2014)."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(input_dim, size)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        return self.cell(x.flatten(0, -2), h.flatten(0, -2)).view_as(h)


class RNNUpdater(nn.Module):
    """Update features with tanh(W [h; x] + b), the unit without gates of Figure 3."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(input_dim, size)
        self.from_features = nn.Linear(size, size, bias=False)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """[..., input_dim] and the features [..., size] -> the new features [..., size]."""
        return torch.tanh(self.from_input(x) + self.from_features(h))


class LinearUpdater(nn.Module):
    """Update features with W h + b, without the other task: the ablation that Table 5 calls -gamma."""

    def __init__(self, input_dim: int, size: int) -> None:
        super().__init__()
        self.from_features = nn.Linear(size, size)

    def forward(self, x: Tensor | None, h: Tensor) -> Tensor:
        """Map the features [..., size] to the new features [..., size]."""
        return self.from_features(h)


UPDATERS: dict[Updating, type[nn.Module]] = {
    "gru": GatedUpdater,
    "torch_gru": GRUCellUpdater,
    "rnn": RNNUpdater,
    "linear": LinearUpdater,
}


def _projection(input_dim: int, size: int) -> nn.Module:
    """Make relu(W h + b)."""
    return nn.Sequential(nn.Linear(input_dim, size), nn.ReLU())


def _checked(rounds: int) -> int:
    if rounds < 0:
        raise ValueError(f"rounds is {rounds}; it must be at least 0")
    return rounds
