"""The public function: it chooses by the kind of model, and its result can be saved."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import Trajectories, Trajectory, TrajectoryError, WeightsError
from skdyn.adaptation import Adaptation, CutSettings, LikelihoodSettings, ShootingSettings, adapt
from skdyn.models.adapters import load_adapter
from skdyn.models.weights import load_model

DUMMY = Path(__file__).parents[1] / "dummy"
FOLDERS = {"ode": DUMMY / "fim-ode-16d", "sde": DUMMY / "fim-sde-16d", "forecast": DUMMY / "lass-ode-tiny"}
SETTINGS = {
    "ode": ShootingSettings(rank=1, alpha=2.0, steps=1, starts=2, contexts=1, horizon=0.8, check_every=1),
    "sde": LikelihoodSettings(rank=1, alpha=2.0, steps=1, transitions=16, check_every=1),
    "forecast": CutSettings(rank=1, epochs=1, lr=1e-2),
}


@pytest.fixture(scope="module")
def series():
    t = np.linspace(0, 6, 40)
    return [(t, np.column_stack([np.cos(t), -np.sin(t)]) + 0.05 * np.random.default_rng(0).normal(size=(40, 2)))]


@pytest.mark.parametrize("kind", list(FOLDERS))
def test_every_kind_of_model_is_adapted_and_saved(kind, series, tmp_path):
    base = load_model(FOLDERS[kind])
    assert base.spec.kind == kind
    result = adapt(FOLDERS[kind], series, settings=SETTINGS[kind], seed=5)
    assert isinstance(result, Adaptation)
    assert result.model is base
    assert result.settings == type(SETTINGS[kind])(**(vars(SETTINGS[kind]) | {"seed": 5}))
    assert result.record["settings"]["seed"] == 5
    assert {"seconds", "steps", "searched_steps", "held_out_error", "held_out_is", "loss", "method", "data",
            "settings", "versions"} <= result.record.keys()  # fmt: skip
    assert result.record["versions"].keys() == {"python", "skdyn", "torch", "numpy", "safetensors"}
    assert result.record["data"]["points"] == 40
    assert result.record["data"]["held_out_points"] == 8
    result.save(tmp_path)
    merged = load_adapter(tmp_path, base)
    assert merged.sha256 != base.sha256
    name = next(iter(result.state)).removesuffix(".down")
    scale = result.settings.alpha / result.settings.rank
    update = scale * result.state[f"{name}.up"] @ result.state[f"{name}.down"]
    own, added = (model.network.get_submodule(name).weight for model in (base, merged))
    torch.testing.assert_close(added, own + update)


def test_a_loaded_model_and_single_settings_are_taken(series):
    result = adapt(load_model(FOLDERS["forecast"]), series, rank=2, epochs=1)
    assert result.settings == CutSettings(rank=2, epochs=1)


def test_an_adaptation_is_said_in_one_line(series):
    result = adapt(FOLDERS["forecast"], series, rank=2, epochs=1)
    errors = result.record["held_out_error"]
    said = f"steps=1, held_out_error={errors['start']:.3g} -> {errors['chosen']:.3g})"
    assert repr(result) == f"Adaptation({result.model.spec.name!r}, {said}"
    assert repr(replace(result, record={})) == f"Adaptation({result.model.spec.name!r})"


def test_numbers_of_other_libraries_can_be_saved(series, tmp_path):
    result = adapt(FOLDERS["sde"], series, rank=np.int64(1), steps=np.int64(1), prior=np.float32(0.1), transitions=16)
    assert result.record["checked_steps"] == [0, 1]  # the only step, although a check is due every five
    result.save(tmp_path)
    load_adapter(tmp_path, result.model)


def test_only_a_forecaster_takes_gaps(series):
    t, x = series[0]
    x = x.copy()
    x[3, 1] = np.nan
    gaps = Trajectories.with_gaps([(t, x)])
    assert adapt(FOLDERS["forecast"], gaps, settings=SETTINGS["forecast"]).record["searched_steps"] == 1
    for kind in ("ode", "sde"):
        with pytest.raises(TrajectoryError, match="trajectory 0, row 3, column 1: the state is NaN"):
            adapt(FOLDERS[kind], gaps, settings=SETTINGS[kind])
    with pytest.raises(TrajectoryError, match="trajectory 0, row 3, column 1: the state is NaN"):
        adapt(FOLDERS["forecast"], [(t, x)], settings=SETTINGS["forecast"])


def test_wrong_arguments(series):
    with pytest.raises(ValueError, match="settings of 'fim-sde' must be LikelihoodSettings, got ShootingSettings"):
        adapt(FOLDERS["sde"], series, settings=SETTINGS["ode"])
    with pytest.raises(TypeError, match="epochs"):
        adapt(FOLDERS["ode"], series, epochs=3)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        adapt(FOLDERS["ode"], series, steps=0)
    with pytest.raises(WeightsError, match="no model 'no-such-model'"):
        adapt("no-such-model", series)


@pytest.mark.parametrize("kind", list(FOLDERS))
def test_inputs_and_parameters_are_refused(kind):
    t = np.linspace(0.0, 4.0, 40)
    driven = Trajectories(
        [Trajectory(t, np.cos(t)[:, None], u=np.sin(t), p=2.0, input_names=["torque"], parameter_names=["mass"])]
    )
    with pytest.raises(TrajectoryError, match="without inputs and parameters, but the trajectories have torque, mass"):
        adapt(FOLDERS[kind], driven)
