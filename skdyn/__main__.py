"""``python -m skdyn``."""

import sys

from skdyn.cli import main

sys.exit(main())
