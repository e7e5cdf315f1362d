"""A run with a schedule, an average, lazy rows and groups, stopped and resumed."""

from pathlib import Path

import pytest
import torch

from relx import archive
from relx.commands import main

pytestmark = pytest.mark.slow

PARTS = (
    'trainer.schedule={"type": "reduce_on_plateau", "patience": 1, "decay": 0.5, "warmup": 5}',
    'trainer.ema={"decay": 0.9}',
    'trainer.parameter_groups={"^embedder": {"lr": 0.01}, "output": {"frozen": true}}',
    "model.embedder.sparse=true",
)


def weights(folder: str) -> dict[str, torch.Tensor]:
    return archive.load(Path(folder) / "model.tar.gz").model.state_dict()


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_it_ends_with_the_same_weights_bit_by_bit(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = [word for part in PARTS for word in ("-o", part)]
    chosen = ["--var", f'optimizer={{"type": "{optimizer}", "lr": 0.02}}', *overrides]
    command = ["train", str(tiny), "--var", f"data={tiny.parent}", *chosen, "--device", "cpu"]
    assert main([*command, "--var", "epochs=5", "-s", "whole"]) == 0
    assert main([*command, "--var", "epochs=2", "-s", "parts"]) == 0
    assert main([*command, "--var", "epochs=5", "-s", "parts", "--recover"]) == 0
    whole, parts = weights("whole"), weights("parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (Path("whole") / "epochs.jsonl").read_text().count("\n") == 5
