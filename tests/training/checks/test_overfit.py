import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny as sample
import torch
from torch import Tensor

from relx.commands import main
from relx.data.batch import Batch
from relx.data.example import Example
from relx.errors import ConfigError, TrainingError
from relx.heads.head import Encode, Head, HeadOutput
from relx.heads.hmt import HMT
from relx.heads.rin import RIN
from relx.heads.schemes.tags import tagging_loss
from relx.limits import SUMMED, Limit, Outcome
from relx.training.checks import dry_run as module
from relx.training.checks.dry_run import overfit
from relx.training.distributed import Distributed


def outcome(tiny: Path, *overrides: str, count: int = 4, **variables: Any) -> str:
    made, _ = sample.experiment(tiny, *overrides, **variables)
    return overfit(made, count, Distributed("cpu"))


def failure(tiny: Path, *overrides: str, **settings: Any) -> list[str]:
    with pytest.raises(TrainingError) as caught:
        outcome(tiny, *overrides, **settings)
    return str(caught.value).splitlines()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STEPS", 50)


def test_a_model_that_learns_says_so_and_leaves_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(tiny), "--var", f"data={tiny.parent}", "--overfit", "4"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("learned by heart: 4 sentences, ")
    assert "triples P 100.0 R 100.0 F1 100.0, entities P 100.0 R 100.0 F1 100.0 (exact_span)\n" in said
    assert list(tmp_path.iterdir()) == []


def test_sentences_with_relations_come_first_and_are_spread(tiny: Path) -> None:
    examples = [Example([str(number)]) for number in range(10)]
    for number in (1, 4, 5, 8):
        examples[number].relations = ["relation"]  # type: ignore[list-item]
    assert [example.tokens[0] for example in module._chosen(examples, 2)] == ["1", "5"]
    assert [example.tokens[0] for example in module._chosen(examples, 6)] == ["1", "4", "5", "8", "0", "2"]
    assert len(module._chosen(examples, 99)) == 10


@pytest.mark.usefixtures("quick")
class TestNotLearnt:
    def test_a_rate_that_moves_nothing_leaves_every_score(self, tiny: Path) -> None:
        first, *reasons = failure(tiny, optimizer={"type": "sgd", "lr": 1e-9})
        assert first.startswith("not learned by heart: 4 sentences, 50 steps: loss ") and "triples P 0.0" in first
        assert "  the score 'joint' is not learned: its gradient is 100% of its first value" in reasons
        assert "  the score 'entity' is not learned: its gradient is 100% of its first value" in reasons
        assert reasons[-1] == "  if these are all, try another trainer.optimizer.lr (relx find-lr) or less dropout"

    def test_the_score_that_stays_behind_is_named_and_the_weights_without_gradient(
        self, tiny: Path, registry: None
    ) -> None:
        @Head.register("half")
        class Half(HMT):
            def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
                scores = super().forward(batch, encode)
                return {**scores, "joint": scores["joint"].detach()}

        reasons = failure(tiny, "model.head.type=half")[1:]
        assert any("weights get no gradient: head.joint_task.encoder." in reason for reason in reasons)
        assert any(reason.startswith("  the score 'joint' is not learned") for reason in reasons)
        assert not any("'entity'" in reason for reason in reasons)

    def test_a_score_that_the_loss_leaves_out_is_named(self, tiny: Path, registry: None) -> None:
        @Head.register("forgetful")
        class Forgetful(HMT):
            def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
                return tagging_loss(output["joint"], batch["joint_tags"], batch.mask)

        reasons = failure(tiny, "model.head.type=forgetful", optimizer={"type": "sgd", "lr": 1e-9})[1:]
        assert "  the loss does not depend on the score 'entity'" in reasons
        assert any("weights get no gradient: head.entity_task.decoder." in reason for reason in reasons)

    def test_frozen_weights_are_counted(self, tiny: Path) -> None:
        reasons = failure(tiny, "model.embedder.trainable=false", optimizer={"type": "sgd", "lr": 1e-9})[1:]
        assert "  1 weights are frozen (trainable, parameter_groups)" in reasons


