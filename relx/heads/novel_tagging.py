"""NovelTagging: joint extraction as one tagging problem (Zheng et al. 2017, arXiv:1706.05075)."""

from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.sizes import require_sizes
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.head import Encode, Head, Scores
from relx.heads.joint_tagging import JointTaggingHead
from relx.heads.joint_tags import Conflict, Decoding, JointTags
from relx.heads.soft_tag_decoder import LSTMTagDecoder
from relx.registry import Injected


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
        relations = vocabulary.namespace("relations", lambda example: (r.type for r in example.relations))
        self.relation_weight = relation_weight
        self.joint_tags = JointTags(relations, "BIES", conflict, decoding)
        self.encoder = LSTMEncoder(input_dim, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.decoder = LSTMTagDecoder(self.encoder.output_dim, decoder_size, tag_dim, self.joint_tags.size)

    def forward(self, batch: Batch, encode: Encode) -> Scores:
        """``joint`` [batch, length, joint tags], logits."""
        encoded = self.dropout(self.encoder(encode(batch), batch.mask))
        return {"joint": self.decoder(encoded)}

    def loss(self, scores: Scores, batch: Batch) -> Tensor:
        """The biased objective of section 3.5, averaged over sentences; only the ratio of the two weights matters."""
        return self.joint_loss(scores, batch, outside_weight=1 / self.relation_weight)
