"""Trajectories over time, and the codes of a grainer."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn import (
    FIMCoarseGrainer,
    FIMSDERegressor,
    ForecastWarning,
    LASSODEForecaster,
    LatentDisplay,
    PhasePortraitDisplay,
    SparseODERegressor,
    Trajectories,
    TrajectoryDisplay,
)
from skdyn.data.trajectory import Trajectory

T = np.linspace(0, 6, 60)
X = 3 + np.column_stack([np.cos(2 * T), -2 * np.sin(2 * T)])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def estimator():
    return SparseODERegressor().fit([Trajectory(T[:40], X[:40], ("a", "b"))])


def test_it_shows_data_simulation_bands_and_what_was_held_out(estimator):
    display = TrajectoryDisplay.from_estimator(estimator, held_out=Trajectory(T[40:], X[40:], ("a", "b")), n_samples=5)
    assert repr(display) == "TrajectoryDisplay(a, b; 40 observed, 20 held out)"
    lines = {line.get_label(): line for line in display.ax_[1].get_lines()}
    np.testing.assert_array_equal(lines["data"].get_ydata(), X[:40, 1])
    np.testing.assert_allclose(lines["held out"].get_ydata(), X[40:, 1])
    np.testing.assert_allclose(lines["simulation"].get_ydata()[-1], X[-1, 1], atol=0.05)
    labels = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert labels == ["90% of the sampled fields", "50% of the sampled fields", "simulation", "data", "held out"]
    times, quantiles = display.band
    assert quantiles.shape == (4, len(times), 2)
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert display.ax_[0].get_ylim()[0] >= 0
    display.figure_.canvas.draw()


def test_what_was_held_out_came_after_it(estimator):
    after = Trajectory(T[40:], X[40:], ("a", "b"))
    with pytest.raises(ValueError, match=r"begins at 0, but series 0 was observed until 3.9661: .*held_out=\(t, x\)"):
        TrajectoryDisplay.from_estimator(estimator, held_out=X[40:])
    with pytest.raises(ValueError, match="held_out holds 2 trajectories: give the one that came after series 0"):
        TrajectoryDisplay.from_estimator(estimator, held_out=Trajectories([after, after]))
    whole = TrajectoryDisplay.compute(estimator, held_out=(T, X), n_samples=0)
    np.testing.assert_array_equal(whole.held_out[0], T[40:])
    days = np.datetime64("2024-01-01") + np.arange(60)
    dated = SparseODERegressor().fit(Trajectories([(days[:40], X[:40])], time_unit="day"))
    display = TrajectoryDisplay.compute(dated, held_out=(days[40:], X[40:]), n_samples=0)
    np.testing.assert_array_equal(display.held_out[0], np.arange(40, 60))


def test_the_band_follows_many_cycles(monkeypatch):
    t = np.linspace(0, 100, 600)
    cycles = SparseODERegressor(max_degree=1).fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    times, (lowest, *_, highest) = TrajectoryDisplay.compute(cycles, n_samples=3).band
    assert times[-1] == 100
    np.testing.assert_allclose([lowest[:, 0], highest[:, 0]], [np.cos(times)] * 2, atol=0.02)
    monkeypatch.setattr("skdyn.plotting.trajectories._MOST_STEPS", 150)
    display = TrajectoryDisplay.from_estimator(cycles, n_samples=3)
    assert len(ended := display.band[0]) == 151
    assert 40 < ended[-1] < 70
    said = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert f"90% of the sampled fields, until {ended[-1]:.3g}" in said


def test_the_band_of_a_slow_motion_with_spikes_goes_on():
    t = np.linspace(0, 60, 1200)
    x = solve_ivp(lambda _, x: [x[1], 5 * (1 - x[0] ** 2) * x[1] - x[0]], (0, 60), [2, 0], t_eval=t, rtol=1e-8).y.T
    spiking = SparseODERegressor(library="x0, x1, x0^2*x1").fit([(t, x)])
    assert TrajectoryDisplay.compute(spiking, n_samples=3).band[0][-1] > 40


def test_of_an_sde_it_shows_the_paths(dummy_sde):
    x = np.cumsum(np.random.default_rng(0).normal(size=(80, 1)), axis=0)
    display = TrajectoryDisplay.from_estimator(FIMSDERegressor(dummy_sde, device="cpu").fit(x), n_samples=3)
    labels = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert labels[:3] == ["90% of the paths", "50% of the paths", "median of the paths"]


@pytest.fixture
def dummy_sde(dummy_folder):
    return dummy_folder.parent / "fim-sde-16d"


def test_what_cannot_be_drawn_is_refused(estimator, dummy_folder):
    with pytest.raises(ValueError, match="series 1: the estimator was fitted on 1"):
        TrajectoryDisplay.from_estimator(estimator, series=1)
    with pytest.warns(ForecastWarning):  # random weights
        forecaster = LASSODEForecaster(dummy_folder.parent / "lass-ode-tiny", ensemble=None).fit([(T, X)])
    with pytest.raises(
        ValueError, match="TrajectoryDisplay draws simulations, and LASSODEForecaster is a forecaster: use F"
    ):
        TrajectoryDisplay.from_estimator(forecaster)


def test_positive_data_are_drawn_on_positive_axes(estimator):
    ax = PhasePortraitDisplay.from_estimator(estimator, resolution=5).ax_
    assert ax.get_xlim()[0] >= 0
    assert ax.get_ylim()[0] >= 0
    bounds = [[-1.0, 5.0], [-2.0, 6.0]]
    assert PhasePortraitDisplay.from_estimator(estimator, bounds=bounds, resolution=5).ax_.get_xlim() == (-1.0, 5.0)


def test_codes_of_a_grainer(dummy_sde):
    frames = np.cumsum(np.random.default_rng(0).normal(size=(120, 2)), axis=0) @ np.ones((2, 6))
    grainer = FIMCoarseGrainer(model=dummy_sde, max_iter=2, hidden=(4,), random_state=0, device="cpu").fit(frames)
    display = LatentDisplay.from_estimator(grainer, resolution=4)
    assert repr(display) == "LatentDisplay(1 code, 120 frames)"
    (line,) = display.ax_[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), grainer.context_.states[0][:, 0])
    assert "drift of code 0" in [ax.get_ylabel() for ax in display.figure_.axes]
