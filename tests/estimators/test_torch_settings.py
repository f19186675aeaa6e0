"""The user's settings of torch around a call change no answer, and none of what is kept for later calls."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import FIMCoarseGrainer, FIMODERegressor, FIMSDERegressor, LASSODEForecaster
from skdyn.adaptation import adapt
from skdyn.datasets import make_blob_video
from skdyn.forecasting.arbiter_files import load_arbiter
from skdyn.models import adapters, devices, weights
from skdyn.models.sharing import Shared
from tests.contract.test_contract import DUMMY, DUMMY_SDE

pytestmark = pytest.mark.filterwarnings("ignore:the network reconstructs:skdyn.ForecastWarning")
DUMMY_FORECASTER = str(Path(DUMMY).with_name("lass-ode-tiny"))
T = np.linspace(0, 8, 50)
STATES = np.array([[0.5, 0.1], [1.0, -1.0], [0.2, 0.3]])
LATER = np.array([7.0, 8.5, 9.0])


def orbits():
    decays = [radius * np.exp(-0.1 * T)[:, None] for radius in (0.5, 1.0, 2.0)]
    return [(T, decay * np.column_stack([np.cos(T), -np.sin(T)])) for decay in decays]


def walks():
    rng = np.random.default_rng(0)
    return [(T, np.cumsum(rng.normal(scale=0.3, size=(len(T), 2)), axis=0)) for _ in range(3)]


def ode(folder):
    est = FIMODERegressor(device="cpu").fit(orbits())
    return est.predict(STATES), est.jacobian(STATES), est.sample_fields(2, random_state=0)(STATES)


def tiny_ode(folder):
    est = FIMODERegressor(DUMMY, device="cpu", precision="float64").fit(orbits())
    return est.predict(STATES), est.jacobian(STATES)


def sde(folder):
    est = FIMSDERegressor(device="cpu").fit(walks())
    return est.predict(STATES), est.diffusion(STATES), est.jacobian(STATES)


def forecast(folder):
    est = LASSODEForecaster(DUMMY_FORECASTER, device="cpu").fit(orbits()[:1])
    return est.predict(LATER)[0], est.derivative(LATER)[0]


def tuned_forecast(folder):
    tuning = {"rank": 2, "epochs": 1}
    est = LASSODEForecaster(DUMMY_FORECASTER, device="cpu", ensemble=None, fine_tune=tuning).fit(orbits())
    return (est.predict(LATER)[0],)


def codes(folder):
    video = make_blob_video(60, size=7)
    small = {"max_iter": 3, "hidden": (8,), "context_size": 50, "n_queries": 16, "random_state": 0, "device": "cpu"}
    est = FIMCoarseGrainer(model=DUMMY_SDE, **small).fit(video.frames, t=video.t)
    found = est.transform(video.frames)
    return found, est.inverse_transform(found)


def adapted_ode(folder):
    adapt(DUMMY, orbits()[:1], rank=2, steps=1, contexts=1, starts=4).save(folder)
    return (FIMODERegressor(DUMMY, device="cpu", adapter=folder).fit(orbits()).predict(STATES),)


def adapted_sde(folder):
    adapt(DUMMY_SDE, walks(), rank=2, steps=1, transitions=32).save(folder)
    return (FIMSDERegressor(DUMMY_SDE, device="cpu", adapter=folder).fit(walks()).predict(STATES),)


@contextmanager
def default_type():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SURROUNDINGS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "default type": default_type,
}


@pytest.fixture
def forget(monkeypatch):
    """Forgets what this process has loaded."""

    def forget():
        for room, name in ((weights, "_LOADED"), (adapters, "_MERGED"), (devices, "_NETWORKS")):
            monkeypatch.setattr(room, name, Shared(8))
        load_arbiter.cache_clear()

    yield forget
    load_arbiter.cache_clear()


@pytest.mark.parametrize(
    "answers",
    [
        ode,
        tiny_ode,
        sde,
        pytest.param(forecast, marks=pytest.mark.slow),
        tuned_forecast,
        codes,
        pytest.param(adapted_ode, marks=pytest.mark.slow),
        pytest.param(adapted_sde, marks=pytest.mark.slow),
    ],
)
def test_answers_do_not_depend_on_what_surrounds_them(answers, forget, tmp_path):
    expected = answers(tmp_path)
    for name, surrounding in SURROUNDINGS.items():
        forget()
        with surrounding():
            found = answers(tmp_path)
        for own, reference in zip(found, expected, strict=True):
            np.testing.assert_array_equal(own, reference, err_msg=name)


def test_what_inference_mode_has_loaded_serves_training(forget, tmp_path):
    forget()
    with torch.inference_mode():
        for answers in (tiny_ode, sde, forecast):
            answers(tmp_path)
        FIMSDERegressor(DUMMY_SDE, device="cpu").fit(walks())
    for answers in (sde, tuned_forecast, codes):
        answers(tmp_path)