def test_a_head_that_learns_and_decodes_wrongly_is_told_apart(tiny: Path, registry: None) -> None:
    @Head.register("mute")
    class Mute(HMT):
        def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
            said = super().decode(output, batch)
            sure = torch.isin(output["joint"], torch.tensor([0.0, 50.0])).all()  # as the oracle is, and no model
            return said if sure else [example.unlabeled() for example in said]

    first, *reasons = failure(tiny, "model.head.type=mute")
    assert "triples P 0.0" in first
    assert reasons == ["  the loss is near zero, and yet the predictions are not right: look at the head's decode"]


def test_the_ceiling_of_the_scheme_is_enough(tiny: Path, tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        line = (tiny.parent / "train.jsonl").read_text().splitlines()[0]
        both = line.replace('"relations": [', '"relations": [{"head": 1, "type": "birthplace_of", "tail": 0}, ')
        (tmp_path / f"{split}.jsonl").write_text(f"{both}\n")
    said = outcome(tiny, data=str(tmp_path), count=1)
    assert said.startswith("learned by heart: ") and "; the scheme's ceiling is P 100.0 R 50.0 F1 66.7" in said


@pytest.mark.usefixtures("quick")
def test_a_limit_of_the_head_is_named_and_nothing_above_it_is_asked_for(tiny: Path, tmp_path: Path) -> None:
    line = {"tokens": ["Ann", "knows", "Bob"], "entities": [{"start": 0, "end": 1}, {"start": 2, "end": 3}]}
    line["relations"] = [{"head": head, "type": "knows", "tail": 1 - head} for head in (0, 1)]
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(line))
    rin, fast, still = 'model.head={"type": "rin"}', {"type": "adam", "lr": 0.1}, {"type": "sgd", "lr": 1e-9}
    said = outcome(tiny, rin, data=str(tmp_path), count=1, optimizer=fast)
    assert said.startswith("learned as far as the head allows: 1 sentence, ")
    assert f"ceiling is at most P 66.7 R 100.0 F1 80.0 (exact_span)\n  1 wrong triple added: {SUMMED}" in said
    assert said.endswith("predictions not judged, because a limit acts: 1 sentence")
    assert "decode" not in said
    assert failure(tiny, rin, data=str(tmp_path), count=1, optimizer=still)


def test_a_head_that_is_wrong_in_sentences_without_a_limit_is_not_excused_by_others(tiny: Path, registry: None) -> None:
    @Head.register("mute_rin")
    class MuteRIN(RIN):
        def limits(self, held: Example) -> list[Limit]:
            return [Limit("some limit", [Outcome()])] if "Bob" in held.tokens else []

        def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
            return [example.unlabeled() for example in batch.examples]

        def oracle(self, batch: Batch) -> list[Example]:
            return [replace(example) for example in batch.examples]

    reasons = failure(tiny, 'model.head={"type": "mute_rin"}', count=12)
    assert any("sentences with a limit of unknown cost: some limit" in reason for reason in reasons)
    assert "look at the head's decode" in reasons[-1]


@pytest.mark.usefixtures("quick")
def test_a_loss_that_is_infinite_without_dropout_is_not_learned(tiny: Path, registry: None) -> None:
    @Head.register("infinite")
    class Infinite(HMT):
        def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
            return super().loss(output, batch) + (0 if self.training else torch.inf)

    reasons = failure(tiny, "model.head.type=infinite")
    assert reasons[-1] == "  the loss without dropout is inf: look at forward and loss after model.eval()"


@pytest.mark.usefixtures("quick")
def test_a_loss_that_is_not_near_zero_is_not_said_to_be(tiny: Path, registry: None) -> None:
    @Head.register("constant")
    class Constant(HMT):
        def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
            return super().loss(output, batch) + 3

        def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
            return [example.unlabeled() for example in batch.examples]

        def oracle(self, batch: Batch) -> list[Example]:
            return [replace(example) for example in batch.examples]

    last = failure(tiny, "model.head.type=constant")[-1]
    assert re.fullmatch(
        "  the loss fell to \\d+% of its first value, and yet the predictions are not right: .*decode", last
    )


def test_a_loss_that_is_not_finite_is_the_error_of_a_run(tiny: Path, registry: None) -> None:
    @Head.register("broken")
    class Broken(HMT):
        def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
            return super().loss(output, batch) * (torch.nan if self.training else 1)

    assert failure(tiny, "model.head.type=broken")[0].startswith("the loss is nan on a batch of 4 sentences")


def test_at_least_one_sentence_is_asked_for(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="--overfit 0: at least one sentence"):
        outcome(tiny, count=0)
