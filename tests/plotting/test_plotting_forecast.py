from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

from skdyn import ForecastDisplay, LASSODEForecaster
from skdyn.data.trajectories import Trajectory

DUMMY = Path(__file__).parent.parent / "dummy" / "lass-ode-tiny"
T = np.linspace(0, 6, 61)
X = np.column_stack([np.cos(2 * T), np.sin(2 * T)])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    with pytest.warns(UserWarning, match="reconstructs"):
        return LASSODEForecaster(DUMMY, ensemble=None).fit(
            [Trajectory(T[:40], X[:40], ("a", "b")), Trajectory(T[:30], -X[:30], ("a", "b"))]
        )


def test_it_holds_what_it_draws(fitted):
    display = ForecastDisplay.from_estimator(fitted, truth=(T[40:], X[40:]), series=0)
    assert display.times[-1] == T[-1]
    assert display.quantiles.shape == (len(display.times), 2, len(fitted.levels_))
    times = [display.times, T[30:31]]
    median = fitted.predict(times)[0]
    np.testing.assert_allclose(display.quantiles[:, :, len(fitted.levels_) // 2], median)
    lines = {line.get_label(): line for line in display.ax_[1].lines}
    np.testing.assert_array_equal(lines["observed"].get_ydata(), X[:40, 1])
    np.testing.assert_array_equal(lines["afterwards"].get_ydata(), X[40:, 1])
    np.testing.assert_allclose(lines["median"].get_ydata(), [X[39, 1], *median[:, 1]])
    assert [axis.get_ylabel() for axis in display.ax_] == ["a", "b"]
    legend = [text.get_text() for text in display.figure_.legends[0].texts]
    assert legend == [*(f"{share}% interval" for share in (80, 40)), "median", "observed", "afterwards"]


def test_another_series_and_end_on_given_axes(fitted):
    figure, axes = plt.subplots(2)
    display = ForecastDisplay.from_estimator(fitted, series=1, end=5.0, ax=axes)
    assert display.figure_ is figure
    assert display.times[-1] == 5.0
    assert display.truth is None
    np.testing.assert_array_equal(display.observed[1], -X[:30])
    default = ForecastDisplay.from_estimator(fitted, series=1)
    assert default.times[-1] == pytest.approx(1.5 * T[29])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"series": 2}, "series 2: the forecaster was fitted on 2"),
        ({"end": 1.0}, "end is 1.0, but the series was observed until"),
        ({"truth": (T[40:], X[40:, :1])}, r"truth has shape \(21, 1\): expected \(21, 2\)"),
        ({"ax": []}, "2 axes are needed"),
    ],
)
def test_bad_requests(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_estimator(fitted, **arguments)


def test_dates_stay_dates():
    dates = np.datetime64("2024-01-01") + np.arange(61)
    with pytest.warns(UserWarning, match="reconstructs"):
        forecaster = LASSODEForecaster(DUMMY, ensemble=None).fit([(dates[:40], X[:40])])
    display = ForecastDisplay.from_estimator(forecaster, truth=(dates[40:], X[40:]))
    assert display.times[-1] == dates[-1]
    np.testing.assert_array_equal(display.observed[0], dates[:40])
    assert ForecastDisplay.from_estimator(forecaster, end=dates[50]).times[-1] == dates[50]
    with pytest.raises(ValueError, match="times are numbers, but those of the fit are dates"):
        ForecastDisplay.from_estimator(forecaster, end=90.0)


def test_short_series_beside_it_are_no_obstacle():
    with pytest.warns(UserWarning, match="reconstructs"):
        forecaster = LASSODEForecaster(DUMMY, ensemble=None).fit([(T * 1e-4, X), (T * 1e-4, -X)])
    display = ForecastDisplay.from_estimator(forecaster)
    assert display.times[-1] == pytest.approx(1.5 * T[-1] * 1e-4)
