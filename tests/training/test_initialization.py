import json
import logging
from pathlib import Path

import pytest
import tiny as sample
import torch
from torch import Tensor

from relx import archive as archives
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, ConfigError
from relx.model import JointExtractor
from relx.training.preparation import initialize

MORE = 'model.embedder={"type": "concatenated", "embedders": [{"type": "words", "dim": 8}, %s]}'
CHARACTERS = '{"type": "characters", "dim": 4, "encoder": {"type": "cnn", "filters": 3, "widths": [2]}}'
TAGS = '{"type": "tags", "dim": 4}'


def model(file: Path, *overrides: str, **variables: object) -> JointExtractor:
    torch.manual_seed(5)
    made, _ = sample.experiment(file, *overrides, **variables)
    built = made.lazy_model.build(vocabulary=Vocabulary(sample.sentences(made)))
    built.vocabulary.close()
    return built


def archived(file: Path, path: Path, *overrides: str, **variables: object) -> tuple[str, JointExtractor]:
    """An archive of a model with random weights."""
    made, full = sample.experiment(file, *overrides, **variables)
    torch.manual_seed(7)
    built = made.lazy_model.build(vocabulary=Vocabulary(sample.sentences(made)))
    built.vocabulary.close()
    archives.save(path, full, built, {})
    return str(path), built


def weights(made: JointExtractor) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in made.state_dict().items()}


def changed(made: JointExtractor, before: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])}


