"""The folder of a search: what was searched."""

import json
from pathlib import Path
from typing import Any

from relx.errors import TrainingError
from relx.files import atomic_write
from relx.training.differences import differences
from relx.training.folder_lock import LOCK

SEARCH = "search.json"


def claim(folder: Path, search: dict[str, Any]) -> None:
    """Make the folder of a search, or take up the one that is there.

    Raises TrainingError when it cannot be made, holds something else, or another search.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = any(file.name != LOCK for file in folder.iterdir())
        before = json.loads((folder / SEARCH).read_bytes()) if present else None
    except FileNotFoundError:
        raise TrainingError(f"{folder}: holds no search to go on with; choose another folder (-s)") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder}: cannot be used as output folder: {error}") from None
    if before is None:
        with atomic_write(folder / SEARCH) as file:
            json.dump(search, file, indent=2)
    elif found := differences(before, search):
        listed = "".join(f"\n  {difference}" for difference in found)
        raise TrainingError(
            f"{folder}: was begun with another search:{listed}\nTake this back, or choose another folder"
        )
