"""Adapters of a forecaster from the command line."""

import json

import numpy as np
import pytest

from skdyn import LASSODEForecaster
from skdyn.adaptation.shooting import main


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_the_command_does_what_the_estimator_does(tmp_path, capsys, request):
    model = request.path.parents[1] / "dummy" / "lass-ode-tiny"
    t = np.linspace(0, 12, 60)
    pairs = [(t, np.column_stack([np.cos(t + p), np.sin(t + p)])) for p in (0.0, 1.0)]
    rows = [
        f"{k},{time!r},{x!r},{y!r}" for k, (times, z) in enumerate(pairs) for time, (x, y) in zip(times, z.tolist())
    ]
    data = tmp_path / "waves.csv"
    data.write_text("\n".join(["id,t,x,y", *rows]).replace("np.float64(", "").replace(")", "") + "\n")
    out = tmp_path / "adapter"
    arguments = ["--model", str(model), "--data", str(data), "--out", str(out), "--rank", "2", "--steps", "2"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "Forecast loss on the held-out ends" in printed.out
    assert f"LASSODEForecaster(model='{model}', adapter='{out}')" in printed.out
    assert "epoch" in printed.err  # the progress bar
    record = json.loads((out / "adapter.json").read_text())
    assert record["alpha"] == 4.0
    assert record["training"]["settings"]["epochs"] == 2
    later = np.linspace(12.2, 18, 9)
    adapted = LASSODEForecaster(model=model, adapter=out, device="cpu").fit(pairs)
    tuned = LASSODEForecaster(model=model, fine_tune={"rank": 2, "epochs": 2}, device="cpu").fit(pairs)
    np.testing.assert_allclose(adapted.predict(later), tuned.predict(later), atol=1e-6)
    assert adapted.weights_["sha256"] != tuned.weights_["sha256"]
