"""``skdyn adapt`` writes an adapter of every kind of model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, FIMSDERegressor, LASSODEForecaster
from skdyn.cli import main
from skdyn.data.table import read_csv

DUMMY = Path(__file__).parents[1] / "dummy"


def adapt(data, model, out, *more):
    return main(["adapt", str(data), "--model", str(model), "--out", str(out), "--rank", "2", *more])


def test_of_odes(csv_file, tmp_path, capsys):
    model, out = DUMMY / "fim-ode-16d", tmp_path / "adapter"
    threads = torch.get_num_threads()
    assert adapt(csv_file, model, out, "--steps", "1", "--group", "group") == 0
    assert torch.get_num_threads() == threads
    printed = capsys.readouterr()
    assert "  trajectories: 2 (told apart by column 'group'), 80 points\n" in printed.out
    assert "held-out windows" in printed.out
    assert f"FIMODERegressor(model='{model}', adapter='{out}')" in printed.out
    assert "100%" in printed.err  # the progress bar
    description = json.loads((out / "adapter.json").read_text())
    assert description["rank"] == 2
    assert description["training"]["data"]["feature_names"] == ["prey", "predator"]
    estimator = FIMODERegressor(model=model, adapter=out, device="cpu").fit(read_csv(csv_file))
    assert np.isfinite(estimator.vector_field([[0.1, 0.2]])).all()


def test_of_sdes(csv_file, tmp_path, capsys):
    model, out = DUMMY / "fim-sde-16d", tmp_path / "adapter"
    assert adapt(csv_file, model, out, "--steps", "5", "--seed", "1") == 0
    printed = capsys.readouterr().out
    assert "negative log-likelihood" in printed
    assert f"FIMSDERegressor(model='{model}', adapter='{out}')" in printed
    data = read_csv(csv_file)
    fitted = FIMSDERegressor(model, device="cpu", adapter=out).fit(data)
    assert np.isfinite(fitted.diffusion(data.states[0][:3])).all()


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_of_a_forecaster_as_the_estimator_does(csv_file, tmp_path, capsys):
    model, out = DUMMY / "lass-ode-tiny", tmp_path / "adapter"
    assert adapt(csv_file, model, out, "--steps", "2") == 0
    printed = capsys.readouterr()
    assert "Forecast loss on the held-out ends" in printed.out
    assert f"LASSODEForecaster(model='{model}', adapter='{out}')" in printed.out
    assert "epoch" in printed.err  # the progress bar
    record = json.loads((out / "adapter.json").read_text())
    assert record["alpha"] == 4.0
    assert record["training"]["settings"]["epochs"] == 2
    data, later = read_csv(csv_file), np.linspace(8.2, 12, 9)
    adapted = LASSODEForecaster(model=model, adapter=out, device="cpu", ensemble=None).fit(data)
    tuned = LASSODEForecaster(model=model, fine_tune={"rank": 2, "epochs": 2}, device="cpu", ensemble=None).fit(data)
    np.testing.assert_allclose(adapted.predict(later), tuned.predict(later), atol=1e-6)
    assert adapted.weights_["sha256"] != tuned.weights_["sha256"]


def test_as_json(csv_file, tmp_path, capsys):
    out = tmp_path / "adapter"
    assert adapt(csv_file, DUMMY / "fim-ode-16d", out, "--steps", "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["estimator"] == "FIMODERegressor"
    assert told["adapter"] == str(out)
    assert told["training"]["held_out_error"]["chosen"] <= told["training"]["held_out_error"]["start"]
    assert told["data"]["n_points"] == 80


def test_harm_is_said(csv_file, tmp_path, capsys, monkeypatch):
    from skdyn.adaptation import cuts

    monkeypatch.setattr(cuts, "least_error", lambda checks: 0)
    assert adapt(csv_file, DUMMY / "lass-ode-tiny", tmp_path / "adapter", "--steps", "1") == 0
    out = capsys.readouterr().out
    assert "\n0 steps in " in out
    assert "Every step made it worse: the adapter changes nothing." in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", __file__], "is a file: --out names a folder"),
        (["--model", "no-such-model"], "no model 'no-such-model'"),
        (["--rank", "17"], "rank 17 does not fit 'encoder.0.attention.query'"),
        (["--features", "z"], "no column 'z'"),
    ],
)
def test_what_cannot_be_done_is_named(csv_file, tmp_path, capsys, options, message):
    out = tmp_path / "out"
    assert adapt(csv_file, DUMMY / "fim-ode-16d", out, *options) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("wrong", [["--rank", "0"], ["--steps", "0"], ["--seed", "-1"], ["--steps", "many"]])
def test_wrong_usage(capsys, wrong):
    with pytest.raises(SystemExit) as caught:
        main(["adapt", "a.csv", "--out", "x", *wrong])
    assert caught.value.code == 2
    assert f"argument {wrong[0]}: " in capsys.readouterr().err
