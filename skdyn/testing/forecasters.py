"""The contract of a forecaster, as checks that plugins run too.

``check_forecaster(estimator)`` runs them all; ``forecaster_checks()`` yields them one by one, with names, for
``pytest.mark.parametrize``. scikit-learn's own ``check_estimator`` complements them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import ForecastWarning
from skdyn.testing.common import (
    Check,
    accepted_forms,
    assert_close,
    assert_raises,
    example_trajectories,
    run_checks,
    shared_checks,
)

_CLOSE = 1e-4  # relative tolerance of symmetries in single precision, of the largest value
_LATER = np.linspace(8.5, 14, 25)
_LATER.flags.writeable = False  # shared by all checks


def check_forecaster(estimator: Any) -> None:
    """Check that a forecaster keeps the contract that skdyn's users rely on.

    Parameters
    ----------
    estimator : forecaster with the methods fit, predict, derivative and score
        Not fitted; it is cloned for each check.

    Raises
    ------
    AssertionError
        Naming the check and what was found.

    Examples
    --------
    >>> from skdyn import LASSODEForecaster
    >>> from skdyn.testing import check_forecaster
    >>> check_forecaster(LASSODEForecaster(device="cpu"))
    """
    run_checks(estimator, forecaster_checks())


def _quietly(check: Check, estimator: Any) -> None:
    """Run a check without the warnings of a network that does not understand the examples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ForecastWarning)
        check(estimator)


def check_accepted_forms(estimator: Any) -> None:
    """Pairs, arrays with times, a 3-D array, a DataFrame and Trajectories mean the same."""
    (pairs, _), *forms = accepted_forms()
    expected = clone(estimator).fit(pairs).predict(_LATER)
    assert expected.shape == (2, 25, 2)
    for X, times in forms:
        assert_close(clone(estimator).fit(X, t=times).predict(_LATER), expected, 1e-6)


def check_shapes(estimator: Any) -> None:
    """Forecasts of one series, of several, for listed times, horizons and quantiles have the shapes promised."""
    one, many = example_trajectories(1), example_trajectories(3)
    estimator.fit(one)
    assert estimator.predict(_LATER).shape == (25, 2)
    assert estimator.predict(horizon=4).shape == (4, 2)
    assert estimator.predict([_LATER])[0].shape == (25, 2)
    assert estimator.derivative(_LATER).shape == (25, 2)
    levels = (0.25, 0.5, 0.75)
    assert estimator.predict(_LATER, quantiles=levels).shape == (25, 2, 3)
    estimator.fit(many)
    assert estimator.predict(_LATER).shape == (3, 25, 2)
    assert estimator.predict(horizon=4).shape == (3, 4, 2)
    assert estimator.derivative(_LATER).shape == (3, 25, 2)
    listed = estimator.predict([_LATER, _LATER[:4], _LATER[:9]], quantiles=levels)
    assert [part.shape for part in listed] == [(25, 2, 3), (4, 2, 3), (9, 2, 3)]


def check_nothing_but_the_prefix_matters(estimator: Any) -> None:
    """A forecast depends neither on the other series nor on what would follow, bit for bit."""
    pairs = example_trajectories(3)
    expected = clone(estimator).fit(pairs).predict(_LATER)
    others = [pairs[0], *((1.7 * t, 100 * x + 5) for t, x in example_trajectories(5, seed=8)[1:])]
    np.testing.assert_array_equal(clone(estimator).fit(others).predict([_LATER, *[20 + _LATER] * 4])[0], expected[0])
    np.testing.assert_array_equal(clone(estimator).fit(pairs[2:]).predict(_LATER), expected[2])
    t, x = pairs[1]
    frozen = Trajectories([(t[:30], x[:30])])
    x[30:] = 1e6  # the same memory, after the prefix
    first = clone(estimator).fit(frozen).predict(_LATER)
    np.testing.assert_array_equal(clone(estimator).fit([(t[:30], x[:30])]).predict(_LATER), first)


def check_grid_invariance(estimator: Any) -> None:
    """Requests that share their last time agree at the times that they share."""
    estimator.fit(example_trajectories(1))
    other = np.unique(np.append(_LATER[::3], np.random.default_rng(0).uniform(8.5, 14, 30)))
    assert_close(estimator.predict(other)[np.isin(other, _LATER)], estimator.predict(_LATER)[::3], 1e-5)


