import gzip
import io
import json
import os
import pickle
import random
import shutil
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny as sample
import torch
from torch import nn

from relx import __version__, archive_file
from relx.annotators.sentence_splitters.lines import LineSplitter
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.archive import built_for, load, read_weights, save
from relx.archive_file import ALIGNMENT, TrainingRecord, read_members, write_members
from relx.commands import main
from relx.errors import ArchiveError, RelxError
from relx.predictors import Predictor
from relx.training.checkpointing.checkpoints import Checkpoints

Files = dict[str, bytes]
SENTENCES = ["Ann Lee was born in New York .", "Bob works in Oslo now .", "Dan left Rome .", "", "Nothing ..."]


@pytest.fixture
def content(archive: str) -> Files:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "model.tar.gz"


def pack(path: Path, files: Files) -> str:
    return pack_members(path, [(plain(name, len(content)), content) for name, content in files.items()])


def pack_members(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return str(path)


def plain(name: str, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def refusal(path: str | Path, *overrides: str) -> str:
    with pytest.raises(ArchiveError) as caught:
        load(path, overrides)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def changed(name: str, change: Callable[[dict], object]) -> Callable[[Files], Files]:
    """The files with one of their JSON objects changed."""

    def of(files: Files) -> Files:
        value = json.loads(files[name])
        change(value)
        return {**files, name: json.dumps(value).encode()}

    return of


class TestRoundTrip:
    def test_an_opened_archive_predicts_what_the_model_predicted_bit_for_bit(self, archive: str, place: Path) -> None:
        opened = load(archive)
        save(place, opened.config, opened.model, opened.metrics, calibration=opened.calibration)
        first, second = (Predictor.load(path)(SENTENCES) for path in (archive, place))
        assert first == second
        assert first[0].relations[0].score is not None

    def test_every_weight_is_the_same(self, archive: str, trained: Path) -> None:
        newest = Checkpoints(trained / "checkpoints", keep=2).newest()
        assert newest is not None
        best = newest["train_step"]["best"]
        weights = load(archive).model.state_dict()
        assert best.keys() == weights.keys()
        assert all(torch.equal(best[name], weights[name]) for name in best)

    def test_equal_content_makes_equal_files(self, archive: str, place: Path) -> None:
        opened = load(archive)
        record = TrainingRecord(opened.meta["date"], opened.meta["trained_with"], opened.meta["data"])
        save(place, opened.config, opened.model, opened.metrics, record, opened.calibration)
        assert place.read_bytes() == Path(archive).read_bytes()

    def test_what_is_kept_beside_the_model(self, archive: str, trained: Path) -> None:
        opened = load(archive)
        assert opened.config == json.loads((trained / "config.json").read_text())
        assert opened.metrics == json.loads((trained / "metrics.json").read_text())
        assert opened.meta["format"] == 2 and opened.meta["plugins"] == []
        libraries = {"torch", "transformers", "tokenizers", "safetensors", "numpy"}
        assert {"python", *libraries} <= opened.meta["versions"].keys() <= {"python", *libraries, "stanza"}

    def test_the_model_is_ready_to_predict(self, archive: str) -> None:
        assert not any(module.training for module in load(archive).model.modules())

    def test_neither_data_nor_vectors_nor_a_network_is_needed(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(tiny.parent, tmp_path / "data")
        vectors = tmp_path / "data" / "vectors.txt"
        vectors.write_text("".join(f"{word} {' '.join(['0.5'] * 8)}\n" for word in ("rome", "Paris", "born")))
        sample.train(tmp_path / "data" / tiny.name, tmp_path / "run", vectors=str(vectors))
        shutil.rmtree(tmp_path / "data")
        monkeypatch.setattr(socket, "socket", None)
        predictor = Predictor.load(tmp_path / "run" / "model.tar.gz")
        assert len(predictor(SENTENCES)) == len(SENTENCES)
        assert "Paris" in predictor.model.embedder.unseen_words  # type: ignore[operator]

    def test_it_appears_whole_or_not_at_all(self, archive: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = load(archive)
        place.write_text("earlier")

        def fail(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(tarfile.TarInfo, "tobuf", fail)
        with pytest.raises(KeyboardInterrupt):
            save(place, opened.config, opened.model, {})
        assert place.read_text() == "earlier" and os.listdir(place.parent) == [place.name]

    def test_a_folder_that_is_gone_is_one_error(self, archive: str, tmp_path: Path) -> None:
        opened = load(archive)
        with pytest.raises(RelxError, match="cannot be written: No such file or directory"):
            save(tmp_path / "gone" / "model.tar.gz", opened.config, opened.model, {})


class TestWeights:
    """Stored as they are, so that opening takes them as they lie in memory."""

    def test_they_are_not_compressed_and_all_else_is(self, archive: str, content: Files) -> None:
        packed = Path(archive).read_bytes()
        assert content["weights.safetensors"][-2000:] in packed
        assert content["config.json"][:200] not in packed

    def test_a_file_of_one_compressed_part_opens_as_before(self, archive: str, place: Path, content: Files) -> None:
        pack(place, content)
        assert Predictor.load(place)(SENTENCES) == Predictor.load(archive)(SENTENCES)

    def test_the_tensors_are_parts_of_what_was_read(self, archive: str) -> None:
        files = read_members(archive)
        numbers = np.frombuffer(files["weights.safetensors"], np.uint8)
        weights = read_weights(files["weights.safetensors"])
        places = {name: tensor.data_ptr() - numbers.ctypes.data for name, tensor in weights.items()}
        assert 0 < places[min(weights)] < numbers.nbytes
        assert all(tensor.data_ptr() % ALIGNMENT == 0 for tensor in weights.values())

    def test_the_model_has_them_without_a_copy_and_tied_ones_are_one_parameter(self) -> None:
        def build() -> nn.Module:
            one, other = nn.Linear(3, 3), nn.Linear(3, 3)
            other.weight = one.weight
            return nn.Sequential(one, other)

        weights = {"0.weight": torch.eye(3), "0.bias": torch.ones(3), "1.bias": torch.zeros(3)}
        model = built_for(weights, build)
        assert model[0].weight.data_ptr() == weights["0.weight"].data_ptr()
        assert model[1].weight is model[0].weight

    @pytest.mark.parametrize("cut", [0, 7, 8, 20, -1])
    def test_cut_short_they_are_refused(self, place: Path, content: Files, cut: int) -> None:
        pack(place, {**content, "weights.safetensors": content["weights.safetensors"][:cut]})
        assert refusal(place).startswith("weights.safetensors does not fit the model: its header is damaged")

    def test_what_follows_the_tensors_is_refused(self, place: Path, content: Files) -> None:
        pack(place, {**content, "weights.safetensors": content["weights.safetensors"] + b"more"})
        assert "there is more than its tensors" in refusal(place)


class TestWhatOpeningWouldRefuse:
    """It is an error of the run, and no archive is written."""

    def test_weights_that_are_not_finite(self, archive: str, place: Path) -> None:
        opened = load(archive)
        next(iter(opened.model.parameters())).data[-1] = float("nan")
        with pytest.raises(
            RelxError, match="no archive was written .*: the model holds numbers that are not finite, in "
        ):
            save(place, opened.config, opened.model, {})
        assert not place.exists()

    def test_a_number_beyond_any_size_of_the_weights_before_training(self, tiny: Path, tmp_path: Path) -> None:
        with pytest.raises(
            ArchiveError, match="model.embedder.min_count is 20000, larger than any size in the weights"
        ):
            sample.train(tiny, tmp_path / "run", "model.embedder.min_count=20000")


class TestOverrides:
    """Of the archive's own experiment, as ``relx train -o`` takes them."""

    def test_they_change_what_is_built(self, archive: str, place: Path) -> None:
        changed = load(archive, ['tokenizer={"type": "whitespace"}', "tokenizer.split_punctuation=false"])
        assert changed.parts.tokenizer.split_punctuation is False  # type: ignore[attr-defined]
        save(place, changed.config, changed.model, changed.metrics)
        assert load(place).parts.tokenizer.split_punctuation is False  # type: ignore[attr-defined]

    def test_the_weights_stay(self, archive: str) -> None:
        weights, changed = (load(archive, o).model.state_dict() for o in ([], ["model.head.dropout=0.9"]))
        assert all(torch.equal(weights[name], value) for name, value in changed.items())

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("model", "override model: expected dotted.key=value"),
            (
                "modle.head=1",
                "override modle.head=1: the file gives the experiment no key 'modle'; did you mean 'model'?",
            ),
            (
                "model.hed.dropout=1",
                "override model.hed.dropout=1: the file gives model no key 'hed'; did you mean 'head'?",
            ),
            ("model.head.drop=1", "config.json: 1 problem\n  model.head.drop: unknown key; did you mean 'dropout'?"),
            ("model.head.dropout=x", 'config.json: 1 problem\n  model.head.dropout: expected a number, got "x"'),
            ("model.head.dropout=7", "model.head: dropout probability has to be between 0 and 1, but got 7.0"),
            (
                "trainer.epochs=3",
                "override trainer.epochs=3: 'trainer' does not affect prediction; known: data_loader, ",
            ),
            ("modle={}", "override modle={}: 'modle' does not affect prediction; did you mean 'model'?"),
        ],
    )
    def test_one_that_names_nothing_or_is_senseless(self, archive: str, override: str, message: str) -> None:
        assert refusal(archive, override).startswith(message)

    def test_one_that_does_not_fit_the_weights(self, archive: str) -> None:
        told = refusal(archive, "model.head.tag_dim=9")
        assert told.startswith("weights.safetensors does not fit the model: head.")
        assert "\n" not in told and " is [" in told and ", the model's is [" in told
        assert refusal(archive, "model.head.entity_task=false").count("the model has no ") > 0
        encoder = refusal(archive, 'model.encoder={"type": "lstm", "hidden_size": 4}')
        assert "encoder." in encoder and " is missing, the model's is [" in encoder


class TestForeign:
    def test_no_file(self, place: Path) -> None:
        assert refusal(place) == "no such archive"

    def test_a_folder(self, tmp_path: Path) -> None:
        assert refusal(tmp_path) == "is a folder; name the archive in it, which relx train calls model.tar.gz"

    @pytest.mark.parametrize(
        "content", [b"", b"some text\n", gzip.compress(b"some text", mtime=0), gzip.compress(b"", mtime=0), b"\x1f"]
    )
    def test_no_archive(self, place: Path, content: bytes) -> None:
        place.write_bytes(content)
        assert refusal(place).startswith("not a complete relx archive (")

    def test_an_uncompressed_one(self, place: Path, content: Files) -> None:
        with tarfile.open(place, "w") as tar:
            for name in content:
                tar.addfile(plain(name))
        assert "not a complete relx archive" in refusal(place)

    def test_somebody_elses(self, place: Path) -> None:
        pack(place, {"config.json": b"{}", "weights.th": b"1"})
        assert refusal(place) == "holds 'weights.th', which does not belong in a relx archive; nothing was unpacked"

    @pytest.mark.parametrize("name", ["meta.json", "config.json", "weights.safetensors", "metrics.json"])
    def test_one_without_a_member(self, place: Path, content: Files, name: str) -> None:
        pack(place, {other: content[other] for other in content if other != name})
        assert refusal(place) == f"holds no {name}: not a relx archive"

    def test_one_without_vocabulary(self, place: Path, content: Files) -> None:
        pack(place, {name: content[name] for name in content if "vocabulary" not in name})
        assert "the vocabulary is damaged" in refusal(place)


class TestUnsafe:
    @pytest.mark.parametrize("name", ["../a", "/a", "vocabulary/../../a", "vocabulary", "vocabulary//a", "./meta.json"])
    def test_a_name_that_relx_does_not_write(self, place: Path, content: Files, name: str) -> None:
        pack(place, {**content, name: b"evil"})
        assert refusal(place) == f"holds {name!r}, which does not belong in a relx archive; nothing was unpacked"
        assert os.listdir(place.parent) == [place.name]

    @pytest.mark.parametrize(
        "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    )
    def test_what_is_no_plain_file(self, place: Path, kind: bytes) -> None:
        member = plain("vocabulary/words.txt")
        member.type, member.linkname = kind, "/etc/passwd"
        pack_members(place, [(member, b"")])
        assert "'vocabulary/words.txt', which does not belong" in refusal(place)

    def test_a_file_with_holes(self, place: Path) -> None:
        member = plain("weights.safetensors", 512)
        member.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**15)}
        pack_members(place, [(member, bytes(512))])
        assert "'weights.safetensors', which does not belong" in refusal(place)

    def test_a_member_that_stands_twice(self, place: Path, content: Files) -> None:
        pack_members(place, [(plain(name, 2), b"{}") for name in ("meta.json", "config.json", "meta.json")])
        assert "holds 'meta.json', which does not belong" in refusal(place)

    def test_more_members_than_any_model_has(self, place: Path) -> None:
        pack(place, {f"vocabulary/{number}.txt": b"" for number in range(archive_file.MOST_MEMBERS + 1)})
        assert "which does not belong" in refusal(place)

    @pytest.mark.parametrize("name", ["weights.safetensors", "vocabulary/words.txt"])
    def test_a_bomb_of_zeros(self, place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive_file, "ALWAYS_ALLOWED", 1_000_000)
        pack(place, {name: bytes(20_000_000)})
        assert refusal(place) == "unpacks to far more than a model needs; refused"

    def test_a_bomb_in_a_header(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive_file, "ALWAYS_ALLOWED", 1_000_000)
        member = plain("meta.json")
        member.pax_headers = {"comment": "x" * 20_000_000}
        pack_members(place, [(member, b"")])
        assert refusal(place) == "unpacks to far more than a model needs; refused"

    def test_a_bomb_behind_the_last_member(self, place: Path, archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive_file, "ALWAYS_ALLOWED", 1_000_000)
        place.write_bytes(Path(archive).read_bytes() + gzip.compress(bytes(20_000_000)))
        assert refusal(place) == "unpacks to far more than a model needs; refused"

    def test_nothing_is_unpickled(self, place: Path, content: Files, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return os.mkdir, (str(tmp_path / "evil"),)

        for name in content:
            pack(place, {**content, name: pickle.dumps(Evil())})
            refusal(place)
        assert os.listdir(tmp_path) == [place.name]

    def test_a_name_with_dots_is_not_imported(self, place: Path, content: Files) -> None:
        edit = changed("config.json", lambda tree: tree["model"]["head"].update(type="os.system"))
        pack(place, edit(content))
        assert "'os.system' is not a registered head" in refusal(place)


DAMAGED = {
    "another format": (
        changed("meta.json", lambda m: m.update(format=3)),
        f"has archive format 3 (written by relx {__version__})",
    ),
    "a format that is no whole number": (
        changed("meta.json", lambda m: m.update(format=2.0)),
        "has archive format 2.0",
    ),
    "no format": (changed("meta.json", lambda m: m.pop("format")), "has archive format null"),
    "meta is a list": (lambda files: {**files, "meta.json": b"[]"}, "meta.json is damaged: not an object"),
    "meta is no JSON": (lambda files: {**files, "meta.json": b'{"format":'}, "meta.json is damaged: "),
    "meta is no text": (lambda files: {**files, "meta.json": b"\xff\xfe\x00"}, "meta.json is damaged: "),
    "meta is deep": (lambda files: {**files, "meta.json": b"[" * 100_000}, "meta.json is damaged: "),
    "plugins are a number": (changed("meta.json", lambda m: m.update(plugins=5)), "meta.json.plugins: expected a list"),
    "a plugin is a text": (changed("meta.json", lambda m: m.update(plugins=["x"])), "plugins[0]: expected an object"),
    "a plugin without a kind": (changed("meta.json", lambda m: m.update(plugins=[{}])), "plugins.kind: missing"),
    "config is broken": (lambda files: {**files, "config.json": b"{"}, "config.json is damaged: "),
    "config is empty": (lambda files: {**files, "config.json": b"{}"}, "model: missing"),
    "config is deep": (
        changed("config.json", lambda c: c["model"].update(encoder=json.loads('{"a":' * 900 + "1" + "}" * 900))),
        "a seq2seq_encoder needs the key 'type'",
    ),
    "an unknown component": (
        changed("config.json", lambda c: c["model"]["head"].update(type="hmtt")),
        "'hmtt' is not a registered head; did you mean 'hmt'?",
    ),
    "an unknown key": (changed("config.json", lambda c: c["model"].update(heads=1)), "model.heads: unknown key"),
    "protocols are a number": (changed("config.json", lambda c: c.update(protocols=3)), "protocols: expected a list"),
    "weights of another shape": (
        changed("config.json", lambda c: c["model"]["embedder"].update(dim=9)),
        "weights.safetensors does not fit the model: ",
    ),
    "other weights": (
        changed("config.json", lambda c: c["model"]["head"].update(entity_task=False)),
        "weights.safetensors does not fit the model: ",
    ),
    "a size that no memory holds": (
        changed("config.json", lambda c: c["model"]["embedder"].update(dim=10**15)),
        "model.embedder.dim is 1000000000000000, larger than any size in the weights",
    ),
    "weights are text": (
        lambda files: {**files, "weights.safetensors": b"not weights at all"},
        "weights.safetensors does not fit the model: ",
    ),
    "facts are a list": (lambda files: {**files, "vocabulary/facts.json": b"[1]"}, "the vocabulary is damaged"),
    "a fact of another type": (
        changed("vocabulary/facts.json", lambda facts: facts.update({"words.vector_size": "x"})),
        "the model cannot be built: TypeError: ",
    ),
    "a vocabulary that is no text": (
        lambda files: {**files, "vocabulary/words.txt": b"\xff\n"},
        "the vocabulary is damaged",
    ),
    "a vocabulary of another model": (
        lambda files: {name: files[name] for name in files if name != "vocabulary/relations.txt"},
        "the vocabulary lacks 'relations'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_content_is_refused(damage: str, place: Path, content: Files) -> None:
    edit, expected = DAMAGED[damage]
    pack(place, edit(content))
    assert expected in refusal(place)


class TestBrokenFiles:
    def test_one_that_was_cut_short(self, archive: str, place: Path) -> None:
        whole = Path(archive).read_bytes()
        for length in [*range(0, len(whole), len(whole) // 60), len(whole) - 8, len(whole) - 1]:
            place.write_bytes(whole[:length])
            assert "not a complete relx archive" in refusal(place)

    def test_one_with_flipped_bits_is_refused_or_unharmed(self, archive: str, place: Path) -> None:
        draw, whole = random.Random(3), Path(archive).read_bytes()
        weights = load(archive).model.state_dict()
        refused = 0
        for _ in range(200):
            broken = bytearray(whole)
            broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
            place.write_bytes(broken)
            try:
                opened = load(place)
            except ArchiveError:
                refused += 1
            else:  # a bit of gzip's header that means nothing
                assert all(torch.equal(weights[name], value) for name, value in opened.model.state_dict().items())
        assert refused > 190

    def test_one_whose_headers_lie_under_a_right_checksum(self, archive: str, place: Path) -> None:
        draw, whole = random.Random(4), gzip.decompress(Path(archive).read_bytes())
        headers = [i for i in range(0, len(whole), 512) if whole[i + 257 : i + 262] == b"ustar"]
        for _ in range(100):
            broken, header = bytearray(whole), draw.choice(headers)
            for _ in range(draw.randint(1, 4)):
                broken[header + draw.randrange(512)] = draw.randrange(256)
            checksum = sum(broken[header : header + 148]) + 8 * 32 + sum(broken[header + 156 : header + 512])
            broken[header + 148 : header + 156] = b"%06o\0 " % checksum
            place.write_bytes(gzip.compress(bytes(broken), 1))
            try:
                load(place)
            except ArchiveError as error:
                assert str(error).startswith(f"{place}: ")
        assert os.listdir(place.parent) == [place.name]


PLUGIN = """
from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.registry import Injected

@Seq2SeqEncoder.register("mine")
class Mine(Seq2SeqEncoder):
    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, inputs, mask):
        return inputs
"""


class TestPlugins:
    @pytest.fixture
    def needy(self, tiny: Path, tmp_path: Path, registry: None) -> Path:
        """An archive with a component of ``my_parts.py``."""
        from relx import plugins

        (tmp_path / "my_parts.py").write_text(PLUGIN)
        plugins.include(str(tmp_path / "my_parts.py"))
        sample.train(tiny, tmp_path / "run", 'model.encoder={"type": "mine"}', epochs=1)
        return tmp_path / "run" / "model.tar.gz"

    def test_a_missing_one_is_named_as_the_user_would_include_it(self, needy: Path, tmp_path: Path) -> None:
        assert load(needy).meta["plugins"] == [
            {"kind": "seq2seq_encoder", "name": "mine", "include": "my_parts.py", "distribution": None}
        ]
        missing = sample.run("predict", "run/model.tar.gz", os.devnull, cwd=tmp_path)
        assert (missing.returncode, missing.stderr) == (
            2,
            "error: run/model.tar.gz: needs the seq2seq_encoder 'mine' of the plugin my_parts.py, which is not here: "
            "name it with --include my_parts.py (in Python include='my_parts.py')\n",
        )
        (tmp_path / "text.txt").write_text("Ann sings .")
        given = ["--include", str(tmp_path / "my_parts.py")]
        assert main(["predict", str(needy), str(tmp_path / "text.txt"), *given]) == 0

    def test_one_that_can_be_installed(self, place: Path, content: Files) -> None:
        need = {"kind": "head", "name": "mine", "include": "my_package.heads", "distribution": "my-package 1.0"}
        pack(place, changed("meta.json", lambda meta: meta.update(plugins=[need]))(content))
        assert refusal(place) == (
            "needs the head 'mine' of the plugin my-package 1.0, which is not here: "
            "install it, or name it with --include my_package.heads (in Python include='my_package.heads')"
        )

    @pytest.mark.parametrize("plugin", ["x; touch evil", "$(id)", "`id`", "a\nerror: b", "'x'", "-s", "~/x.py"])
    def test_text_of_an_archive_is_no_part_of_a_command(self, place: Path, content: Files, plugin: str) -> None:
        need = {"kind": "head", "name": "mine", "include": plugin, "distribution": None}
        pack(place, changed("meta.json", lambda meta: meta.update(plugins=[need]))(content))
        assert refusal(place).endswith(
            "which is not here: name it with --include FILE.py (in Python include='FILE.py')"
        )


def test_texts_in_data_are_split_by_the_archives_tokenizer(place: Path, content: Files) -> None:
    experiment = json.loads(content["config.json"])
    experiment["tokenizer"] = {"type": "whitespace", "split_punctuation": False}
    parts = load(pack(place, {**content, "config.json": json.dumps(experiment).encode()})).parts
    assert parts.reader.tokenizer is parts.tokenizer
    assert parts.tokenizer.split_punctuation is False


@pytest.mark.parametrize(
    ("sentences", "splitter"), [("lines", LineSplitter), ("marks", RuleSplitter), (None, RuleSplitter)]
)
def test_an_archive_from_before_sentence_splitters_has_one(
    archive: str, tmp_path: Path, sentences: str | None, splitter: type
) -> None:
    files = read_members(archive)
    experiment = json.loads(files["config.json"])
    del experiment["sentence_splitter"]
    if sentences is not None:
        experiment["dataset_reader"] = {"type": "brat", "sentences": sentences}
    older = tmp_path / "older.tar.gz"
    write_members(older, {**files, "config.json": json.dumps(experiment).encode()})
    assert type(load(older).parts.splitter) is splitter
