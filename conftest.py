"""What every test needs, doctests included: pictures that open no window."""

import os

os.environ["MPLBACKEND"] = "agg"
