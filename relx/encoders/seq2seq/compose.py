"""Encoders in sequence."""

from torch import Tensor, nn

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder, TaskFeatures
from relx.registry import Injected, Lazy


@Seq2SeqEncoder.register("compose")
class ComposeEncoder(Seq2SeqEncoder):
    """Apply encoders one after the other: [batch, length, input_dim] -> [batch, length, size of the last].

    The features of each task are those of the last encoder.

    Args:
        input_dim: Size of the vectors that the first encoder reads.
        encoders: The encoders, at least one. Each reads the output of the one before it.
    """

    def __init__(self, input_dim: Injected[int], encoders: list[Lazy[Seq2SeqEncoder]]) -> None:
        super().__init__()
        if not encoders:
            raise ValueError("encoders is empty; name at least one encoder")
        self.output_dim = input_dim
        self.encoders = nn.ModuleList()
        for encoder in encoders:
            built = encoder.build(input_dim=self.output_dim)
            self.encoders.append(built)
            self.output_dim = built.output_dim

    @property
    def task_features(self) -> TaskFeatures:
        """Those of the last encoder."""
        return self.encoders[-1].task_features  # type: ignore

    def index(self, example: Example) -> Arrays:
        """Return the arrays of every encoder."""
        return {name: array for encoder in self.encoders for name, array in encoder.index(example).items()}  # type: ignore

    def encode(self, inputs: Tensor, batch: Batch) -> Tensor:
        """[batch, length, input_dim] -> [batch, length, output_dim]."""
        for encoder in self.encoders:
            inputs = encoder.encode(inputs, batch)  # type: ignore
        return inputs
