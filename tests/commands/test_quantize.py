"""``relx quantize``: the layers, the choice, the archive that it writes, and what it refuses."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny as sample
import torch
from tiny_transformer import TINY, transformer
from torch import nn

from relx import archive
from relx.archive_file import read_facts, read_members, write_members
from relx.commands import main
from relx.commands import quantize as command
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.errors import ArchiveError
from relx.predictors import Predictor
from relx.quantization.layers import Bf16Linear, Int8Linear, quantize
from relx.quantization.record import SCHEMES, Quantization

TEXTS = ["Ann Lee was born in New York .", "Bob left Rome .", "Dan works in Oslo now ."]
LOADER = DataLoader(4)
DEV = 15


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a transformer that has learned its corpus by heart."""
    folder = tmp_path_factory.mktemp("quantization") / "run"
    embedder = {"type": "transformer", "model": TINY}
    groups = {r"^embedder\.transformer\.": {"lr": 0.002}}
    overrides = (f"model.embedder={json.dumps(embedder)}", f"trainer.parameter_groups={json.dumps(groups)}")
    sample.train(tiny, folder, *overrides, epochs=16)
    return folder / "model.tar.gz"


@pytest.fixture(scope="module")
def dev(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("data") / "dev.jsonl"
    file.write_text("".join((tiny.parent / "dev.jsonl").read_text().splitlines(keepends=True)[:DEV]))
    return str(file)


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The seconds of a sentence by scheme, in place of measured ones; float32 takes one."""
    seconds = {"bf16": 0.5, "int8": 0.3, "int8_bf16": 0.4, "int8_float32": 0.6}
    own = command.schemes
    tried: list[str] = []

    def schemes() -> Iterator[str]:
        for name in own():
            tried.append(name)
            yield name

    def fake(work: Sequence[object], count: int) -> list[tuple[float, float]]:
        return [(1.0, 1.0), (seconds[tried[-1]],) * 2] if len(work) == 2 else [(1.0, 1.0)]

    monkeypatch.setattr(command, "schemes", schemes)
    monkeypatch.setattr(command, "_seconds_in_turn", fake)
    return seconds


@pytest.fixture(params=[True, False], ids=["with_bf16", "without_bf16"])
def cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the processor has instructions for bfloat16."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: request.param)
    return request.param


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize(("layer", "error"), [(Bf16Linear, 0.01), (Int8Linear, 0.01)])
def test_a_layer_is_nearly_that_of_float32(layer: Any, error: float) -> None:
    torch.manual_seed(1)
    for bias in (True, False):
        linear, inputs = nn.Linear(48, 16, bias=bias), torch.randn(2, 5, 48)
        made, expected = layer(linear)(inputs), linear(inputs)
        assert made.dtype == torch.float32
        assert (made - expected).norm() < error * expected.norm()
        assert layer(linear)(inputs[:, :0]).shape == (2, 0, 16)
        assert layer(linear)(inputs.bfloat16()).dtype == torch.bfloat16


def test_int8_of_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(1)
    layer, rows = Int8Linear(nn.Linear(48, 16)), torch.randn(4, 48)
    rows[2] *= 1000
    rows[3] = 0
    together = layer(rows)
    assert torch.equal(together, torch.cat([layer(row.unsqueeze(0)) for row in rows]))
    assert torch.equal(together[3], layer.bias)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_last_product_of_each_layer_has_its_own_precision(scheme: str) -> None:
    embedder = transformer()
    quantize(embedder, scheme)
    most, last = ({"bf16": Bf16Linear, "int8": Int8Linear, "float32": nn.Linear}[name] for name in SCHEMES[scheme])
    for layer in embedder.transformer.encoder.layer:
        assert type(layer.output.dense) is last
        assert {type(layer.intermediate.dense), type(layer.attention.output.dense)} == {most}
        assert type(layer.attention.self.query) is most


@pytest.mark.usefixtures("speeds")
def test_the_fastest_within_tolerance_becomes_an_archive(
    model: Path, dev: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "fast.tar.gz"
    before = model.read_bytes()
    assert main(["quantize", str(model), dev, "--tolerance", "20", "-o", str(output)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("precision") and lines[1].startswith("float32")
    assert lines[-1].startswith(f"{output}: int8: 3.3 times as fast as float32 and F1 ")
    assert model.read_bytes() == before
    facts = read_facts(output)
    assert facts.quantization is not None and facts.quantization.scheme == "int8"
    assert facts.quantization.speed == pytest.approx(1 / 0.3)
    assert facts.calibration is not None and facts.calibration.facts["sentences"] == DEV
    assert main(["show", str(output)]) == 0
    assert f" {facts.quantization.summary()} " in " ".join(capsys.readouterr().out.split())
    assert main(["show", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quantization"] == facts.quantization.to_json()


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_archive_opens_with_the_layers_and_the_weights_that_were_written(
    scheme: str, model: Path, tmp_path: Path
) -> None:
    predictor = Predictor.load(model, "cpu")
    quantize(predictor.model, scheme)
    record = Quantization(scheme, 1.0, 1.0, 1.0, 1.0, 2.0, 0)
    calibration = archive.Calibration()
    archive.save_quantized(model, tmp_path / "new.tar.gz", predictor.model, calibration, record)
    opened = Predictor.load(tmp_path / "new.tar.gz", "cpu")
    assert opened.archive.quantization == record
    written, found = predictor.model.state_dict(), opened.model.state_dict()
    assert written.keys() == found.keys()
    assert all(torch.equal(written[name], found[name]) for name in written)
    assert {written[name].dtype for name in written} > {torch.float32}
    weights = opened.model.embedder.transformer.encoder.layer[0].attention.self.query.weight
    assert weights.dtype in (torch.int8, torch.bfloat16)
    assert opened(TEXTS) == [example for text in TEXTS for example in predictor([text])]
    # The smaller numbers are not kept beside those of float32.
    assert (tmp_path / "new.tar.gz").stat().st_size < model.stat().st_size


@pytest.mark.usefixtures("speeds")
def test_bfloat16_is_tried_only_where_the_cpu_has_it(
    cpu: bool, model: Path, dev: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantize", str(model), dev, "--tolerance", "100", "-o", str(tmp_path / "a.tar.gz")]) == 0
    tried = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[2:-2]]
    partly = "int8, the last product of each layer "
    assert tried == (["bfloat16", "int8", f"{partly}bfloat16"] if cpu else ["int8", f"{partly}float32"])


def test_nothing_is_written_when_none_is_fast_and_good_enough(
    model: Path, dev: str, tmp_path: Path, speeds: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    speeds.update(dict.fromkeys(speeds, 1.5))
    output = tmp_path / "fast.tar.gz"
    assert main(["quantize", str(model), dev, "--output", str(output)]) == 2
    printed = capsys.readouterr()
    assert printed.out.count("slower than float32") == len(printed.out.splitlines()) - 4
    assert re.search(r"One right answer more or less moves F1 by about \d+\.\d points here", printed.out)
    assert printed.err.startswith(f"error: {model}: no precision is faster than float32 here and loses at most 0.3 ")
    assert not output.exists()


def test_a_precision_that_loses_more_than_the_tolerance_is_left_out(
    model: Path, dev: str, tmp_path: Path, speeds: dict[str, float], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    own = Int8Linear.forward
    monkeypatch.setattr(Int8Linear, "forward", lambda layer, inputs: 1e4 * torch.randn_like(own(layer, inputs)))
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    output = tmp_path / "fast.tar.gz"
    assert main(["quantize", str(model), dev, "--tolerance", "10", "-o", str(output)]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"loses \d+\.\d\d of (?:entity )?F1$", out, re.MULTILINE)) == 2
    quantization = read_facts(output).quantization
    assert quantization is not None and quantization.scheme == "bf16"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ARCHIVE", "DEV", "--tolerance", "-1"], "error: --tolerance -1.0: expected points of F1, from 0 to 100\n"),
        (["ARCHIVE", "DEV", "--tolerance", "nan"], "error: --tolerance nan: expected points of F1, from 0 to 100\n"),
        (["ARCHIVE", "DEV", "-o", "ARCHIVE"], "error: ARCHIVE: is the archive itself, which stays as it is; name"),
        (["WORDS", "DEV", "-o", "OUT"], "error: WORDS: has no transformer, and only transformers gain by bfloat16"),
        (["ARCHIVE", "BARE", "-o", "OUT"], "error: BARE: the model finds no relation here, so there is nothing to"),
        (["nowhere.tar.gz", "DEV"], "error: nowhere.tar.gz: no such archive\n"),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str], message: str, model: Path, archive: str, dev: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"tokens": ["Nothing", "here"], "entities": [], "relations": []}\n')
    places = {"ARCHIVE": str(model), "DEV": dev, "WORDS": archive, "BARE": str(bare), "OUT": str(tmp_path / "o.tar.gz")}
    assert main(["quantize", *(places.get(argument, argument) for argument in arguments)]) == 2
    for name, place in places.items():
        message = message.replace(name, place)
    assert capsys.readouterr().err.startswith(message)
    assert not (tmp_path / "o.tar.gz").exists()


@pytest.mark.usefixtures("speeds")
def test_an_archive_is_quantized_once(
    model: Path, dev: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "quantized.tar.gz"
    assert main(["quantize", str(model), dev, "--tolerance", "100", "-o", str(output)]) == 0
    assert main(["quantize", str(output), dev, "-o", str(tmp_path / "again.tar.gz")]) == 2
    assert "predicts in int8 already; take the archive it was made of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"scheme": "int4"},
            "quantization.json is damaged: scheme: expected one of bf16, int8, ",
        ),
        ({"speed": "fast"}, 'quantization.json is damaged: speed: expected a number, got "fast"'),
        ({"scheme": "int8"}, "weights.safetensors does not fit the model: embedder.transformer.encoder.layer.0"),
    ],
)
def test_a_damaged_record_is_one_clear_error(
    changes: dict[str, Any], message: str, model: Path, tmp_path: Path
) -> None:
    record = {**Quantization("bf16", 1.0, 1.0, 1.0, 1.0, 2.0, 0).to_json(), **changes}
    write_members(tmp_path / "a.tar.gz", {**read_members(model), "quantization.json": json.dumps(record).encode()})
    with pytest.raises(ArchiveError, match="a.tar.gz: ") as error:
        archive.load(tmp_path / "a.tar.gz")
    assert message in str(error.value)


def test_a_sentence_is_answered_the_same_alone_and_among_others(model: Path) -> None:
    made = archive.load(model).model
    quantize(made, "int8")
    examples = [Example(text.split()) for text in TEXTS]
    alone = [made.extract([example], LOADER)[0] for example in examples]
    assert [e.entities for e in made.extract(examples, LOADER)] == [e.entities for e in alone]
