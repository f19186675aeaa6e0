"""Requested times and levels."""

import numpy as np
import pytest

from skdyn import Trajectories
from skdyn.forecasting.request import at_levels, checked_levels, requested_times

NINE = tuple(i / 10 for i in range(1, 10))


def series(t):
    return Trajectories([(t, np.arange(float(len(t)))[:, None])])


def test_a_horizon_counts_median_steps():
    context = Trajectories([(np.array([0.0, 1.0, 3.0, 4.0]), np.zeros((4, 1))), (np.arange(4) * 0.5, np.zeros((4, 1)))])
    first, second = requested_times(None, 3, context)
    np.testing.assert_allclose(first, [5, 6, 7])
    np.testing.assert_allclose(second, [2, 2.5, 3])


def test_dates_count_from_the_first_observation():
    days = np.datetime64("2024-03-01") + np.arange(10)
    (times,) = requested_times(days[-1] + np.array([1, 3]), None, series(days))
    np.testing.assert_allclose(times / 86400, [10, 12])


def test_large_integers_count_from_the_first_observation():
    nanoseconds = 1_700_000_000_000_000_000 + 1000 * np.arange(10)
    (times,) = requested_times(nanoseconds[-1] + np.array([1000, 2000]), None, series(nanoseconds))
    np.testing.assert_allclose(times, [10000, 11000])


def test_dates_for_a_series_in_numbers_are_refused():
    with pytest.raises(ValueError, match="requested times are dates, but those of the fit are numbers: give numbers"):
        requested_times(np.datetime64("2024-03-01") + np.arange(2), None, series(np.arange(5.0)))


def test_quantiles_between_the_known_levels():
    values = np.arange(9.0)[None]
    np.testing.assert_allclose(at_levels(values, NINE, np.array([0.1, 0.5, 0.9])), [[0, 4, 8]])
    between = at_levels(values, NINE, np.array([0.45, 0.85]))[0]
    assert 3.4 < between[0] < 3.6
    assert 7.3 < between[1] < 7.5


def test_gaussian_quantiles_stay_gaussian():
    from scipy.stats import norm

    levels = np.linspace(0.1, 0.9, 33)
    np.testing.assert_allclose(at_levels(3 * norm.ppf(NINE) + 1, NINE, levels), 3 * norm.ppf(levels) + 1)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((0.05,), "the quantile level 0.05 is not between 0.1 and 0.9"),
        ((0.5, np.nan), "the quantile level nan"),
        ((), "quantiles must be a list of levels"),
        (0.5, "quantiles must be a list of levels"),
        (("a",), "quantiles must be a list of levels"),
    ],
)
def test_levels_that_the_model_does_not_predict(levels, message):
    with pytest.raises(ValueError, match=message):
        checked_levels(levels, NINE)


def test_a_horizon_too_long_for_memory_is_refused():
    with pytest.raises(ValueError, match=r"the forecast of shape \(1, 1000000000000, 1\) would take .* GiB"):
        requested_times(None, 10**12, series(np.arange(5.0)))
