"""Print the oldest releases that pyproject.toml allows, as arguments for pip: ``python .ci/lowest.py [EXTRA ...]``.

torch is left to what is installed, and so is sympy, of which each torch wants its own: an older torch costs minutes and
gigabytes, so that the oldest one is tried by the hosted runs alone.
"""

import re
import sys
import tomllib
from pathlib import Path

AS_INSTALLED = {"torch", "sympy"}

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
wanted = list(project["dependencies"])
for extra in sys.argv[1:]:
    wanted += project["optional-dependencies"][extra]
for requirement in wanted:
    name, lowest = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\w.]+)", requirement).groups()
    if name not in AS_INSTALLED:
        print(f"{name}=={lowest}")
