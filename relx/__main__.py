"""``python -m relx``."""

import sys

from relx.commands import main

sys.exit(main())
