"""Archives that a stranger has made: each is refused with one message, or changes nothing."""

import base64
import io
import json
import logging
import os
import shutil
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tiny as sample
import torch
from forks import python
from tiny_transformer import TINY

from relx import archive as archives
from relx.archive import load, offline
from relx.embedders.pretrained import ENCODERS
from relx.errors import ArchiveError
from relx.predictors import Predictor

Files = dict[str, bytes]
CONFIG, TOKENIZER = (f"vocabulary/files/transformer/{name}.json" for name in ("config", "tokenizer"))
SENTENCES = ["Ann Lee was born in New York .", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx !"]


def members(path: str | Path) -> Files:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def pack(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def json_edit(name: str, change: Callable[[Any], Any]) -> Callable[[Files], None]:
    """An edit of one of the JSON members: ``change`` alters the value, or returns another one."""

    def edit(files: Files) -> None:
        value = json.loads(files[name])
        other = change(value)
        files[name] = json.dumps(value if other is None else other).encode()

    return edit


def weights_edit(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        weights = safetensors.torch.load(files["weights.safetensors"])
        files["weights.safetensors"] = safetensors.torch.save({name: change(t) for name, t in weights.items()})

    return edit


def header_edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Files], None]:
    """An edit of the header of the weights alone."""

    def edit(files: Files) -> None:
        content = files["weights.safetensors"]
        end = 8 + struct.unpack_from("<Q", content)[0]
        header = json.loads(content[8:end])
        change(header)
        text = json.dumps(header).encode()
        files["weights.safetensors"] = struct.pack("<Q", len(text)) + text + content[end:]

    return edit


def configured(**changes: Any) -> Callable[[Files], None]:
    return json_edit(CONFIG, lambda config: config.update(changes))


def tokenized(**changes: Any) -> Callable[[Files], None]:
    return json_edit(TOKENIZER, lambda tokenizer: tokenizer.update(changes))


def replacing(content: str, **pattern: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def split_at(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def lstm(**sizes: int) -> dict[str, Any]:
    return {"type": "lstm", "hidden_size": 4, **sizes}


def twice(files: Files) -> None:
    first, second, rest = files["vocabulary/words.txt"].split(b"\n", 2)
    files["vocabulary/words.txt"] = b"\n".join((first, b"\\" + first, rest))


def special_pieces(tokenizer: dict[str, Any], ids: list[int], times: int = 1) -> None:
    template = tokenizer["post_processor"]
    template["special_tokens"]["[CLS]"].update(ids=ids, tokens=["[CLS]"] * len(ids))
    template["single"] = template["single"][:1] * (times - 1) + template["single"]


WORDS: dict[str, tuple[Callable[[Files], None], str]] = {
    "weights that are no number": (weights_edit(lambda t: t * float("nan")), "holds numbers that are not finite"),
    "infinite weights": (weights_edit(lambda t: t + float("inf")), "holds numbers that are not finite"),
    "weights in half precision": (weights_edit(torch.Tensor.half), "float16, the model's is"),
    "weights of whole numbers": (weights_edit(torch.Tensor.long), "int64, the model's is"),
    "complex weights": (weights_edit(lambda t: t.to(torch.complex64)), "complex64, the model's is"),
    "a header of huge tensors": (
        header_edit(lambda h: h["embedder.table"].update(shape=[10**9, 10**9])),
        "weights.safetensors does not fit the model",
    ),
    "two tensors in one place": (
        header_edit(lambda h: h["embedder.table"].update(data_offsets=[0, 4])),
        "weights.safetensors does not fit the model",
    ),
    "a word twice": (twice, "the vocabulary is damaged"),
    "a billion layers": (
        json_edit("config.json", lambda c: c["model"].update(encoder=lstm(layers=10**9))),
        "model.encoder.layers is 1000000000, larger than any size in the weights",
    ),
    "more layers than the weights have": (
        json_edit("config.json", lambda c: c["model"].update(encoder=lstm(layers=9000))),
        "describes a model that is far larger than the weights",
    ),
    "a large model with small weights": (
        json_edit("config.json", lambda c: c["model"]["embedder"].update(dim=10_000)),
        "weights.safetensors does not fit the model",
    ),
    "a number that is none": (
        json_edit("config.json", lambda c: c["model"]["head"].update(dropout=float("nan"))),
        "config.json is damaged",
    ),
    "versions that are no object": (json_edit("meta.json", lambda m: m.update(versions=[1])), "versions: expected an"),
}  # fmt: skip
TRANSFORMER: dict[str, tuple[Callable[[Files], None], str]] = {
    "a model with a backbone": (
        configured(model_type="detr", backbone="owner/evil", use_timm_backbone=False),
        "is of the type 'detr'; relx reads the encoders albert",
    ),
    "two models in one": (configured(model_type="encoder-decoder"), "is of the type 'encoder-decoder'"),
    "no type": (json_edit(CONFIG, lambda config: {}), "is of the type None"),
    "a function for its name": (configured(hidden_act="os.system"), "the model cannot be built: KeyError"),
    "a setting that is no value": (configured(hidden_size={"a": {"b": {"c": {"d": 1}}}}), "hidden_size is no plain"),
    "a long text": (configured(hidden_act="x" * 1000), "its hidden_act is no plain value"),
    "a billion layers": (configured(num_hidden_layers=10**9), "its num_hidden_layers is 1000000000, which no encoder"),
    "many layers": (configured(num_hidden_layers=900), "describes a model that is far larger than the weights"),
    "a billion pieces": (configured(vocab_size=10**9), "describes a model that is far larger than the weights"),
    "a billion positions": (configured(max_position_embeddings=10**9), "describes a model that is far larger"),
    "pieces beyond the table": (
        json_edit(TOKENIZER, lambda t: t["model"]["vocab"].update(evil=10**6)),
        "its tokenizer has pieces up to number 1000000 ('evil'), but the model has 708 rows",
    ),
    "special pieces beyond the table": (
        json_edit(TOKENIZER, lambda t: special_pieces(t, [10**6])),
        "its tokenizer adds pieces around a sentence that are not among the model's 708 rows",
    ),
    "windows beyond the positions": (
        json_edit("vocabulary/facts.json", lambda facts: facts.update({"transformer.max_pieces": 65})),
        "its windows have 65 pieces, but the model has 64 positions",
    ),
    "windows of less than nothing": (
        json_edit("vocabulary/facts.json", lambda facts: facts.update({"transformer.max_pieces": -1})),
        "its windows have -1 pieces",
    ),
    "a letter replaced by a megabyte": (
        tokenized(normalizer=replacing("a" * 10**6, String="a")),
        "it makes a text more than 256 times as long",
    ),
    "letters replaced again and again": (
        tokenized(normalizer={"type": "Sequence", "normalizers": [replacing("a" * 16, String="a")] * 10}),
        "it makes a text more than 256 times as long",
    ),
    "a megabyte before each word": (
        tokenized(normalizer={"type": "Prepend", "prepend": "a" * 10**6}),
        "it puts long texts between words",
    ),
    "a hundred million special pieces": (
        json_edit(TOKENIZER, lambda t: special_pieces(t, [2] * 10**4, 10**4)),
        "more than 64 special pieces a sentence",
    ),
    "a character map that is cut short": (
        tokenized(normalizer={"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\xff" * 99).decode()}),
        "its precompiled_charsmap is truncated",
    ),
    "a pattern without end": (tokenized(pre_tokenizer=split_at("(x+x+)+y")), "can take unlimited time"),
    "a pattern that is none": (tokenized(pre_tokenizer=split_at("((((")), "tokenizer.json is damaged"),
    "no piece for unknown words": (
        json_edit(TOKENIZER, lambda t: t["model"].update(unk_token="none")),
        "its tokenizer has no piece for unknown words",
    ),
    "words of any length": (
        json_edit(TOKENIZER, lambda t: t["model"].update(max_input_chars_per_word=10**12)),
        "max_input_chars_per_word is more than",
    ),
    "a tokenizer that draws": (
        json_edit(TOKENIZER, lambda t: t["model"].update(dropout=0.5)),
        "splits words at random",
    ),
    "deep JSON": (lambda files: files.update({TOKENIZER: b"[" * 10**5}), "tokenizer.json is damaged"),
}  # fmt: skip


@pytest.fixture(scope="module")
def transformer_archive(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transformer") / "run"
    embedder = json.dumps({"type": "transformer", "model": TINY})
    sample.train(tiny, folder, f"model.embedder={embedder}", *sample.WITHOUT_VALIDATION, epochs=1)
    return folder / "model.tar.gz"


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("what", WORDS)
def test_an_archive_that_lies_is_refused(what: str, archive: str, tmp_path: Path) -> None:
    edit, message = WORDS[what]
    files = members(archive)
    edit(files)
    assert message in refusal(pack(tmp_path / "evil.tar.gz", files))


@pytest.mark.parametrize("what", TRANSFORMER)
def test_a_transformer_that_lies_is_refused(what: str, transformer_archive: Path, tmp_path: Path) -> None:
    edit, message = TRANSFORMER[what]
    files = members(transformer_archive)
    edit(files)
    assert message in refusal(pack(tmp_path / "evil.tar.gz", files))


@pytest.mark.parametrize(
    "settings",
    [
        {"backbone": "owner/evil", "backbone_config": {"model_type": "resnet"}, "use_timm_backbone": True},
        {"auto_map": {"AutoModel": "owner/evil--modeling.Evil"}},
        {"_attn_implementation": "kernels-community/evil", "attn_implementation": "kernels-community/evil"},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        {"return_dict": False, "output_hidden_states": True, "is_encoder_decoder": True},
    ],
)
def test_settings_that_are_none_of_an_encoder_change_nothing(
    settings: dict[str, Any], transformer_archive: Path, tmp_path: Path
) -> None:
    files = members(transformer_archive)
    configured(**settings)(files)
    evil = pack(tmp_path / "evil.tar.gz", files)
    assert Predictor.load(evil)(SENTENCES) == Predictor.load(transformer_archive)(SENTENCES)


def test_no_memory_is_given_to_a_model_that_the_weights_do_not_fit(archive: str, tmp_path: Path) -> None:
    """A model of 400 MB: the process may take 200 MB more than it has."""
    files = members(archive)
    json_edit("config.json", lambda c: c["model"].update(encoder=lstm(hidden_size=3500)))(files)
    evil = pack(tmp_path / "evil.tar.gz", files)
    code = (
        "import resource, sys; from relx import archive; archive.load(sys.argv[1])\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2**20,) * 2)\n"
        "try: archive.load(sys.argv[2])\n"
        "except archive.ArchiveError as error: print(error)"
    )
    run = sample.run(code, archive, evil, program=python)
    assert "far larger than the weights" in run.stdout or "the model's is" in run.stdout, run.stderr


def test_the_hub_is_locked_while_any_thread_opens_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with offline():
        with offline():
            assert constants.is_offline_mode() and os.environ["HF_HUB_OFFLINE"] == "1"
        assert constants.is_offline_mode()
    assert not constants.is_offline_mode() and "HF_HUB_OFFLINE" not in os.environ


def test_a_panic_of_a_native_library_is_an_error(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokenizers import Regex, Tokenizer, models, normalizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
    tokenizer.normalizer = normalizers.Replace(Regex("(x+x+)+y"), "")

    def panic(*_: object) -> None:
        tokenizer.encode("x" * 40)

    monkeypatch.setattr(archives, "read_weights", panic)
    with pytest.raises(ArchiveError, match="the model cannot be built: PanicException"):
        load(archive)


def test_a_message_is_short_and_commands_no_terminal(archive: str, tmp_path: Path) -> None:
    evil = "\x1b[2J\u202e\nerror: all is well" + "x" * 10**6
    for edit in (
        json_edit("meta.json", lambda meta: meta.update(plugins=[{"kind": "head", "name": evil, "include": evil}])),
        json_edit("meta.json", lambda meta: meta.update(format=evil, relx=evil)),
        json_edit("config.json", lambda config: config["model"].update({evil: 1})),
    ):
        files = members(archive)
        edit(files)
        message = refusal(pack(tmp_path / "evil.tar.gz", files))
        assert len(message) < 3000
        assert not {"\x1b", "\u202e"} & set(message)
        assert not any(line.startswith("error:") for line in message.splitlines())


def test_another_major_version_of_a_library_is_a_warning(
    archive: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(archive)
    assert caplog.text == ""
    files = members(archive)
    json_edit("meta.json", lambda meta: meta["versions"].update(torch="1.13.1", tokenizers="\x1b?"))(files)
    with caplog.at_level(logging.WARNING):
        load(pack(tmp_path / "old.tar.gz", files))
    [record] = caplog.records
    assert "written with torch 1.13.1 (here 2." in record.message and "tokenizers \\x1b? (here" in record.message


def test_an_archive_does_not_say_where_a_folder_of_annotations_is_made(archive: str, tmp_path: Path) -> None:
    files = members(archive)
    tagger = {"type": "stanza", "cache": str(tmp_path / "made")}
    json_edit("config.json", lambda config: config.update(pos_tagger=tagger))(files)
    evil = pack(tmp_path / "evil.tar.gz", files)
    assert load(evil).parts.tagger.cache is None  # type: ignore[union-attr]
    said = load(evil, [f"pos_tagger.cache={tmp_path / 'mine'}"]).parts.tagger
    assert said.cache == str(tmp_path / "mine")  # type: ignore[union-attr]
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "annotations.sqlite").touch()
    assert load(evil).parts.tagger.cache == str(tmp_path / "made")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_type_of_encoder_can_be_built_from_its_own_settings(name: str) -> None:
    from transformers import CONFIG_MAPPING, AutoModel

    from relx.embedders.pretrained import encoder_config

    with torch.device("meta"):
        settings = encoder_config(CONFIG_MAPPING[name]().to_dict())
        assert settings.model_type == name
        AutoModel.from_config(settings, dtype=torch.float32)


AUDITED = """
import json, pickle, sys
from relx.plugins import include
from relx.predictors import Predictor
include("audited.py")
for path in sys.argv[1:]:
    Predictor.load(path)  # imports what it needs
CALLS = ("socket.", "pickle.", "marshal.loads", "subprocess.", "os.system", "os.exec", "os.fork", "ctypes.dlopen")
CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.")
seen = []
def watch(event, arguments):
    if event == "open" and set(str(arguments[1])) & set("wax+"):
        seen.append(f"{event} {arguments[0]}")
    elif event.startswith(CALLS + CHANGES):
        seen.append(f"{event} {arguments}")
sys.addaudithook(watch)
found = {}
for path in sys.argv[1:]:
    Predictor.load(path)
    found[path], seen = seen, []
with open("mark", "w"):
    pickle.loads(pickle.dumps(Predictor))
print(json.dumps([found, len(seen)]))
"""
PLUGIN = """
from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.registry import Injected

@Seq2SeqEncoder.register("audited")
class Audited(Seq2SeqEncoder):
    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, inputs, mask):
        return inputs
"""
STANZA = {"type": "stanza", "language": "xx", "model_dir": str(Path(TINY).parent / "tiny_stanza")}


@pytest.fixture
def archives_of_every_kind(
    tiny: Path, archive: str, transformer_archive: Path, tmp_path: Path, registry: None
) -> list[str]:
    """Names of archives in a folder of their own, beside the plugin of one of them."""
    from relx.plugins import include

    place = tmp_path / "place"
    place.mkdir()
    (place / "audited.py").write_text(PLUGIN)
    include(str(place / "audited.py"))
    cached = {**STANZA, "cache": str(tmp_path)}
    gcn = [{"type": "lstm", "hidden_size": 6, "directions": "averaged"}, {"type": "gcn"}]
    changes: dict[str, dict[str, Any]] = {
        "plugin": {"model.encoder": {"type": "audited"}},
        "annotated": {
            "model.embedder": {"type": "concatenated", "embedders": [{"type": "words"}, {"type": "tags", "dim": 4}]},
            "model.encoder": {"type": "compose", "encoders": gcn},
            "tokenizer": STANZA,
            "pos_tagger": cached,
            "dependency_parser": cached,
        },
    }
    for name, values in changes.items():
        overrides = (f"{key}={json.dumps(value)}" for key, value in values.items())
        sample.train(tiny, tmp_path / name, *overrides, *sample.WITHOUT_VALIDATION, epochs=1)
        shutil.copy(tmp_path / name / "model.tar.gz", place / f"{name}.tar.gz")
    shutil.copy(archive, place / "words.tar.gz")
    shutil.copy(transformer_archive, place / "transformer.tar.gz")
    return [f"{name}.tar.gz" for name in ("words", "transformer", *changes)]


@pytest.mark.slow
def test_opening_runs_no_pickle_reaches_no_network_and_writes_nothing(
    archives_of_every_kind: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "place"
    files = {*os.listdir(place), "mark"}
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    run = subprocess.run(
        [sys.executable, "-B", "-c", AUDITED, *archives_of_every_kind],
        cwd=place, env={**environment, "HF_HOME": str(tmp_path / "hub")}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found, marked = json.loads(run.stdout)
    assert found == {name: [] for name in archives_of_every_kind}
    assert marked >= 2, "the hook sees a file that is written and a class that is unpickled"
    assert set(os.listdir(place)) == files and not (tmp_path / "hub").exists()