def corpus(folder: Path, *records: dict) -> str:
    """A corpus whose training sentences are these."""
    for split in ("train", "dev", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(folder)


class TestParts:
    def test_they_are_theirs_and_the_others_stay(self, tiny: Path, archive: str) -> None:
        made, theirs = model(tiny), archives.load(archive).model.state_dict()
        before = weights(made)
        initialize(made, {"head": archive})
        assert changed(made, before) == {name for name in before if name.startswith("head.")}
        assert all(torch.equal(made.state_dict()[name], theirs[name]) for name in before if name.startswith("head."))

    def test_a_part_of_a_part(self, tiny: Path, archive: str) -> None:
        made = model(tiny)
        before = weights(made)
        inner = next(
            name for name, _ in made.head.named_children() if any(n.startswith(f"head.{name}.") for n in before)
        )
        initialize(made, {f"head.{inner}": archive})
        assert changed(made, before) and all(name.startswith(f"head.{inner}.") for name in changed(made, before))

    def test_two_parts_from_two_archives(self, tiny: Path, archive: str, tmp_path: Path) -> None:
        path, other = archived(tiny, tmp_path / "other.tar.gz")
        made, theirs = model(tiny), archives.load(archive).model
        initialize(made, {"head": archive, "embedder": path})
        assert torch.equal(made.embedder.table, other.embedder.table)
        assert all(torch.equal(a, b) for a, b in zip(made.head.parameters(), theirs.head.parameters(), strict=True))

    def test_an_encoder_whatever_the_vocabularies(self, tiny: Path, tmp_path: Path) -> None:
        encoder = 'model.encoder={"type": "lstm", "hidden_size": 4}'
        path, other = archived(tiny, tmp_path / "other.tar.gz", encoder)
        record = {"tokens": ["new"], "entities": [], "relations": []}
        made = model(tiny, encoder, data=corpus(tmp_path, record))
        initialize(made, {"encoder": path})
        for ours, theirs in zip(made.encoder.parameters(), other.encoder.parameters(), strict=True):
            assert torch.equal(ours, theirs)

    def test_they_are_copies(self, tiny: Path, archive: str) -> None:
        one, other = model(tiny), model(tiny)
        for made in (one, other):
            initialize(made, {"head": archive})
        with torch.no_grad():
            for parameter in one.parameters():
                parameter += 1
        assert all((a != b).all() for a, b in zip(one.head.parameters(), other.head.parameters(), strict=True))


class TestRows:
    @pytest.fixture
    def other_words(self, tmp_path: Path) -> str:
        """Words in another order of frequency, some of them new; the relations are those of the sample."""
        return corpus(
            tmp_path,
            {
                "tokens": ["Zoe", "works", "in", "Rome", "works"],
                "pos_tags": ["N", "V", "P", "N", "X"],
                "entities": [{"start": 0, "end": 1, "type": "PER"}, {"start": 3, "end": 4, "type": "LOC"}],
                "relations": [{"head": 0, "type": "works_in", "tail": 1}],
            },
        )

    def rows(self, made: JointExtractor) -> dict[str, Tensor]:
        embedder = made.embedder
        return {word: embedder.table[2 + number].detach().clone() for number, word in enumerate(embedder.words)}

    def test_rows_are_found_by_word(
        self, tiny: Path, archive: str, other_words: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="relx")
        made, theirs = model(tiny, data=other_words), archives.load(archive).model
        before, known = self.rows(made), self.rows(theirs)
        initialize(made, {"embedder": archive})
        after = self.rows(made)
        assert torch.equal(made.embedder.table[:2], theirs.embedder.table[:2])
        assert {word for word in after if torch.equal(after[word], before[word])} == {"Zoe"}
        for word in ("works", "in", "Rome"):
            assert torch.equal(after[word], known[word])
        assert caplog.messages == [f"embedder: 2 weights from {archive} (5 of 6 rows of table)"]

    def test_of_characters_and_tags_too(self, tiny: Path, other_words: str, tmp_path: Path) -> None:
        folder = tmp_path / "with_tags"
        folder.mkdir()
        records = [json.loads(line) for line in (tiny.parent / "train.jsonl").read_text().splitlines()]
        tagged = corpus(folder, *({**record, "pos_tags": ["V"] * len(record["tokens"])} for record in records))
        overrides = [MORE % f"{CHARACTERS}, {TAGS}"]
        path, other = archived(tiny, tmp_path / "other.tar.gz", *overrides, data=tagged)
        made = model(tiny, *overrides, data=other_words)
        before = weights(made)
        initialize(made, {"embedder": path})
        for number, (items, known) in enumerate(((None, None), ("characters", "Rinoks"), ("tags", "V"))):
            if items is None:
                continue
            ours, theirs = made.embedder.embedders[number], other.embedder.embedders[number]
            for item in getattr(ours, items):
                place = 2 + getattr(ours, items).get(item)
                there = getattr(theirs, items).get(item)
                expected = before[f"embedder.embedders.{number}.table.weight"][place]
                if there is not None:
                    expected = theirs.table.weight[2 + there]
                assert torch.equal(ours.table.weight[place], expected), item
                assert there is not None or item not in known

    def test_another_dim_is_an_error(self, tiny: Path, archive: str) -> None:
        message = r"trainer.init_from: 'embedder' has other sizes in .*: table is \[\d+, 8\] there, \[\d+, 9\] here"
        with pytest.raises(ConfigError, match=message):
            initialize(model(tiny, "model.embedder.dim=9"), {"embedder": archive})


class TestExperiment:
    """``trainer.init_from`` of a run."""

    def train(self, tiny: Path, folder: Path, initialize: dict[str, str], epochs: int = 1) -> JointExtractor:
        still = 'trainer.optimizer={"type": "sgd", "lr": 0}'
        written = f"trainer.init_from={json.dumps(initialize)}"
        sample.train(tiny, folder, still, written, *sample.WITHOUT_VALIDATION, epochs=epochs, seed=4)
        return archives.load(folder / "model.tar.gz").model

    def test_training_starts_from_these_weights(self, tiny: Path, archive: str, tmp_path: Path) -> None:
        made, theirs = self.train(tiny, tmp_path / "run", {"head": archive}), archives.load(archive).model
        assert all(torch.equal(a, b) for a, b in zip(made.head.parameters(), theirs.head.parameters(), strict=True))
        assert not torch.equal(made.embedder.table, theirs.embedder.table)

    def test_the_new_archive_does_not_need_the_old_one(self, tiny: Path, archive: str, tmp_path: Path) -> None:
        (tmp_path / "old.tar.gz").write_bytes(Path(archive).read_bytes())
        self.train(tiny, tmp_path / "run", {"head": str(tmp_path / "old.tar.gz")})
        (tmp_path / "old.tar.gz").unlink()
        archives.load(tmp_path / "run" / "model.tar.gz")


class TestErrors:
    def refused(self, made: JointExtractor, parts: dict[str, str], message: str) -> None:
        before = weights(made)
        with pytest.raises(ConfigError, match=message):
            initialize(made, parts)
        assert changed(made, before) == set()

    def test_an_unknown_part(self, tiny: Path, archive: str) -> None:
        message = "trainer.init_from: 'haed' is no part of this model; its parts are: embedder, .*head"
        self.refused(model(tiny), {"head": archive, "haed": archive}, message)

    def test_a_part_that_the_archive_lacks(self, tiny: Path, archive: str) -> None:
        made = model(tiny, MORE % CHARACTERS)
        self.refused(made, {"embedder.embedders.0": archive}, f"is no part of {archive}; its parts are: embedder, ")

    def test_a_part_without_weights(self, tiny: Path, archive: str) -> None:
        self.refused(model(tiny), {"encoder": archive}, "'encoder' has no weights")

    def test_a_part_of_another_make(self, tiny: Path, archive: str) -> None:
        message = r"'head' is of another make in .*: not there .*; only there .*"
        self.refused(model(tiny, head="novel_tagging"), {"head": archive}, message)

    def test_other_sizes(self, tiny: Path, archive: str) -> None:
        made = model(tiny, "model.head.hidden_size=10")
        self.refused(made, {"embedder": archive, "head": archive}, r"'head' has other sizes in .*\] there, .*\] here")

    def test_labels_in_another_order_even_where_the_sizes_fit(self, tiny: Path, archive: str, tmp_path: Path) -> None:
        lines = (tiny.parent / "train.jsonl").read_text().replace("works_in", "apart_from")
        for split in ("train", "dev", "test"):
            (tmp_path / f"{split}.jsonl").write_text(lines)
        made = model(tiny, data=str(tmp_path))
        self.refused(made, {"head": archive}, f"'head' was trained on other relations in {archive}: 2 there, 2 here")

    def test_what_is_no_archive(self, tiny: Path, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="gone.tar.gz: no such archive"):
            initialize(model(tiny), {"head": str(tmp_path / "gone.tar.gz")})

    def test_an_embedder_that_cannot_tell_its_rows(
        self, tiny: Path, archive: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("relx.embedders.words.WordEmbedder.row_keys", lambda embedder: {})
        record = {"tokens": ["new"], "entities": [], "relations": []}
        made = model(tiny, data=corpus(tmp_path, record))
        self.refused(made, {"embedder": archive}, "'embedder' was trained on other words in")
        initialize(model(tiny), {"embedder": archive})