def check_equivariance(estimator: Any) -> None:
    """``x -> a x`` with ``a > 0`` and ``t -> c t + e`` do the same to the forecast."""
    a, day, epoch = np.array([250.0, 0.02]), 86400.0, 1.7e9
    t, x = example_trajectories(1)[0]
    expected = clone(estimator).fit([(t, x)])
    moved = clone(estimator).fit([(day * t + epoch, a * x)])
    later = day * _LATER + epoch
    assert_close(moved.predict(later) / a, expected.predict(_LATER), _CLOSE)
    assert_close(moved.derivative(later) / a * day, expected.derivative(_LATER), 10 * _CLOSE)


def check_derivative(estimator: Any) -> None:
    """The derivative agrees with differences of the forecast."""
    estimator.fit(example_trajectories(1))
    middle = np.linspace(8.6, 13.6, 6)
    step = 1e-3
    times = np.sort(np.concatenate([middle - step, middle, middle + step, [14.0]]))
    values = estimator.predict(times)[:-1].reshape(6, 3, 2)
    slopes = estimator.derivative(times)[1:-1:3]
    assert_close(slopes, (values[:, 2] - values[:, 0]) / (2 * step), 2e-2)


def check_field_beside_the_forecast(estimator: Any) -> None:
    """Beside the forecast there is a finite field, of the shape of its argument, and its equilibria are found."""
    t, x = example_trajectories(1)[0]
    near = estimator.fit([(t, x)]).predict(t)
    assert np.isfinite(estimator.vector_field(near)).all(), "the field on the forecast is not finite"
    assert estimator.vector_field(near[:12].reshape(3, 4, 2)).shape == (3, 4, 2)
    assert estimator.vector_field(near[0]).shape == (2,)
    assert all(point.state.shape == (2,) for point in estimator.equilibria())


def check_quantiles_are_sorted(estimator: Any) -> None:
    """Quantiles increase with their level, also far ahead, and the middle one is the forecast."""
    estimator.fit(example_trajectories(1))
    for later in (_LATER, np.linspace(8.5, 90, 50)):
        quantiles = estimator.predict(later, quantiles=(0.2, 0.5, 0.65, 0.9))
        assert (np.diff(quantiles, axis=-1) >= 0).all()
        assert_close(quantiles[..., 1], estimator.predict(later), 1e-9)


def check_any_horizon(estimator: Any) -> None:
    """One step and twenty times the prefix are finite."""
    estimator.fit(example_trajectories(1))
    assert np.isfinite(estimator.predict(horizon=1)).all()
    assert np.isfinite(estimator.predict(np.linspace(8.5, 168, 300))).all()


def check_score(estimator: Any) -> None:
    """The score is a finite float of at most zero, also for held-out data that the model cannot follow."""
    estimator.fit(example_trajectories())
    rng = np.random.default_rng(0)
    for held_out in (example_trajectories(seed=3), [(np.arange(40.0), 1e9 + 1e6 * rng.normal(size=(40, 2)))]):
        score = estimator.score(held_out)
        assert isinstance(score, float)
        assert np.isfinite(score)
        assert score <= 0


def check_errors(estimator: Any) -> None:
    """What cannot be answered is a clear error: not fitted, no data, times that are missing, unsorted or too early."""
    assert_raises(NotFittedError, lambda: clone(estimator).predict(_LATER))
    for bad in ([], np.zeros((3, 0)), np.zeros((2, 2)), [(np.zeros(3), np.ones((3, 2)))]):
        assert_raises(ValueError, partial(clone(estimator).fit, bad))
    t, x = example_trajectories(1)[0]
    estimator.fit([(t, x)])
    for times in (None, [], [9.0, 8.5], [9.0, 9.0], [np.nan], [-5.0, 9.0], [_LATER, _LATER]):
        assert_raises(ValueError, partial(estimator.predict, times))
    assert_raises(ValueError, lambda: estimator.predict(_LATER, horizon=3))
    assert_raises(ValueError, lambda: estimator.predict(horizon=0))
    assert_raises(ValueError, lambda: estimator.predict(_LATER, quantiles=(0.5, 1.5)))
    assert_raises(ValueError, lambda: estimator.derivative(None))


FORECASTER_CHECKS = (
    check_accepted_forms,
    check_shapes,
    check_nothing_but_the_prefix_matters,
    check_grid_invariance,
    check_equivariance,
    check_derivative,
    check_field_beside_the_forecast,
    check_quantiles_are_sorted,
    check_any_horizon,
    check_score,
    check_errors,
)
"""What every forecaster keeps, beside the shared checks."""


def forecaster_checks() -> Iterator[tuple[str, Check]]:
    """Yield the name and the function of each check."""
    yield from (
        (name, partial(_quietly, check)) for name, check in shared_checks([_LATER + shift for shift in range(4)])
    )
    for check in FORECASTER_CHECKS:
        yield check.__name__, partial(_quietly, check)
