"""The kind of component that encodes a sequence of vectors as a sequence of vectors."""

from torch import Tensor, nn

from relx.registry import Registrable


class Seq2SeqEncoder(nn.Module, Registrable, kind="seq2seq_encoder", injects=("input_dim",)):
    """Encodes each token in its sentence. What it gives a sentence does not depend on the batch around it."""

    output_dim: int

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] and the mask [batch, length] -> [batch, length, output_dim], zero at padding."""
        raise NotImplementedError
