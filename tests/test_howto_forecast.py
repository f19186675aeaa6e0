"""The code of docs/howto/forecast.md runs, here with the tiny model."""

import re
import warnings
from functools import partial
from pathlib import Path

import numpy as np

import skdyn

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "forecast.md"


def test_the_page_runs(dummy_folder):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    code = code.replace("from skdyn import LASSODEForecaster\n", "").replace("epochs=30", "epochs=1")
    model = dummy_folder.parent / "lass-ode-tiny"
    names: dict = {"LASSODEForecaster": partial(skdyn.LASSODEForecaster, model)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skdyn.ForecastWarning)  # random weights reconstruct nothing
        exec(compile(code, str(PAGE), "exec"), names)
    assert names["est"].fine_tuning_["searched_epochs"] == 1
    assert np.isfinite(names["est"].predict(names["later"])).all()
