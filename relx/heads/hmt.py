"""The LSTM decoders of tagging models that feed the predicted tag vector back (HMT; Zheng et al. 2017).

The tag vector is a linear function of the decoder's state, so feeding it back is a change of the LSTM's weights: the
whole decoder runs as one fused LSTM and one matrix product. A dropout or a nonlinearity on the tag vector would break
that, and would not be the papers' model.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.head import Encode, Head, HeadOutput
from relx.heads.schemes.entities import EntityTags, EntityTypes
from relx.heads.schemes.joint_tags import Conflict, Decoding, JointTaggingHead, JointTags
from relx.heads.schemes.tags import Positions, tagging_loss
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_sizes
from relx.utils.precision import full_precision_on_cpu

Feedback = Literal["soft", "argmax", "none"]


class SoftTagDecoder(nn.Module):
    """HMT's decoder (Wei et al. 2019, Eq. 2-4): [batch, length, input_dim] -> tag logits [batch, length, tags].

    The gates see the tag vector T and the state h of the token before; T = W_T [encoded; h] + b_T; logits W_y T + b_y.
    ``feedback="argmax"`` is an ablation: the gates see an embedding of the best tag in place of T, step by step.
    """

    def __init__(
        self, input_dim: int, hidden_size: int, tag_dim: int, tags: int, feedback: Literal["soft", "argmax"] = "soft"
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.gates_from_tag = nn.Linear(tag_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.tag_from_encoded = nn.Linear(input_dim, tag_dim)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim, bias=False)
        self.output = nn.Linear(tag_dim, tags)
        self.tag_embedding = nn.Embedding(tags, tag_dim) if feedback == "argmax" else None

    def forward(self, encoded: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, tags]."""
        if self.tag_embedding is not None:
            return self._step_by_step(encoded, self.tag_embedding)
        to_gates = self.gates_from_tag
        # The part of T that does not depend on the state is the LSTM's input, one token late; the first has T = 0.
        tags = self.tag_from_encoded(encoded)
        from_state = self.gates_from_state.weight + to_gates.weight @ self.tag_from_state.weight
        states = fused_lstm(F.pad(tags[:, :-1], (0, 0, 1, 0)), to_gates.weight, from_state, to_gates.bias)
        return self.output(tags + self.tag_from_state(states))

    def _step_by_step(self, encoded: Tensor, embedding: nn.Embedding) -> Tensor:
        state = cell = encoded.new_zeros(len(encoded), self.hidden_size)
        fed_back = encoded.new_zeros(len(encoded), embedding.embedding_dim)
        logits = []
        for tag in self.tag_from_encoded(encoded).unbind(dim=1):
            gates = self.gates_from_tag(fed_back) + self.gates_from_state(state)
            i, f, candidate, o = gates.chunk(4, dim=-1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(candidate)
            state = torch.sigmoid(o) * torch.tanh(cell)
            logits.append(self.output(tag + self.tag_from_state(state)))
            fed_back = embedding(logits[-1].argmax(dim=-1))
        return torch.stack(logits, dim=1)


class PlainTagDecoder(nn.Module):
    """HMT's decoder without tag feedback: [batch, length, input_dim] -> tag logits [batch, length, tags].

    The "traditional decoder" of Wei et al. (2019, section 3.2.2), which "only takes encoded vector as input": the gates
    see the encoded token and the state h of the token before. T and the logits are as in Eq. 3-4.
    """

    def __init__(self, input_dim: int, hidden_size: int, tag_dim: int, tags: int) -> None:
        super().__init__()
        self.gates_from_encoded = nn.Linear(input_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.tag_from_encoded = nn.Linear(input_dim, tag_dim)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim, bias=False)
        self.output = nn.Linear(tag_dim, tags)

    def forward(self, encoded: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, tags]."""
        gates = self.gates_from_encoded
        states = fused_lstm(encoded, gates.weight, self.gates_from_state.weight, gates.bias)
        return self.output(self.tag_from_encoded(encoded) + self.tag_from_state(states))


class LSTMTagDecoder(nn.Module):
    """The decoder of Zheng et al. (2017, section 3.3): [batch, length, input_dim] -> logits [batch, length, tags].

    The gates see the encoded token, and the state h and the tag vector T = W_T h + b_T of the token before. In the
    paper the output gate sees the cell of the same token in place of T; no fused kernel offers such a peephole, so that
    here all four gates see the same.
    """

    def __init__(self, input_dim: int, hidden_size: int, tag_dim: int, tags: int) -> None:
        super().__init__()
        self.gates_from_encoded = nn.Linear(input_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.gates_from_tag = nn.Linear(tag_dim, 4 * hidden_size, bias=False)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim)
        self.output = nn.Linear(tag_dim, tags)

    def forward(self, encoded: Tensor) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, tags]."""
        to_gates, tag = self.gates_from_tag.weight, self.tag_from_state
        weight = torch.cat((self.gates_from_encoded.weight, (to_gates @ tag.bias).unsqueeze(1)), dim=1)
        # The bias of T reaches every token but the first, which has no T before it.
        has_before = torch.ones_like(encoded[:, :, :1])
        has_before[:, 0] = 0
        inputs = torch.cat((encoded, has_before), dim=2)
        from_state = self.gates_from_state.weight + to_gates @ tag.weight
        return self.output(tag(fused_lstm(inputs, weight, from_state, self.gates_from_encoded.bias)))


def fused_lstm(inputs: Tensor, from_input: Tensor, from_state: Tensor, bias: Tensor) -> Tensor:
    """A one-layer LSTM with the given weights, gates in torch's order (input, forget, cell, output), from zero states.

    ``inputs`` [batch, length, d], ``from_input`` [4 h, d], ``from_state`` [4 h, h], ``bias`` [4 h]
    -> [batch, length, h].
    """
    with full_precision_on_cpu(inputs, from_input, from_state, bias) as (inputs, from_input, from_state, bias):
        zeros = inputs.new_zeros(1, len(inputs), from_state.shape[1])
        weights = [from_input, from_state, bias, torch.zeros_like(bias)]
        return torch.lstm(inputs, (zeros, zeros), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]


class TaggingModule(nn.Module):
    """One task: an encoder and the decoder over it (Figure 3)."""

    def __init__(
        self, encoder: Seq2SeqEncoder, hidden_size: int, tag_dim: int, tags: int, dropout: float, feedback: Feedback
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        sizes = (encoder.output_dim, hidden_size, tag_dim, tags)
        self.decoder = PlainTagDecoder(*sizes) if feedback == "none" else SoftTagDecoder(*sizes, feedback)

    def forward(self, inputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """[batch, length, input_dim] -> the encoded tokens [batch, length, d] and tag logits [batch, length, tags]."""
        encoded = self.dropout(self.encoder.encode(inputs, batch))
        return encoded, self.decoder(encoded)


@Head.register("hmt")
class HMT(JointTaggingHead):
    """Entity tagging below, joint tagging of relations above; the upper encoder reads [input; lower encoding].

    ``hidden_size`` is that of every LSTM, ``tag_dim`` the size of the tag vector T. ``encoder`` replaces the
    bidirectional LSTM of both tasks, which leaves out the peepholes of Eq. 1 (the encoder ``peephole_lstm`` has them).
    ``entity_task=false`` is the ablation of Table 3. ``feedback`` is what the decoder's gates see of the tag before:
    its vector T (``soft``, Eq. 2), an embedding of the best tag (``argmax``), or nothing (``none``: the gates see the
    encoded token). ``entity_scheme`` and ``joint_scheme`` are the tag schemes of the two tasks. ``signatures`` gives
    the entity types of each relation's arguments, [head type, tail type], for corpora without entity types.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        hidden_size: int = 300,
        tag_dim: int = 300,
        dropout: float = 0.5,
        entity_task: bool = True,
        signatures: dict[str, list[str]] | None = None,
        encoder: Lazy[Seq2SeqEncoder] | None = None,
        feedback: Feedback = "soft",
        entity_scheme: Positions = "BIES",
        joint_scheme: Positions = "BIO",
        conflict: Conflict = "first",
        decoding: Decoding = "nearest",
    ) -> None:
        super().__init__()
        require_sizes(hidden_size=hidden_size, tag_dim=tag_dim)
        encoder = encoder or Lazy(LSTMEncoder, hidden_size=hidden_size)
        relations = vocabulary.relations()
        self.joint_tags = JointTags(relations, joint_scheme, conflict, decoding)
        self.entity_tags = EntityTags(EntityTypes(vocabulary, signatures), entity_scheme) if entity_task else None
        self.entity_task = None
        if self.entity_tags is not None:
            lower, tags = encoder.build(input_dim=input_dim), self.entity_tags.scheme.size
            self.entity_task = TaggingModule(lower, hidden_size, tag_dim, tags, dropout, feedback)
            input_dim += lower.output_dim
        upper = encoder.build(input_dim=input_dim)
        self.joint_task = TaggingModule(upper, hidden_size, tag_dim, self.joint_tags.size, dropout, feedback)

    def index(self, example: Example) -> Arrays:
        """What the tasks' encoders have to know."""
        return self.joint_task.encoder.index(example)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """``joint`` [batch, length, joint tags] and ``entity`` [batch, length, entity tags], both logits."""
        inputs, scores = encode(batch), {}
        if self.entity_task is not None:
            encoded, scores["entity"] = self.entity_task(inputs, batch)
            inputs = torch.cat((inputs, encoded), dim=-1)
        _, scores["joint"] = self.joint_task(inputs, batch)
        return scores

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """Eq. 6-7: cross entropy of both tasks, summed over tokens, averaged over sentences."""
        loss = self.joint_loss(scores, batch)
        if "entity" in scores:
            loss = loss + tagging_loss(scores["entity"], batch["entity_tags"], batch.mask)
        return loss


@Head.register("novel_tagging")
class NovelTagging(JointTaggingHead):
    """LSTM-LSTM-Bias: a bidirectional LSTM, an LSTM decoder, BIES tags of relation and role.

    ``relation_weight`` is the paper's bias: how much more a tagged token weighs in the loss than one outside. No gate
    sees the cell: the peepholes of the paper's encoder and of its decoder's output gate are left out. That output gate
    sees the tag vector of the token before, as the other gates do.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        hidden_size: int = 300,
        decoder_size: int = 600,
        tag_dim: int = 300,
        dropout: float = 0.5,
        relation_weight: float = 10.0,
        conflict: Conflict = "first",
        decoding: Decoding = "nearest",
    ) -> None:
        super().__init__()
        require_sizes(decoder_size=decoder_size, tag_dim=tag_dim)
        if relation_weight <= 0:
            raise ValueError(f"relation_weight is {relation_weight}; it must be above 0")
        relations = vocabulary.relations()
        self.relation_weight = relation_weight
        self.joint_tags = JointTags(relations, "BIES", conflict, decoding)
        self.encoder = LSTMEncoder(input_dim, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.decoder = LSTMTagDecoder(self.encoder.output_dim, decoder_size, tag_dim, self.joint_tags.size)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """``joint`` [batch, length, joint tags], logits."""
        encoded = self.dropout(self.encoder(encode(batch), batch.mask))
        return {"joint": self.decoder(encoded)}

    def loss(self, scores: HeadOutput, batch: Batch) -> Tensor:
        """The biased objective of section 3.5, averaged over sentences; only the ratio of the two weights matters."""
        return self.joint_loss(scores, batch, outside_weight=1 / self.relation_weight)
