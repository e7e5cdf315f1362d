import os
from importlib import metadata
from pathlib import Path

import pytest
import torch

from relx.archive_file import json_bytes, read_members, write_members
from relx.commands import doctor, main
from relx.commands.doctor import examine
from relx.quantization.record import Quantization

# No module has the name of the last one, although it is installed.
EXTRAS = ['tensorboard>=2; extra == "tensorboard"', 'pytest>=8; extra == "dev"', 'pytest-xdist>=3; extra == "docs"']
WANTED = ["torch>=2.4", "numpy>=999", "nowhere>=1", *EXTRAS]


@pytest.fixture
def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_train_and_predict", lambda: None)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What was printed, by the first word of the line; a fault is said of the line before it."""
    lines = capsys.readouterr().out.replace("\n" + " " * 20, " ").splitlines()
    return {line[:20].strip(): line[20:] for line in lines}


def test_a_sound_installation_trains_predicts_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["doctor"]) == 0
    found = said(capsys)
    assert found["training"].startswith("a step, an archive, a prediction: ")
    assert found["cpu"].split()[1] == "cores,"
    assert "AVX" in found["cpu has"]
    assert {"relx", "python", "transformers in", "stanza in", "annotations in", "temporary in"} < found.keys()
    assert list(tmp_path.iterdir()) == [] and caplog.messages == []


def test_it_says_what_the_cpu_has_and_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False, "avx_vnni": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert doctor._instructions() == "AVX2, AVX-512, VNNI; not bfloat16, AMX"


@pytest.mark.usefixtures("without_training")
class TestFaults:
    def test_libraries_that_are_missing_or_too_old(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(metadata, "requires", lambda name: WANTED)
        assert main(["doctor"]) == 2
        captured = capsys.readouterr()
        assert captured.err == "2 faults\n"
        assert f"numpy               {metadata.version('numpy')}\n" in captured.out
        assert "FAULT: relx asks for >=999: pip install 'numpy>=999'" in captured.out
        assert "nowhere             missing\n                    FAULT: pip install 'nowhere>=1'" in captured.out
        assert "\npytest" not in captured.out and "\ntensorboard" in captured.out

    def test_an_extra_that_is_not_there_is_no_fault(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(metadata, "requires", lambda name: ['nowhere>=1; extra == "serve"'])
        assert main(["doctor"]) == 0
        assert said(capsys)["nowhere"] == "not installed; only needed for serve: pip install 'relx[serve]'"

    def test_names_with_dashes_and_markers_with_several_conditions(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wanted = ['prometheus-client; extra == "serve"', 'nowhere; python_version >= "3.0" and extra == "dev"']
        monkeypatch.setattr(metadata, "requires", lambda name: wanted)
        assert main(["doctor"]) == 0
        found = said(capsys)
        assert found["prometheus-client"] == f"{metadata.version('prometheus-client')} (serve)"
        assert "nowhere" not in found

    def test_a_library_of_several_extras_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wanted = ['numpy; extra == "bulk"', 'nowhere; extra == "a"', 'numpy; extra == "ray"', 'nowhere; extra == "b"']
        monkeypatch.setattr(metadata, "requires", lambda name: wanted)
        assert main(["doctor"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if line.startswith(("numpy", "nowhere"))] == [
            f"numpy               {metadata.version('numpy')} (bulk, ray)",
            "nowhere             not installed; only needed for a and b: pip install 'relx[a]'",
        ]

    def test_a_library_that_cannot_be_imported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "broken_build.py").write_text("raise OSError('libbroken.so: no such file')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(metadata, "requires", lambda name: ["numpy"])
        monkeypatch.setitem(doctor.MODULES, "numpy", "broken_build")
        assert main(["doctor"]) == 2
        assert "FAULT: cannot be imported (OSError: libbroken.so: no such file)" in said(capsys)["numpy"]

    def test_relx_run_from_its_source(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def requires(name: str) -> list[str]:
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "requires", requires)
        assert main(["doctor"]) == 0
        assert "run from its source" in said(capsys)["libraries"]

    def test_training_that_fails(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            raise RuntimeError("illegal instruction")

        monkeypatch.setattr(doctor, "_train_and_predict", fail)
        assert main(["doctor"]) == 2
        assert said(capsys)["training"].endswith("FAULT: RuntimeError: illegal instruction")

    def test_a_cache_that_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert main(["doctor"]) == 2
        assert "cannot be written (Not a directory): set XDG_CACHE_HOME" in said(capsys)["annotations in"]


@pytest.mark.usefixtures("without_training")
def test_it_says_in_which_precision_an_archive_predicts(
    archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Quantization("int8_bf16", 0.6, 0.61, 0.8, 0.81, 2.5, 7)
    changed = str(tmp_path / "changed.tar.gz")
    write_members(Path(changed), {**read_members(archive), "quantization.json": json_bytes(record.to_json())})
    without = "this CPU has no bfloat16 and takes those products in float32"
    for able in (True, False):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda able=able: able)
        assert main(["doctor", changed]) == 0
        found = said(capsys)["archive"]
        assert found.startswith(f"{changed}: predicts in {record.summary()}") and (without in found) == (not able)
    assert main(["doctor", archive]) == 0
    assert said(capsys)["archive"] == f"{archive}: predicts in float32"
    assert main(["doctor", "nowhere.tar.gz"]) == 2
    assert said(capsys)["archive"].endswith("FAULT: nowhere.tar.gz: no such archive")


@pytest.mark.usefixtures("without_training")
def test_models_that_are_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants
    from stanza.resources import common

    for name in ("hub/models--google--bert_tiny", "hub/datasets--x", "stanza/en", "stanza/de"):
        os.makedirs(tmp_path / name)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(common, "DEFAULT_MODEL_DIR", str(tmp_path / "stanza"))
    found = {finding.name: finding.text for finding in examine()}
    assert found["transformers in"].startswith(f"{tmp_path}/hub: google/bert_tiny")
    assert found["stanza in"] == f"{tmp_path}/stanza: de, en"
