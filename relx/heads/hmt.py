"""HMT, a hierarchical multi-task model of entity tags and joint tags of relations (Wei et al. 2019)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.heads.head import Encode, Head, HeadOutput
from relx.heads.schemes.joint_tags import Conflict, Decoding, JointTaggingHead, JointTags
from relx.heads.schemes.tags import EntityTags, Positions, tagging_loss
from relx.kernels.lstm import fused_lstm
from relx.registry import Injected, Lazy
from relx.utils.argument_checks import require_effect, require_sizes

Feedback = Literal["soft", "argmax", "none"]


class TagDecoder(nn.Module):
    """Decode tags with an LSTM that reads the tag vector T of the token before (Eq. 2-4).

    [batch, length, input_dim] -> tag logits [batch, length, tags]. ``reference`` is the paper's forward pass, and
    ``forward`` computes the same with one fused LSTM. ``feedback`` is what the gates read of the token before: its tag
    vector T (``soft``), or an embedding of its best tag (``argmax``). With ``none`` they read the encoded token
    instead, which is the "traditional decoder" of section 3.2.2.
    """

    def __init__(self, input_dim: int, hidden_size: int, tag_dim: int, tags: int, feedback: Feedback = "soft") -> None:
        super().__init__()
        self.feedback = feedback
        self.gates_from_input = nn.Linear(input_dim if feedback == "none" else tag_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.tag_from_encoded = nn.Linear(input_dim, tag_dim)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim, bias=False)
        self.output = nn.Linear(tag_dim, tags)
        self.tag_embedding = nn.Embedding(tags, tag_dim) if feedback == "argmax" else None

    def reference(self, h_en: Tensor) -> Tensor:
        """Compute Eq. 2-4 token by token; T_0 = h_0 = c_0 = 0."""
        h = c = h_en.new_zeros(len(h_en), self.gates_from_state.in_features)  # [batch, hidden_size]
        T = h_en.new_zeros(len(h_en), self.output.in_features)  # [batch, tag_dim]
        logits = []
        W_en = self.tag_from_encoded(h_en)  # [batch, length, tag_dim], the part of Eq. 3 without h_t
        for h_en_t, W_en_t in zip(h_en.unbind(dim=1), W_en.unbind(dim=1), strict=True):
            x = h_en_t if self.feedback == "none" else T  # T_{t-1}
            i, f, z, o = (self.gates_from_input(x) + self.gates_from_state(h)).chunk(4, dim=-1)  # [batch, hidden_size]
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)  # Eq. 2
            h = torch.sigmoid(o) * torch.tanh(c)
            T = W_en_t + self.tag_from_state(h)  # Eq. 3: W_T [h_en; h] + b_T
            y = self.output(T)  # Eq. 4: W_y T + b_y, [batch, tags]
            logits.append(y)
            if self.tag_embedding is not None:
                T = self.tag_embedding(y.argmax(dim=-1))
        return torch.stack(logits, dim=1)

    def forward(self, h_en: Tensor) -> Tensor:
        """Compute what ``reference`` says with one fused LSTM. The feedback of a best tag has no such form."""
        if self.feedback == "argmax":
            return self.reference(h_en)
        W_en, to_gates, from_state = self.tag_from_encoded(h_en), self.gates_from_input, self.gates_from_state.weight
        inputs = h_en
        if self.feedback == "soft":
            # T is linear in h, so its part W_h h_{t-1} only changes the weights of the LSTM. Its other part is the
            # input of the LSTM, one token late. A dropout or a nonlinearity on T would break this.
            from_state = from_state + to_gates.weight @ self.tag_from_state.weight
            inputs = F.pad(W_en[:, :-1], (0, 0, 1, 0))
        h = fused_lstm(inputs, to_gates.weight, from_state, to_gates.bias)  # [batch, length, hidden_size]
        return self.output(W_en + self.tag_from_state(h))


class TaggingModule(nn.Module):
    """Tag the tokens for one task: an encoder and the decoder over it (Figure 3)."""

    def __init__(
        self, encoder: Seq2SeqEncoder, hidden_size: int, tag_dim: int, tags: int, dropout: float, feedback: Feedback
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.decoder = TagDecoder(encoder.output_dim, hidden_size, tag_dim, tags, feedback)

    def forward(self, inputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """[batch, length, input_dim] -> the encoded tokens [batch, length, d] and tag logits [batch, length, tags]."""
        encoded = self.dropout(self.encoder.encode(inputs, batch))
        return encoded, self.decoder(encoded)


@Head.register("hmt")
class HMT(JointTaggingHead):
    """Tag entities in a lower layer and relations, by joint tags, in an upper layer that reads both (HMT).

    The upper encoder reads [input; lower encoding]. The default encoder leaves out the peepholes of Eq. 1, which the
    encoder ``peephole_lstm`` has. No public implementation exists; docs/systems/hmt.md lists the deviations.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the relation types and the entity types.
        hidden_size: Size of every LSTM.
        tag_dim: Size of the tag vector T.
        dropout: Dropout on the encoded tokens of each task.
        entity_task: Whether entities are tagged too. False is the ablation of Table 3.
        signatures: Entity types of the arguments of each relation, [head type, tail type], for corpora without entity
            types.
        encoder: Encoder of each of the two tasks, by default a bidirectional ``lstm``.
        feedback: What the gates of the decoder read of the token before: its tag vector (``soft``), an embedding of its
            best tag (``argmax``), or nothing (``none``: they read the encoded token).
        entity_scheme: Positions of the entity tags.
        joint_scheme: Positions of the joint tags.
        conflict: What to do with a relation whose tokens already have other tags: leave it out (``first``), replace the
            older tags (``overwrite``), or do not learn from the sentence (``drop_sentence``).
        decoding: Which mentions of one relation type to pair: the nearest, or all.
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
        require_sizes(hidden_size=hidden_size, tag_dim=tag_dim)
        require_effect(HMT, {"entity_task=false": {} if entity_task else {"entity_scheme": entity_scheme}})
        joint_tags = JointTags(vocabulary.relations(), joint_scheme, conflict, decoding)
        entity_tags = EntityTags(EntityTypes(vocabulary, signatures), entity_scheme) if entity_task else None
        super().__init__(joint_tags, entity_tags)
        encoder = encoder or Seq2SeqEncoder.named("lstm", hidden_size=hidden_size)
        self.entity_task = None
        if entity_tags is not None:
            lower = encoder.build(input_dim=input_dim)
            self.entity_task = TaggingModule(lower, hidden_size, tag_dim, entity_tags.scheme.size, dropout, feedback)
            input_dim += lower.output_dim
        upper = encoder.build(input_dim=input_dim)
        self.joint_task = TaggingModule(upper, hidden_size, tag_dim, joint_tags.size, dropout, feedback)

    def index(self, example: Example) -> Arrays:
        """Write what the encoders of the tasks need to know."""
        return self.joint_task.encoder.index(example)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute the logits ``joint`` [batch, length, joint tags] and ``entity`` [batch, length, entity tags]."""
        inputs, output = encode(batch), {}
        if self.entity_task is not None:
            encoded, output["entity"] = self.entity_task(inputs, batch)
            inputs = torch.cat((inputs, encoded), dim=-1)
        _, output["joint"] = self.joint_task(inputs, batch)
        return output

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Add the cross entropies of both tasks (Eq. 6-7), summed over tokens, averaged over sentences."""
        kept = batch.mask & batch["joint_kept"].unsqueeze(1)  # [batch, length]
        loss = tagging_loss(output["joint"], batch["joint_tags"], kept)
        if self.entity_tags is not None:
            loss = loss + tagging_loss(output["entity"], batch["entity_tags"], batch.mask)
        return loss
