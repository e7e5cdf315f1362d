import argparse
import gzip
import json
import logging
import math
import os
import re
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, get_args

import pytest
import tiny as sample
import torch
from torch import Tensor

from relx import archive, config
from relx.commands import train as train_command
from relx.data.batch import Batch
from relx.data.example import Example
from relx.errors import ConfigError, DataError, RelxError, TrainingError
from relx.heads.head import Head, HeadOutput
from relx.heads.hmt import HMT
from relx.predictors import Predictor
from relx.scoring import METRICS, PROTOCOLS
from relx.training import run
from relx.training.callbacks.default import EpochLines
from relx.training.checkpointing.checkpoints import Checkpoints
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.checks.dry_run import overfit
from relx.training.distributed import Distributed
from relx.training.experiment import Experiment, ProtocolName
from relx.training.preparation import read_data
from relx.training.run import train

ROOT = Path(__file__).resolve().parents[2]


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def epochs(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return archive.load(folder / "model.tar.gz").model.state_dict()


def contents(folder: Path) -> dict[Path, bytes]:
    """Of every file."""
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def best_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Those that the newest checkpoint holds."""
    newest = Checkpoints(folder / "checkpoints", keep=1).newest()
    assert newest is not None
    weights: dict[str, torch.Tensor] = newest["train_step"]["best"]
    return weights


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


class TestLearning:
    def test_a_small_corpus_is_learned_by_heart(self, trained: Path) -> None:
        losses = [epoch["loss"] for epoch in epochs(trained)]
        assert losses[-1] < 0.05 * losses[0]
        assert read(trained / "metrics.json")["test"]["exact_span"]["triples"]["f1"] == 1

    def test_the_baseline_learns_it_too(self, tiny: Path, tmp_path: Path) -> None:
        sample.train(tiny, tmp_path / "run", head="novel_tagging", epochs=30)
        assert read(tmp_path / "run" / "metrics.json")["test"]["exact_span"]["triples"]["f1"] > 0.9

    def test_the_weights_of_the_best_epoch_are_archived(self, trained: Path) -> None:
        metrics, reports = read(trained / "metrics.json"), epochs(trained)
        best = max(range(12), key=lambda i: (reports[i]["metrics"]["triple_f1"], -i))
        assert reports[best]["metrics"]["triple_f1"] > 0
        assert metrics["best_epoch"] == best + 1 < 12
        assert [report["epoch"] for report in reports if report["improved"]][-1] == best + 1
        assert equal(best_weights(trained), weights(trained))

    def test_without_validation_the_last_weights_are(self, tiny: Path, tmp_path: Path) -> None:
        overrides = sample.WITHOUT_VALIDATION
        one, two = tmp_path / "one", tmp_path / "two"
        assert sample.train(tiny, one, *overrides, epochs=1).best_epoch == 1
        assert sample.train(tiny, two, *overrides, epochs=2).best_epoch == 2
        assert not equal(weights(one), weights(two))
        assert epochs(two)[1]["metrics"] == {}
        assert read(two / "metrics.json").keys() & {"validation", "test"} == set()
        assert not (two / "report.html").exists()

    def test_patience_needs_something_to_watch(self, tiny: Path) -> None:
        with pytest.raises(ConfigError, match="trainer.patience needs a validation_data_path to watch"):
            sample.experiment(tiny, *sample.WITHOUT_VALIDATION, patience=2)

    def test_patience_ends_the_run(self, tiny: Path, tmp_path: Path) -> None:
        state = sample.train(tiny, tmp_path / "run", epochs=40, patience=2)
        assert state.epoch == state.best_epoch + 2 < 40
        assert state.best_metrics["triple_f1"] > 0


class TestSeeds:
    def test_the_same_seed_gives_the_same_run_and_another_another(self, tiny: Path, tmp_path: Path) -> None:
        one, same, other = (tmp_path / name for name in ("one", "same", "other"))
        for folder, seed in ((one, 1), (same, 1), (other, 2)):
            torch.rand(7)  # what went before in the process has no say
            sample.train(tiny, folder, seed=seed)
        assert equal(weights(one), weights(same)) and not equal(weights(one), weights(other))
        timed = ("seconds", "sentences_per_second")
        histories = [[{k: e[k] for k in e if k not in timed} for e in epochs(folder)] for folder in (one, same, other)]
        assert histories[0] == histories[1] != histories[2]
        scores = [read(folder / "metrics.json") | {"seconds": 0} for folder in (one, same)]
        assert scores[0] == scores[1]

    @pytest.mark.parametrize("seed", [-1, 2**32])
    def test_a_seed_that_no_library_takes(self, tiny: Path, seed: int) -> None:
        with pytest.raises(ConfigError, match="it must be from 0 to"):
            sample.experiment(tiny, seed=seed)

    @pytest.mark.parametrize("protocols", ["[]", '["exact_span", "exact_span"]'])
    def test_protocols_that_are_none_or_twice_the_same(self, tiny: Path, protocols: str) -> None:
        with pytest.raises(ConfigError, match="name at least one, and each once"):
            sample.experiment(tiny, f"protocols={protocols}")


class TestRecords:
    def test_the_configuration_is_whole_and_runs_again(self, trained: Path, tiny: Path) -> None:
        full = read(trained / "config.json")
        assert full["trainer"]["grad_norm"] == 5.0 and full["trainer"]["epochs"] == 12
        config.require_valid(full, sample.ROOT, "config.json")
        assert config.fill(full, sample.ROOT) == full
        assert isinstance(config.build(full, sample.ROOT), Experiment)

    def test_metrics_name_the_protocol_of_every_number(self, trained: Path) -> None:
        metrics = read(trained / "metrics.json")
        assert (metrics["epochs"], metrics["interrupted"]) == (12, False)
        assert metrics["facts"]["entity_types"] == "data"
        for split in ("validation", "test"):
            assert list(metrics[split]) == ["exact_span", "last_word"]
            for name, report in metrics[split].items():
                assert (report["protocol"], report["entity_protocol"]) == (name, "entity strict")
                assert (report["triples"]["gold"], report["unseen"]["gold"]) == (24, 0)
        for split in ("train", "validation"):
            ceiling = metrics["oracle"][split]
            assert (ceiling["protocol"], ceiling["f1"], ceiling["losses"]) == ("exact_span", 1.0, {})

    def test_the_run_has_a_page_of_the_test_set(self, trained: Path, tiny: Path) -> None:
        assert f"<h1>Evaluation of {tiny.parent / 'test.jsonl'}</h1>" in (trained / "report.html").read_text()

    def test_each_epoch_is_a_line(self, trained: Path) -> None:
        reports = epochs(trained)
        assert [report["epoch"] for report in reports] == list(range(1, 13))
        assert all(report["protocol"] == "exact_span" for report in reports)
        assert all(tuple(report["metrics"]) == METRICS for report in reports)

    def test_the_log_says_what_happens(self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="relx")
        sample.train(tiny, tmp_path / "run", epochs=1)
        log = "\n".join(caplog.messages)
        assert f"{tiny.parent}/train.jsonl: 36 sentences, 24 triples" in log
        assert "oracle check on train: the scheme's ceiling is P 100.0 R 100.0 F1 100.0 (exact_span)" in log
        assert "weights to train; padding is" in log
        assert "\nepoch 1/1  loss " in log
        assert "\ntest: triples P 0.0 R 0.0 F1 0.0 (last_word)" in log
        assert "\ntest: entities P " in log


class TestData:
    def test_texts_are_split_by_the_experiments_tokenizer(self, tiny: Path) -> None:
        made, full = sample.experiment(tiny, 'tokenizer={"type": "whitespace", "split_punctuation": false}')
        assert made.files["train"][0].tokenizer.split_punctuation is False
        assert full["dataset_reader"] == {"type": "jsonl", "window": None}
        assert sample.experiment(tiny)[0].files["train"][0].tokenizer.split_punctuation is True

    def test_the_training_data_alone_are_split_at_mentions(
        self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        record = json.dumps({"text": "Paris-Berlin line", "entities": [{"characters": [0, 5]}]})
        data = self.data(tiny, tmp_path, train=record, dev=record, test=record)
        tokenizer = 'tokenizer={"type": "whitespace", "split_at_mentions": true}'
        read = read_data(sample.experiment(tiny, tokenizer, data=data)[0])
        assert [example.tokens for example in read["train"]] == [["Paris", "-Berlin", "line"]]
        assert all([e.tokens for e in read[split]] == [["Paris-Berlin", "line"]] for split in ("validation", "test"))
        warned = [message.splitlines()[0] for message in caplog.messages if "gold that tokens cannot hold" in message]
        assert [message.split(":")[0] for message in warned] == [f"{data}/dev.jsonl", f"{data}/test.jsonl"]

    def test_the_faults_of_all_splits_are_reported(self, tiny: Path, tmp_path: Path) -> None:
        data = self.data(tiny, tmp_path, train='{"tokens": 3}', dev='{"tokens": 4}\n{"tokens": 5}')
        with pytest.raises(DataError) as error:
            sample.train(tiny, tmp_path / "run", data=data)
        assert [fault.split(": ")[0] for fault in error.value.faults] == [
            f"{data}/train.jsonl:1", f"{data}/dev.jsonl:1", f"{data}/dev.jsonl:2",
        ]  # fmt: skip

    def test_nothing_is_reported_as_0(self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        lost = {"tokens": ["a"], "entities": [{"text": "Rome"}], "relations": [{"head": 0, "type": "is", "tail": 0}]}
        lines = (tiny.parent / "dev.jsonl").read_text() + json.dumps(lost)
        read_data(sample.experiment(tiny, data=self.data(tiny, tmp_path, dev=lines))[0])
        assert f"{tmp_path}/dev.jsonl: 1 triples not located" in caplog.messages
        assert "without tokens" not in caplog.text

    def data(self, tiny: Path, tmp_path: Path, **files: str | bytes) -> str:
        """A folder with the corpus, some of its files replaced."""
        for split in ("train", "dev", "test"):
            content = files.get(split, (tiny.parent / f"{split}.jsonl").read_bytes())
            (tmp_path / f"{split}.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path)

    @pytest.mark.parametrize("split", ["train", "dev", "test"])
    def test_a_file_without_a_record(self, tiny: Path, tmp_path: Path, split: str) -> None:
        data = self.data(tiny, tmp_path, **{split: ""})
        with pytest.raises(DataError, match=f"{split}.jsonl:1: holds no record"):
            sample.train(tiny, tmp_path / "run", data=data)

    def test_nothing_to_train_on(self, tiny: Path, tmp_path: Path) -> None:
        data = self.data(tiny, tmp_path, train='{"tokens": []}\n')
        with pytest.raises(TrainingError, match="train.jsonl: holds no sentence to train on"):
            sample.train(tiny, tmp_path / "run", data=data)

    @pytest.mark.parametrize("split", ["train", "dev", "test"])
    def test_a_bad_record_has_its_line_before_anything_is_trained(self, tiny: Path, tmp_path: Path, split: str) -> None:
        data = self.data(tiny, tmp_path, **{split: '{"tokens": ["a"]}\n{"tokens": 3}\n'})
        with pytest.raises(DataError, match=rf"{split}.jsonl:2: tokens: expected a list, got 3"):
            sample.train(tiny, tmp_path / "run", data=data)
        assert os.listdir(tmp_path / "run") == []

    def test_an_earlier_run_survives_bad_data(self, tiny: Path, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        sample.train(tiny, folder, epochs=1)
        before = contents(folder)
        made, full = sample.experiment(tiny, data=str(tmp_path / "nowhere"))
        with pytest.raises(DataError, match="no such file"):
            train(made, RunFolder.claim(folder, force=True), full)
        assert contents(folder) == before

    def test_a_missing_vectors_file(self, tiny: Path, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="glove.txt: no such file"):
            sample.train(tiny, tmp_path / "run", vectors=str(tmp_path / "glove.txt"))

    def test_a_protocol_that_the_data_does_not_fit(self, tiny: Path, tmp_path: Path) -> None:
        untyped = (tiny.parent / "dev.jsonl").read_text().replace(', "type": "LOC"', "")
        data = self.data(tiny, tmp_path, dev=untyped)
        with pytest.raises(DataError, match="has no type to compare"):
            sample.train(tiny, tmp_path / "run", 'protocols=["strict"]', data=data)

    def test_empty_sentences_are_left_out_of_training_and_scored(
        self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="relx")
        lines = (tiny.parent / "train.jsonl").read_text() + '{"tokens": []}\n'
        data = self.data(tiny, tmp_path, train=lines, dev=lines)
        sample.train(tiny, tmp_path / "run", data=data, epochs=1)
        assert f"{tmp_path}/train.jsonl: 36 sentences, 24 triples" in caplog.messages
        assert f"{tmp_path}/dev.jsonl: 37 sentences, 24 triples" in caplog.messages

    @pytest.mark.parametrize("head", ["hmt", "novel_tagging"])
    def test_a_corpus_without_any_relation(
        self, tiny: Path, tmp_path: Path, head: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        line = '{"tokens": ["Ann", "left", "."]}\n' * 4
        data = self.data(tiny, tmp_path, train=line, dev=line, test=line)
        sample.train(tiny, tmp_path / "run", data=data, head=head)
        [example] = Predictor.load(tmp_path / "run" / "model.tar.gz")(["Ann left ."])
        assert example.relations == []
        assert caplog.messages.count(f"{tmp_path}/train.jsonl: holds no relation; none can be learned") == 1

    def test_without_relations_entities_are_judged(
        self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The patience ends the run, the best epoch is kept, and nothing is said of a score of 0."""
        caplog.set_level(logging.INFO, logger="relx")
        lines = [json.loads(line) for line in (tiny.parent / "train.jsonl").read_text().splitlines()]
        bare = "".join(json.dumps({**line, "relations": []}) + "\n" for line in lines)
        data = self.data(tiny, tmp_path, train=bare, dev=bare, test=bare)
        state = sample.train(tiny, tmp_path / "run", data=data, epochs=60, patience=2)
        found = [epoch["metrics"] for epoch in epochs(tmp_path / "run")]
        best = max(found, key=lambda metrics: metrics["entity_f1"])
        assert len(found) < 60 and state.best_epoch == found.index(best) + 1 and best["entity_f1"] > 0.9
        assert f"validation uses entity_f1: {tmp_path}/train.jsonl holds no relation" in caplog.messages
        assert not [message for message in caplog.messages if "predict nothing correctly" in message]

    @pytest.mark.parametrize("empty", ["train", "dev"])
    def test_where_one_split_has_no_relations_entities_are_judged_too(
        self, tiny: Path, tmp_path: Path, empty: str
    ) -> None:
        lines = [json.loads(line) for line in (tiny.parent / "train.jsonl").read_text().splitlines()]
        bare = "".join(json.dumps({**line, "relations": []}) + "\n" for line in lines)
        made, full = sample.experiment(tiny, data=self.data(tiny, tmp_path, **{empty: bare}), epochs=1)
        train(made, RunFolder.claim(tmp_path / "run", force=False), full)
        assert made.trainer.stopping.metric == "entity_f1"

    def test_a_head_that_finds_no_relations_is_judged_by_its_entities(
        self, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="relx")
        head = 'model.head={"type": "cascade", "joint": false}'
        made, full = sample.experiment(tiny, head, epochs=4)
        train(made, RunFolder.claim(tmp_path / "run", force=False), full)
        assert made.trainer.stopping.metric == "entity_f1"
        assert "validation uses entity_f1: the head finds no relations" in caplog.messages
        oracle = read(tmp_path / "run" / "metrics.json")["oracle"]["train"]
        assert oracle["entities"]["f1"] == 1 and "f1" not in oracle
        assert any("the head finds no relations; the scheme's ceiling of entities is" in m for m in caplog.messages)

    def test_a_head_that_loses_triples_without_a_cause_is_not_trained(
        self, tiny: Path, tmp_path: Path, registry: None
    ) -> None:
        @Head.register("turned")
        class Turned(HMT):
            def decode(self, output: HeadOutput, batch: Batch) -> list[Example]:
                said = super().decode(output, batch)
                for example in said:
                    example.relations = [r._replace(head=r.tail, tail=r.head) for r in example.relations]
                return said

        message = (
            "the head 'turned' is at fault: its oracle lacks 24 gold triples that its targets do not list as lost\n"
            "  missing: ('Ann Lee', born_in, 'Rome')\n  sentence: Ann Lee was born in Rome .\n"
        )
        for overrides in ([], ["--dry-run"], ["--overfit", "2"]):
            pattern = re.escape(message.replace("24", "2") if "2" in overrides else message)
            with pytest.raises(TrainingError, match=pattern):
                self.outcome(tiny, tmp_path / "run", *overrides)
        assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.tar.gz"))

    def outcome(self, tiny: Path, folder: Path, *arguments: str) -> None:
        args = argparse.ArgumentParser()
        train_command.add_arguments(args)
        given = [str(tiny), "--var", f"data={tiny.parent}", "-o", "model.head.type=turned", *arguments]
        train_command.run(args.parse_args([*given, *([] if arguments else ["-s", str(folder)])]))

    def test_a_loss_that_is_no_scalar_is_the_head_s_fault(self, tiny: Path, tmp_path: Path, registry: None) -> None:
        @Head.register("vector")
        class Vector(HMT):
            def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
                return super().loss(output, batch).expand(len(batch))

        message = r"the loss of the head 'vector' has the shape \[4\]; it must be a scalar"
        with pytest.raises(TrainingError, match=message):
            sample.train(tiny, tmp_path / "run", "model.head.type=vector")
        made, _ = sample.experiment(tiny, "model.head.type=vector")
        with pytest.raises(TrainingError, match=message):
            overfit(made, 4, Distributed("cpu"))

    def test_compressed_data_and_a_relation_that_only_validation_has(self, tiny: Path, tmp_path: Path) -> None:
        data = self.data(tiny, tmp_path, dev=(tiny.parent / "dev.jsonl").read_text().replace("born_in", "rules"))
        packed = tmp_path / "train.jsonl.gz"
        packed.write_bytes(gzip.compress((tmp_path / "train.jsonl").read_bytes()))
        sample.train(tiny, tmp_path / "run", f"train_data_path={packed}", data=data, epochs=1)
        oracle = read(tmp_path / "run" / "metrics.json")["oracle"]["validation"]
        assert (oracle["recall"], sum(oracle["losses"].values())) == (0.5, 12)


class TestValues:
    @pytest.mark.parametrize(
        ("override", "error", "message"),
        [
            ("trainer.optimizer.lr=-1", ConfigError, "trainer.optimizer.lr: Invalid learning rate: -1"),
            ("trainer.epochs=0", ConfigError, "trainer: epochs and patience must be at least 1"),
            ("trainer.grad_norm=0", ConfigError, "trainer: grad_norm is 0.0"),
            ("data_loader.batch_size=0", ConfigError, "data_loader: batch_size"),
            ("model.head.hidden_size=-4", RelxError, "hidden_size"),
            ("model.embedder.dim=0", RelxError, "dim"),
            ("model.head.hidden_size=1000000000000", TrainingError, "the model cannot be built: "),
        ],
    )
    def test_one_that_makes_no_sense_is_one_error(
        self, tiny: Path, tmp_path: Path, override: str, error: type[RelxError], message: str
    ) -> None:
        with pytest.raises(error) as caught:
            sample.train(tiny, tmp_path / "run", override)
        assert message in str(caught.value)


class TestInterrupt:
    @pytest.fixture(autouse=True)
    def usual_handler(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_while_the_best_weights_are_scored_they_are_archived_all_the_same(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
    ) -> None:
        def interrupt(*_: object) -> None:
            os.kill(os.getpid(), number)

        monkeypatch.setattr(run, "sentence_counts", interrupt)
        assert sample.train(tiny, tmp_path / "run").interrupted
        metrics = read(tmp_path / "run" / "metrics.json")
        assert metrics["interrupted"] and "test" not in metrics
        assert equal(best_weights(tmp_path / "run"), weights(tmp_path / "run"))


class TestFailure:
    @pytest.fixture
    def exploding(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Makes the loss of this step, counted from 0, and of all later ones infinite."""

        def explode(step: int) -> None:
            steps, loss = count(), HMT.loss
            monkeypatch.setattr(
                HMT, "loss", lambda self, *given: loss(self, *given) * (math.inf if next(steps) >= step else 1)
            )

        return explode

    def test_the_best_weights_before_a_bad_loss_are_archived(
        self, tiny: Path, tmp_path: Path, exploding: Callable[[int], None]
    ) -> None:
        exploding(20)  # 9 steps an epoch
        folder = tmp_path / "run"
        message = r"^epoch 3, step 21: the loss is inf on .*\n.*\n.*gz holds the best weights so far, of epoch [12]$"
        with pytest.raises(TrainingError, match=message):
            sample.train(tiny, folder, epochs=9)
        metrics = read(folder / "metrics.json")
        assert metrics["failure"].startswith("epoch 3, step 21: the loss is inf")
        assert metrics["epochs"] == 2 and "test" not in metrics
        assert equal(best_weights(folder), weights(folder))

    def test_before_the_first_epoch_has_ended_there_is_nothing_to_archive(
        self, tiny: Path, tmp_path: Path, exploding: Callable[[int], None]
    ) -> None:
        exploding(3)
        with pytest.raises(TrainingError, match="^epoch 1, step 4: the loss is inf on ") as caught:
            sample.train(tiny, tmp_path / "run")
        assert "holds the best weights" not in str(caught.value)
        assert not (tmp_path / "run" / "model.tar.gz").exists()

    def test_a_folder_that_is_deleted_during_the_run_is_one_error(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = EpochLines.on_report
        gone = lambda *given: (shutil.rmtree(tmp_path / "run"), start(*given))  # noqa: E731
        monkeypatch.setattr(EpochLines, "on_report", gone)
        with pytest.raises(RelxError, match="epochs.jsonl: cannot be written: No such file"):
            sample.train(tiny, tmp_path / "run")


def test_an_experiment_takes_every_protocol_there_is() -> None:
    assert set(get_args(ProtocolName)) == set(PROTOCOLS)


def test_the_published_experiment_trains_on_the_sample_corpus(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        lines = (ROOT / "fixtures" / "nyt10" / f"{split}.json").read_text().splitlines(keepends=True)
        (tmp_path / f"{split}.json").write_text("".join(lines[:20]))
    file = ROOT / "experiments" / "hmt_nyt10.jsonnet"
    sample.train(file, tmp_path / "run", data=str(tmp_path), hidden=8, epochs=1)
    metrics = read(tmp_path / "run" / "metrics.json")
    assert list(metrics["test"]) == ["exact_span", "begin_offset"]
    assert metrics["facts"]["entity_types"] == "induced from relation signatures"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('model.embedder={"type": "transformer", "model": "./nowhere"}', "nowhere: there is no such folder"),
        ('model.embedder={"type": "words", "vectors": "nowhere.txt"}', "nowhere.txt: no such file"),
        (
            'model.embedder={"type": "concatenated", "embedders": [{"type": "words", "vectors": "gone"}]}',
            "gone: no",
        ),
        ('trainer.init_from={"head": "nowhere.tar.gz"}', "nowhere.tar.gz: no such archive"),
    ],
)
def test_what_the_model_needs_is_looked_for_before_the_data_is_read(
    override: str, message: str, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"), pytest.raises(RelxError, match=message):
        sample.train(tiny, tmp_path / "run", override)
    assert "sentences" not in caplog.text
