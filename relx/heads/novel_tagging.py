"""NovelTagging, LSTM-LSTM-Bias: joint extraction as one tag for each token (Zheng et al. 2017)."""

import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.heads.head import Encode, Head, HeadOutput
from relx.heads.schemes.joint_tags import Conflict, Decoding, JointTaggingHead, JointTags
from relx.heads.schemes.tags import tagging_loss
from relx.kernels.lstm import fused_lstm
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes


class LSTMTagDecoder(nn.Module):
    """Decode tags with an LSTM that reads the encoded token and the tag vector T of the token before (section 3.3).

    [batch, length, input_dim] -> tag logits [batch, length, tags]. ``reference`` is the forward pass of the paper
    except for one gate, and ``forward`` computes the same with one fused LSTM. In the paper the output gate reads the
    cell of the same token in place of T; no fused kernel has such a peephole.
    """

    def __init__(self, input_dim: int, hidden_size: int, tag_dim: int, tags: int) -> None:
        super().__init__()
        self.gates_from_encoded = nn.Linear(input_dim, 4 * hidden_size)
        self.gates_from_state = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.gates_from_tag = nn.Linear(tag_dim, 4 * hidden_size, bias=False)
        self.tag_from_state = nn.Linear(hidden_size, tag_dim)
        self.output = nn.Linear(tag_dim, tags)

    def reference(self, h: Tensor) -> Tensor:
        """Compute the decoding layer token by token; T_0 = s_0 = c_0 = 0. The paper names the state h^(2), here s."""
        s = c = h.new_zeros(len(h), self.gates_from_state.in_features)  # [batch, hidden_size]
        T = h.new_zeros(len(h), self.output.in_features)  # [batch, tag_dim]
        logits = []
        for h_t in h.unbind(dim=1):  # [batch, input_dim]
            sums = self.gates_from_encoded(h_t) + self.gates_from_state(s) + self.gates_from_tag(T)
            i, f, z, o = sums.chunk(4, dim=-1)  # [batch, hidden_size] each
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
            s = torch.sigmoid(o) * torch.tanh(c)
            T = self.tag_from_state(s)  # W_ts s + b_ts
            logits.append(self.output(T))  # W_y T + b_y, [batch, tags]
        return torch.stack(logits, dim=1)

    def forward(self, h: Tensor) -> Tensor:
        """Compute what ``reference`` says with one fused LSTM: T is linear in s, so it changes the LSTM's weights."""
        to_gates, tag = self.gates_from_tag.weight, self.tag_from_state
        # The bias of T reaches every token but the first, which has no T before it: one more input tells them apart.
        has_before = torch.ones_like(h[:, :, :1])
        has_before[:, 0] = 0
        inputs = torch.cat((h, has_before), dim=2)
        from_input = torch.cat((self.gates_from_encoded.weight, (to_gates @ tag.bias).unsqueeze(1)), dim=1)
        from_state = self.gates_from_state.weight + to_gates @ tag.weight
        return self.output(tag(fused_lstm(inputs, from_input, from_state, self.gates_from_encoded.bias)))


@Head.register("novel_tagging")
class NovelTagging(JointTaggingHead):
    """Tag relations and roles with a bidirectional LSTM, an LSTM decoder and BIES tags (LSTM-LSTM-Bias).

    No gate reads the cell: the peepholes of the paper's encoder and of its decoder's output gate are left out
    (docs/systems/hmt.md). No public implementation was compared.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the relation types.
        hidden_size: Size of each direction of the encoder LSTM.
        decoder_size: Size of the decoder LSTM.
        tag_dim: Size of the tag vector T.
        dropout: Dropout on the encoded tokens.
        relation_weight: Weight in the loss of a tagged token over one outside, the bias alpha of the paper.
        conflict: What to do with a relation whose tokens already have other tags: leave it out (``first``), replace the
            older tags (``overwrite``), or do not learn from the sentence (``drop_sentence``).
        decoding: Which mentions of one relation type to pair: the nearest, or all.
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
        require_sizes(hidden_size=hidden_size, decoder_size=decoder_size, tag_dim=tag_dim)
        if relation_weight <= 0:
            raise ValueError(f"relation_weight is {relation_weight}; it must be above 0")
        super().__init__(JointTags(vocabulary.relations(), "BIES", conflict, decoding))
        self.relation_weight = relation_weight
        self.encoder = Seq2SeqEncoder.named("lstm", hidden_size=hidden_size).build(input_dim=input_dim)
        self.dropout = nn.Dropout(dropout)
        self.decoder = LSTMTagDecoder(self.encoder.output_dim, decoder_size, tag_dim, self.joint_tags.size)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Compute the logits ``joint`` [batch, length, joint tags]."""
        encoded = self.dropout(self.encoder.encode(encode(batch), batch))
        return {"joint": self.decoder(encoded)}

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Compute the biased objective of section 3.5, averaged over sentences; only the weights' ratio matters."""
        kept = batch.mask & batch["joint_kept"].unsqueeze(1)  # [batch, length]
        return tagging_loss(output["joint"], batch["joint_tags"], kept, outside_weight=1 / self.relation_weight)
