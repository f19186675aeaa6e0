import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection

from skdyn import DriftDiffusionDisplay, FIMSDERegressor, PathFanDisplay, PhasePortraitDisplay, Trajectories
from skdyn.data.trajectories import Trajectory
from tests.estimators.test_stochastic import OrnsteinUhlenbeck, noisy

T = np.arange(60) * 0.1


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def fitted(dummy_folder):
    def fit(dim):
        rng = np.random.default_rng(dim)
        pairs = [Trajectory(T, np.cumsum(rng.normal(0, 0.3, (60, dim)), axis=0), tuple("abcd"[:dim])) for _ in "xy"]
        return FIMSDERegressor(dummy_folder.parent / "fim-sde-16d", device="cpu").fit(pairs)

    return fit


@pytest.mark.parametrize(("dim", "count"), [(1, 2), (2, 1), (3, 3)])
def test_the_display_holds_drift_and_diffusion(fitted, dim, count):
    est = fitted(dim)
    display = DriftDiffusionDisplay.from_estimator(est, resolution=7)
    assert len(np.atleast_1d(display.ax_)) == count
    mean = np.concatenate(est.context_.states).mean(axis=0)
    for drift, diffusion in zip(display.drift.slices, display.diffusion, strict=True):
        assert drift.variables == diffusion.variables
        index = (2, 4)[: len(drift.variables)]
        point = mean.copy()
        for variable, axis, place in zip(drift.variables, drift.axes, index, strict=True):
            point[variable] = axis[place]
        np.testing.assert_allclose(drift.field[index], est.vector_field(point), rtol=1e-3, atol=1e-5)
        value, scale = est.diffusion(point, return_std=True)
        np.testing.assert_allclose(diffusion.field[index], value, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(diffusion.scale[index], scale, rtol=1e-3, atol=1e-5)
    display.figure_.canvas.draw()


def test_the_shading_is_the_diffusion_in_deviations_of_the_data(fitted):
    est = fitted(2)
    display = DriftDiffusionDisplay.from_estimator(est, resolution=7, bounds=[[-2, 2], [-3, 3]])
    (image,) = display.ax_.get_images()
    deviation = np.concatenate(est.context_.states).std(axis=0)
    expected = np.sqrt(((display.diffusion[0].field / deviation) ** 2).mean(axis=-1))
    np.testing.assert_allclose(image.get_array(), expected.T)
    assert image.get_clim() == (0, expected.max())
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "b")
    assert image.get_extent() == [-2, 2, -3, 3]
    lines = {line.get_label(): line for line in display.ax_.get_lines()}
    np.testing.assert_array_equal(lines["data"].get_xydata(), est.context_.states[0])


def test_the_curves_of_one_variable(fitted):
    est = fitted(1)
    display = DriftDiffusionDisplay.from_estimator(est, resolution=9)
    for ax, answer in zip(display.ax_, (est.vector_field, est.diffusion), strict=True):
        curve = next(line for line in ax.get_lines() if line.get_label() == "estimate")
        np.testing.assert_allclose(curve.get_ydata(), answer(curve.get_xdata()[:, None])[:, 0], rtol=1e-3, atol=1e-5)
    assert [ax.get_ylabel() for ax in display.ax_] == ["drift of a", "diffusion of a"]


def test_the_band_of_a_curve_is_two_predicted_scales(fitted):
    est = fitted(1)
    display = DriftDiffusionDisplay.from_estimator(est, resolution=9)
    for ax, answer in zip(display.ax_, (est.vector_field, est.diffusion), strict=True):
        (band,) = ax.collections
        assert band.get_label() == "95% band"
        x = display.drift.slices[0].axes[0]
        value, scale = answer(x[:, None], return_std=True)
        assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx((value + 2 * scale).max(), rel=1e-3)


def test_streamlines_show_on_every_shade(fitted):
    def luminance(colour):
        parts = np.array(colour)
        return np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    display = DriftDiffusionDisplay.from_estimator(fitted(2), resolution=7)
    (image,) = display.ax_.get_images()
    lines = next(part for part in display.ax_.collections if isinstance(part, LineCollection))
    paper = 1 - image.get_alpha() * (1 - np.array(image.cmap(1.0)[:3]))
    contrast = (luminance(paper) + 0.05) / (luminance(lines.get_colors()[0][:3]) + 0.05)
    assert contrast > 4.5


