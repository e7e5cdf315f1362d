"""HMT: hierarchical multi-task tagging (Wei et al. 2019, arXiv:1908.08672)."""

import torch
from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.sizes import require_sizes
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.entity_tags import EntityTags, EntityTypes
from relx.heads.head import Encode, Head, Scores
from relx.heads.joint_tagging import JointTaggingHead
from relx.heads.joint_tags import Conflict, Decoding, JointTags
from relx.heads.soft_tag_decoder import Feedback, PlainTagDecoder, SoftTagDecoder
from relx.heads.tagging import Positions, tagging_loss
from relx.registry import Injected, Lazy


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
        relations = vocabulary.namespace("relations", lambda example: (r.type for r in example.relations))
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

    def forward(self, batch: Batch, encode: Encode) -> Scores:
        """``joint`` [batch, length, joint tags] and ``entity`` [batch, length, entity tags], both logits."""
        inputs, scores = encode(batch), {}
        if self.entity_task is not None:
            encoded, scores["entity"] = self.entity_task(inputs, batch)
            inputs = torch.cat((inputs, encoded), dim=-1)
        _, scores["joint"] = self.joint_task(inputs, batch)
        return scores

    def loss(self, scores: Scores, batch: Batch) -> Tensor:
        """Eq. 6-7: cross entropy of both tasks, summed over tokens, averaged over sentences."""
        loss = self.joint_loss(scores, batch)
        if "entity" in scores:
            loss = loss + tagging_loss(scores["entity"], batch["entity_tags"], batch.mask)
        return loss
