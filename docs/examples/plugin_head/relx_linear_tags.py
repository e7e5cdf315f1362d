"""A head from outside relx: one linear layer that gives each token a joint tag."""

from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.vocabulary import Vocabulary
from relx.heads.head import Encode, Head, HeadOutput
from relx.heads.schemes.joint_tags import JointTaggingHead, JointTags
from relx.heads.schemes.tags import tagging_loss
from relx.registry import Injected


@Head.register("linear_tags")
class LinearTags(JointTaggingHead):
    """Tag relations and roles with a softmax over each encoded token.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the relation types.
        dropout: Dropout on the encoded tokens.
    """

    def __init__(self, input_dim: Injected[int], vocabulary: Injected[Vocabulary], dropout: float = 0.0) -> None:
        super().__init__(JointTags(vocabulary.relations(), "BIES", "first", "nearest"))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(input_dim, self.joint_tags.size)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        return {"joint": self.output(self.dropout(encode(batch)))}  # [batch, length, joint tags]

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        kept = batch.mask & batch["joint_kept"].unsqueeze(1)  # [batch, length]
        return tagging_loss(output["joint"], batch["joint_tags"], kept)