def test_without_data_and_legend(fitted):
    display = DriftDiffusionDisplay.from_estimator(fitted(2), resolution=5, data=False, legend=False)
    assert "data" not in [line.get_label() for line in display.ax_.get_lines()]
    assert display.figure_.legends == []


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_the_fan_holds_paths_and_data(fitted, dim):
    est = fitted(dim)
    display = PathFanDisplay.from_estimator(est, n_paths=12, random_state=3)
    axes = np.atleast_1d(display.ax_)
    assert [ax.get_ylabel() for ax in axes] == list("abcd"[:dim])
    first = est.context_.states[0]
    observed = est.simulate(first[0], display.t, n_paths=12, random_state=3, observed=True)
    np.testing.assert_array_equal(display.paths[:, 1:], observed[:, 1:])
    for d, ax in enumerate(axes):
        lines = {line.get_label(): line for line in ax.get_lines()}
        np.testing.assert_array_equal(lines["data"].get_ydata(), first[:, d])
        np.testing.assert_allclose(lines["median"].get_ydata(), np.median(display.paths[:, :, d], axis=0))
    display.figure_.canvas.draw()


def test_the_fan_has_the_noise_of_the_observations():
    est = OrnsteinUhlenbeck().fit(noisy(paths=10), t=0.1)
    display = PathFanDisplay.from_estimator(est, n_paths=12, random_state=3)
    start = est.context_.states[0][0]
    plain, observed = (
        est.simulate(start, display.t, n_paths=12, random_state=3, observed=with_noise) for with_noise in (False, True)
    )
    np.testing.assert_array_equal(display.paths[:, 1:], observed[:, 1:])
    assert (display.paths[:, 0] == start).all()
    assert np.abs(observed - plain).mean() > 0.1


def test_the_fan_says_in_which_unit_time_is_counted():
    x = np.cumsum(np.random.default_rng(0).normal(size=(40, 1)), axis=0)
    dated = pd.DataFrame(x, columns=["a"], index=pd.date_range("2020-01-01", periods=40, freq="h"))
    for data, label in ((dated, "time [seconds]"), (Trajectories(dated, time_unit="day"), "time [days]"), (x, "time")):
        est = OrnsteinUhlenbeck(theta=1e-6, sigma=1e-3).fit(data)
        assert PathFanDisplay.from_estimator(est, n_paths=2, random_state=0).ax_.get_xlabel() == label


def test_the_fan_over_held_out_data(fitted):
    est = fitted(2)
    held_out = Trajectory(5 + T[:20], np.zeros((20, 2)) + T[:20, None])
    display = PathFanDisplay.from_estimator(est, [held_out], n_paths=5, random_state=0)
    assert (display.t[0], display.t[-1]) == (5, 5 + T[19])
    assert (display.paths[:, 0] == 0).all()
    with pytest.raises(ValueError, match="X has 3 features, but FIMSDERegressor is expecting 2"):
        PathFanDisplay.from_estimator(est, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="observed holds 2 trajectories: give one"):
        PathFanDisplay.from_estimator(est, [held_out, held_out])


def test_paths_that_diverged_leave_the_fan(fitted):
    est = fitted(1)
    display = PathFanDisplay.from_estimator(est, n_paths=5, random_state=0)
    display.paths[:, 30:] = np.nan
    display.paths[2:, 10:] = np.nan
    display.plot()
    middle = next(line for line in display.ax_.get_lines() if line.get_label() == "median").get_ydata()
    np.testing.assert_allclose(middle[20], np.mean(display.paths[:2, 20, 0]))
    assert np.isnan(middle[30:]).all()


def test_of_four_variables_some_are_chosen(fitted):
    with pytest.raises(ValueError, match="4 variables: choose up to 3 to draw"):
        DriftDiffusionDisplay.from_estimator(fitted(4))
    display = DriftDiffusionDisplay.from_estimator(fitted(4), resolution=4, variables=(2, 3))
    assert display.ax_.get_xlabel() == "c"
    line = DriftDiffusionDisplay.from_estimator(fitted(4), resolution=4, variables=[1])
    assert [axis.get_ylabel() for axis in line.ax_] == ["drift of b", "diffusion of b"]


def test_phase_portraits_are_for_stochastic_estimators_too(fitted):
    display = PhasePortraitDisplay.from_estimator(fitted(2), resolution=5)
    assert display.simulation.shape == (2, 600, 2)
