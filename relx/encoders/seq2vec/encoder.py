"""The kind of component that encodes a sequence of vectors as one vector."""

from torch import Tensor, nn

from relx.registry import Registrable


class Seq2VecEncoder(nn.Module, Registrable, kind="seq2vec_encoder", injects=("input_dim",)):
    """Encode a sequence as one vector, whatever padding follows it; an empty sequence gives zeros."""

    output_dim: int

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] and the mask [batch, length] -> [batch, output_dim]."""
        raise NotImplementedError
