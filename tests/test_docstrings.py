"""Every example in a docstring, and the README's, runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import matplotlib
import pytest

import skdyn

matplotlib.use("agg")

MODULES = [
    module.name
    for module in pkgutil.walk_packages(skdyn.__path__, "skdyn.")
    if not module.name.endswith("__main__") and module.name != "skdyn.cli"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_the_readme_runs():
    import matplotlib.pyplot as plt

    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len(blocks) == 4
    names: dict = {}
    exec(compile("".join(blocks), "README.md", "exec"), names)
    assert [point.kind for point in names["est"].equilibria()] == ["stable spiral"]
    plt.close("all")
