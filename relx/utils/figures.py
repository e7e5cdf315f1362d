"""Drawings of matplotlib as files."""

from pathlib import Path

from matplotlib.figure import Figure

from relx.errors import ConfigError
from relx.utils.files import atomic_binary

DOTS_PER_INCH = 150


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the form that its name ends in, such as ``.png`` or ``.pdf``; whole or not at all.

    Raises ConfigError for an unknown ending, RelxError when the file cannot be written.
    """
    form, known = path.suffix.removeprefix("."), figure.canvas.get_supported_filetypes()
    if form not in known:
        raise ConfigError(f"{path}: a drawing ends in one of: {', '.join(f'.{ending}' for ending in known)}")
    with atomic_binary(path) as file:
        figure.savefig(file, format=form, dpi=DOTS_PER_INCH)
