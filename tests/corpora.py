"""Where corpora and models lie that are not part of this repository; tests that need them are skipped without."""

import os
from pathlib import Path

CORPORA = Path(os.environ.get("RELX_CORPORA", Path(__file__).resolve().parents[2] / "shared"))
