"""The kind of component that encodes a sequence of vectors as a sequence of vectors."""

from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.encoders.seq2seq.task_features import TaskFeatures
from relx.registry import Registrable


class Seq2SeqEncoder(nn.Module, Registrable, kind="seq2seq_encoder", injects=("input_dim",)):
    """Encodes each token in its sentence. What it gives a sentence does not depend on the batch around it.

    Most encoders write ``forward`` only. One that reads more of a sentence than its vectors, such as a dependency tree,
    writes ``index`` and ``encode`` instead; one whose features are meant for different tasks names them in
    ``task_features``.
    """

    output_dim: int

    @property
    def task_features(self) -> TaskFeatures:
        """What each task reads of the output."""
        return TaskFeatures(self.output_dim)

    def index(self, example: Example) -> Arrays:
        """What has to be known of a sentence besides its vectors, by names that are this encoder's own."""
        return {}

    def encode(self, inputs: Tensor, batch: Batch) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim], zero at padding."""
        return self(inputs, batch.mask)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[batch, length, input_dim] and the mask [batch, length] -> [batch, length, output_dim], zero at padding."""
        raise NotImplementedError
