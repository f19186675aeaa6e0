"""The code of docs/howto/stochastic.md and docs/examples/double_well.py runs, here with the tiny model."""

import re
import runpy
import warnings
from pathlib import Path

import matplotlib
import numpy as np

import skdyn

matplotlib.use("agg")

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_runs(dummy_folder, monkeypatch):
    import matplotlib.pyplot as plt

    model = dummy_folder.parent / "fim-sde-16d"
    code = "\n".join(re.findall(r"```python\n(.*?)```", (DOCS / "howto" / "stochastic.md").read_text(), re.DOTALL))
    assert code.count("FIMSDERegressor()") == 1
    names: dict = {"model": model}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skdyn.ConvergenceWarning)  # random weights push paths out of the grid
        exec(compile(code.replace("FIMSDERegressor()", "FIMSDERegressor(model)"), "stochastic.md", "exec"), names)
    assert names["paths"].shape == (100, 201, 1)
    for density in (names["density"], names["counted"]):
        np.testing.assert_allclose(density.sum() * 0.05, 1, rtol=1e-6)
    plt.close("all")


def test_the_example_runs(dummy_folder, tmp_path, capsys):
    import matplotlib.pyplot as plt

    example = runpy.run_path(str(DOCS / "examples" / "double_well.py"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skdyn.ConvergenceWarning)
        example["main"](tmp_path, dummy_folder.parent / "fim-sde-16d")
    printed = capsys.readouterr().out
    assert "total variation between the stationary densities: " in printed
    assert {path.name for path in tmp_path.iterdir()} == {"double_well.png", "double_well_paths.png"}
    plt.close("all")
