"""``relx doctor``: what an installation is made of and whether it works, found out without network."""

import argparse
import importlib
import logging
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from relx.errors import ArchiveError
from relx.version import __version__

MODULES = {"jsonnet": "_jsonnet"}
# What only those who work on relx itself need.
OWN_EXTRAS = ("dev", "docs", "browser")
# What each of them is called by torch. bfloat16 without them is emulated, and slow.
INSTRUCTIONS = {
    "AVX2": ("avx2",), "AVX-512": ("avx512_f",), "bfloat16": ("avx512_bf16", "amx_bf16"),
    "VNNI": ("avx512_vnni", "avx_vnni"), "AMX": ("amx_tile",),
}  # fmt: skip
EXPERIMENT: dict[str, Any] = {
    "dataset_reader": {"type": "jsonl"},
    "model": {
        "embedder": {"type": "words", "dim": 8},
        "encoder": {"type": "lstm", "hidden_size": 8},
        "head": {"type": "hmt", "hidden_size": 8, "tag_dim": 8},
    },
    "trainer": {"epochs": 1, "optimizer": {"type": "adam"}},
}


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis; ``fault`` says what to do about it, where relx cannot work so."""

    name: str
    text: str
    fault: str | None = None

    def __str__(self) -> str:
        return f"{self.name:20}{self.text}" + (f"\n{'':20}FAULT: {self.fault}" if self.fault is not None else "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("archive", nargs="?", help="also show the precision of the model of this archive on this CPU")


def run(args: argparse.Namespace) -> int:
    """Print the findings as they come; 2 if one of them is a fault."""
    faults = 0
    for finding in examine(args.archive):
        print(finding, flush=True)
        faults += finding.fault is not None
    if faults:
        print(f"{faults} faults" if faults > 1 else "1 fault", file=sys.stderr)
    return 2 if faults else 0


def examine(archive: str | None = None) -> Iterator[Finding]:
    """Yield all findings, one after the other; with the path of an archive, also how its model predicts here."""
    python = f"{platform.python_version()} ({sys.executable}) on {platform.system()} {platform.machine()}"
    yield Finding("relx", f"{__version__} ({Path(__file__).parents[1]})")
    yield Finding("python", python)
    yield from _libraries()
    if _import("torch") is None:
        yield from _devices()
        yield _try("training", "a step, an archive, a prediction", _train_and_predict)
        yield from _models()
    yield from _folders()
    if archive is not None:
        yield _precision_of(archive)


def _precision_of(archive: str) -> Finding:
    """Return the precision in which an archive predicts, and what this CPU lacks for it."""
    from relx.archive_file import read_facts
    from relx.utils.precision import has_bf16

    try:
        quantization = read_facts(archive).quantization
    except ArchiveError as error:
        return Finding("archive", archive, str(error))
    if quantization is None:
        return Finding("archive", f"{archive}: predicts in float32")
    lacks = quantization.needs_bf16 and not has_bf16("cpu")
    note = "; this CPU has no bfloat16 and takes those products in float32, which is slower" if lacks else ""
    return Finding("archive", f"{archive}: predicts in {quantization.summary()}{note}")


def _libraries() -> Iterator[Finding]:
    """Yield the installed version of each dependency of relx beside the version that relx requires."""
    try:
        required = [Requirement(text) for text in metadata.requires("relx") or ()]
    except metadata.PackageNotFoundError:
        yield Finding("libraries", "relx is run from its source, not installed: what it asks for is not known")
        return
    optional: dict[str, list[Requirement]] = {}
    for requirement in required:
        extra = _extra_of(requirement)
        if extra is None:
            yield _library(requirement)
        elif extra not in OWN_EXTRAS:
            optional.setdefault(requirement.name, []).append(requirement)
    for name, requirements in optional.items():
        extras = [extra for requirement in requirements if (extra := _extra_of(requirement))]
        if _version(name) is None:
            install = f"pip install 'relx[{extras[0]}]'"
            yield Finding(name, f"not installed; only needed for {' and '.join(extras)}: {install}")
        else:
            found = _library(requirements[0])
            yield replace(found, text=f"{found.text} ({', '.join(extras)})")


def _extra_of(requirement: Requirement) -> str | None:
    """Return the extra that a requirement belongs to, or None if relx always requires it."""
    found = re.search(r'extra == "([^"]+)"', str(requirement.marker or ""))
    return found[1] if found else None


def _library(requirement: Requirement) -> Finding:
    version, asked = _version(requirement.name), str(requirement.specifier)
    if version is None:
        return Finding(requirement.name, "missing", f"pip install '{requirement.name}{asked}'")
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(requirement.name, version, f"relx asks for {asked}: pip install '{requirement.name}{asked}'")
    if (error := _import(MODULES.get(requirement.name, requirement.name.replace("-", "_")))) is not None:
        return Finding(requirement.name, version, f"cannot be imported ({error}); install it again")
    return Finding(requirement.name, version)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _import(module: str) -> str | None:
    """Return why a module cannot be imported, or None if it can."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken build may raise anything
        return f"{type(error).__name__}: {error}"
    return None


