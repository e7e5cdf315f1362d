"""A model with a transformer, from training to prediction elsewhere."""

import json
import shutil
import tarfile

import pytest
import tiny as sample
import torch
from tiny_transformer import TINY

from relx import archive
from relx.errors import ArchiveError
from relx.predictors import Predictor

TEXTS = ["Ann Lee was born in New York .", "Bob xqx " * 40, "", "\x00"]


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    """A run whose transformer was moved away afterwards."""
    place = tmp_path_factory.mktemp("run")
    shutil.copytree(TINY, place / "model")
    embedder = {"type": "transformer", "model": str(place / "model"), "pooling": "mean", "layers": "mix"}
    groups = {r"^embedder\.transformer\.": {"lr": 0.001}}
    overrides = (f"model.embedder={json.dumps(embedder)}", f"trainer.parameter_groups={json.dumps(groups)}")
    sample.train(tiny, place / "run", *overrides, epochs=2)
    shutil.move(place / "model", place / "elsewhere")
    return place / "run"


def test_it_is_tuned(folder):
    from transformers import AutoModel

    tuned = archive.load(folder / "model.tar.gz").model.embedder.transformer
    original = AutoModel.from_pretrained(TINY)
    assert not torch.equal(tuned.encoder.layer[0].output.dense.weight, original.encoder.layer[0].output.dense.weight)


def test_it_predicts_elsewhere_offline(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    shutil.move(folder / "model.tar.gz", tmp_path / "moved.tar.gz")
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    run = sample.run("predict", "moved.tar.gz", "in.jsonl", "--sentences", cwd=tmp_path)
    shutil.move(tmp_path / "moved.tar.gz", folder / "model.tar.gz")
    assert run.returncode == 0, run.stderr
    assert run.stderr == "", "no progress bars, no reports of the library"
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert [len(answer["tokens"]) for answer in answers] == [len(text.split()) for text in TEXTS]


def test_a_sentence_is_answered_the_same_alone_and_among_others(folder):
    predictor = Predictor.load(folder / "model.tar.gz")
    together = predictor(TEXTS)
    for text, answer in zip(TEXTS, together, strict=True):
        [alone] = predictor([text])
        assert [e.span for e in alone.entities] == [e.span for e in answer.entities]


def test_the_archive_holds_config_and_tokenizer(folder):
    with tarfile.open(folder / "model.tar.gz") as tar:
        names = set(tar.getnames())
    kept = {"vocabulary/files/transformer/config.json", "vocabulary/files/transformer/tokenizer.json"}
    assert kept <= names


def test_a_damaged_configuration_is_one_clear_error(folder, tmp_path):
    for name, content in (("config.json", b"{}"), ("config.json", b"oops"), ("tokenizer.json", b"{")):
        damaged = tmp_path / "damaged.tar.gz"
        _replace(folder / "model.tar.gz", damaged, f"vocabulary/files/transformer/{name}", content)
        with pytest.raises(ArchiveError, match="damaged.tar.gz: "):
            archive.load(damaged)


def _replace(source, target, name, content):
    import io

    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            data = content if member.name == name else old.extractfile(member).read()
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
