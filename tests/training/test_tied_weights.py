"""A model in which one tensor is the weight of two layers."""

import io
import tarfile
from pathlib import Path

import pytest
import tiny as sample
import torch
from safetensors.torch import load
from torch import Tensor, nn

from relx import archive
from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.registry import Injected
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.run import train
from relx.utils.tied_weights import aliases, copies

TIED = 'model.encoder={"type": "tied"}'


class Tied(Seq2SeqEncoder):
    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = input_dim
        self.one, self.other = nn.Linear(input_dim, input_dim), nn.Linear(input_dim, input_dim)
        self.other.weight = self.one.weight

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return (inputs + self.other(self.one(inputs).tanh())) * mask.unsqueeze(-1)


@pytest.mark.parametrize("ema", ["null", '{"decay": 0.5}'])
def test_it_is_kept_once_and_tied_again_in_a_resumed_run_and_in_an_archive(
    tiny: Path, tmp_path: Path, registry: None, ema: str
) -> None:
    Seq2SeqEncoder.register("tied")(Tied)
    overrides = (TIED, f"trainer.ema={ema}")
    sample.train(tiny, tmp_path / "whole", *overrides, epochs=2)
    sample.train(tiny, tmp_path / "parts", *overrides, epochs=1)
    made, full = sample.experiment(tiny, *overrides, epochs=2)
    train(made, RunFolder.resume(tmp_path / "parts", full), full, recover=True)
    whole, parts = (archive.load(tmp_path / name / "model.tar.gz").model for name in ("whole", "parts"))
    assert whole.encoder.other.weight is whole.encoder.one.weight
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, parts.state_dict()[name])
    with tarfile.open(tmp_path / "whole" / "model.tar.gz") as tar:
        weights = load(io.BytesIO(tar.extractfile("weights.safetensors").read()).getvalue())  # type: ignore[union-attr]
    assert "encoder.one.weight" in weights and "encoder.other.weight" not in weights


def test_names_of_one_tensor_are_told_from_equal_tensors_and_from_parts() -> None:
    table = torch.ones(4, 2)
    tensors = {"a": table, "b": torch.ones(4, 2), "c": table.detach(), "part": table[:2], "turned": table.T}
    assert aliases(tensors) == {"c": "a"}
    copied = copies(tensors)
    assert aliases(copied) == {"c": "a"}
    table.zero_()
    assert all(copy.all() for copy in copied.values())