def _devices() -> Iterator[Finding]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS")
    because = f" (OMP_NUM_THREADS={asked})" if asked else ""
    yield Finding("cpu", f"{cores} cores, {torch.get_num_threads()} threads{because}")
    yield Finding("cpu has", _instructions())
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(number)
        memory = f"{properties.total_memory / 2**30:.0f} GiB"
        yield _try(f"cuda:{number}", f"{properties.name}, {memory}", partial(_compute, f"cuda:{number}"))
    if torch.backends.mps.is_available():
        yield _try("mps", "Apple's GPU", partial(_compute, "mps"))


def _instructions() -> str:
    """Return which instructions the CPU has that make prediction faster, and those that it lacks."""
    import torch

    if not hasattr(torch.cpu, "get_capabilities"):  # older versions of torch
        return torch.backends.cpu.get_cpu_capability()
    known = torch.cpu.get_capabilities()
    found = {name: any(known.get(flag) for flag in flags) for name, flags in INSTRUCTIONS.items()}
    lacking = [name for name, present in found.items() if not present]
    return ", ".join(name for name in found if found[name]) + (f"; not {', '.join(lacking)}" if lacking else "")


def _compute(device: str) -> None:
    import torch

    torch.ones(8, 8, device=device).matmul(torch.ones(8, 8, device=device)).sum().item()


def _try(name: str, what: str, action: Callable[[], object]) -> Finding:
    started = time.perf_counter()
    try:
        action()
    except Exception as error:  # any error is the answer to the user's question
        return Finding(name, what, f"{type(error).__name__}: {error}")
    return Finding(name, f"{what}: {time.perf_counter() - started:.1f} s")


def _train_and_predict() -> None:
    """Run a whole experiment on a few sentences, in a temporary folder."""
    from relx.data.json_form import example_to_json, to_line
    from relx.predictors import Predictor
    from relx.testing import SENTENCES
    from relx.training.run import train_in_folder
    from relx.utils.files import atomic_write

    with tempfile.TemporaryDirectory() as name, _silence():
        folder = Path(name)
        with atomic_write(folder / "train.jsonl") as file:
            file.writelines(to_line(example_to_json(example)) + "\n" for example in SENTENCES)
        tree = {**EXPERIMENT, "train_data_path": str(folder / "train.jsonl")}
        run = train_in_folder(tree, folder / "run")
        Predictor.load(run.archive)(["Ada Lovelace was born in London."])


@contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _models() -> Iterator[Finding]:
    """Yield the folders of pretrained models and the models in them."""
    from huggingface_hub import constants

    hub = Path(constants.HF_HUB_CACHE)
    names = [path.name.removeprefix("models--").replace("--", "/") for path in _entries(hub, "models--*")]
    offline = ", offline (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else ""
    yield Finding("transformers in", f"{hub}: {', '.join(names) or 'none yet'}{offline}")
    if _version("stanza") is not None:
        from stanza.resources.common import DEFAULT_MODEL_DIR

        languages = [path.name for path in _entries(Path(DEFAULT_MODEL_DIR), "*") if path.is_dir()]
        yield Finding("stanza in", f"{DEFAULT_MODEL_DIR}: {', '.join(languages) or 'none yet'}")


def _entries(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if os.access(folder, os.R_OK) else []


def _folders() -> Iterator[Finding]:
    """Yield the folders that relx writes to: annotations of sentences, temporary files, the runs."""
    from relx.annotators.cache import default_folder

    yield _writable("annotations in", default_folder(), "set XDG_CACHE_HOME, or give taggers and parsers a `cache`")
    yield _temporary()
    yield _writable("runs in", Path.cwd() / "runs", "train elsewhere, or give relx train an output folder (-s)")


def _temporary() -> Finding:
    try:
        return Finding("temporary in", tempfile.gettempdir())  # which is chosen by writing to it
    except OSError as error:
        return Finding("temporary in", "", f"no folder can be written to: set TMPDIR ({error})")


def _writable(name: str, folder: Path, advice: str) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return Finding(name, str(folder))
    except OSError as error:
        return Finding(name, str(folder), f"cannot be written ({error.strerror}): {advice}")
