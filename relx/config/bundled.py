"""The experiments that come with relx: in the installed package, or beside it in a clone."""

from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# An import such as 'relx/corpora.libsonnet' is looked up here, wherever the importing file is.
FOLDER = next(folder for folder in (_PACKAGE / "experiments", _PACKAGE.parent / "experiments") if folder.is_dir())


@dataclass(frozen=True)
class BundledExperiment:
    """Name an experiment file of relx. ``summary`` is the first paragraph of its comment: paper and published score."""

    name: str
    path: Path
    summary: str


def experiments() -> list[BundledExperiment]:
    """Return the experiments that come with relx, by name."""
    return [BundledExperiment(path.stem, path, _summary(path)) for path in sorted(FOLDER.glob("*.jsonnet"))]


def resolve(path: str | Path) -> Path:
    """Return the file of an experiment: the path itself, or for the name of one that comes with relx, its file."""
    bundled = FOLDER / f"{path}.jsonnet"
    return bundled if "/" not in str(path) and not Path(path).exists() and bundled.is_file() else Path(path)


def _summary(path: Path) -> str:
    words = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("// "):
            break
        words.append(line.removeprefix("// "))
    return " ".join(words)
