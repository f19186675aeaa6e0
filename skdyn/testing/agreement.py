"""What the methods of an estimator of a field say of it: one and the same field, at points that they leave alone."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from skdyn.exceptions import ConvergenceWarning
from skdyn.testing.common import assert_close, assert_unchanged, example_trajectories

_CLOSE = 1e-3  # relative tolerance between single and double precision, of the largest value


def is_stochastic(estimator: Any) -> bool:
    """Whether it is an estimator of an SDE."""
    return hasattr(estimator, "diffusion")


def queries_of_fields(count: int = 40, seed: int = 1) -> np.ndarray:
    """States (N, 2) where the field of the examples is asked for."""
    return np.random.default_rng(seed).normal(0, 0.7, (count, 2)) * [1.0, 3.0]


def check_methods_agree(estimator: Any) -> None:
    """`vector_field`, `predict`, `_field`, `_velocity` and `_field_jacobian` give the same field."""
    estimator.fit(example_trajectories())
    points = queries_of_fields()
    expected = estimator.vector_field(points)
    answers = {
        "the field of `predict`": estimator.predict(points),
        "the field of `_field`": estimator._field(points.copy())[0],
        "the field of `_velocity`": estimator._velocity(points.copy()),
        "the field of `_field_jacobian`": estimator._field_jacobian(points.copy())[0],
    }
    if estimator._field(points.copy())[1] is not None:
        answers["the field of `vector_field(return_std=True)`"] = estimator.vector_field(points, return_std=True)[0]
    for what, answer in answers.items():
        assert_close(answer, expected, _CLOSE, f"{what} beside `vector_field`")


def check_jacobian_is_the_derivative(estimator: Any) -> None:
    """The Jacobian agrees with central differences of the double precision field, and of `vector_field`."""
    estimator.fit(example_trajectories())
    points = queries_of_fields(6)
    jacobian = estimator.jacobian(points)
    double = _differences(lambda at: estimator._field_jacobian(at)[0], points, 1e-5 * np.ones(2))
    assert_close(jacobian, double, 1e-3)
    # In single precision only long steps tell.
    assert_close(jacobian, _differences(estimator.vector_field, points, 1e-2 * np.array([1.0, 3.0])), 5e-2)


def _differences(field: Any, points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Derivatives (N, 2, 2) of a field at points (N, 2), by differences over steps (2,)."""
    parts = [(field(points + by) - field(points - by)) / (2 * by.sum()) for by in np.diag(steps)]
    return np.stack(parts, axis=-1)


def check_error_scale(estimator: Any) -> None:
    """Where the error of the field, or of the diffusion, is predicted, its scale is one of every query by itself.

    It is finite, not negative and of the shape of the field.
    """
    estimator.fit(example_trajectories())
    points = queries_of_fields(120)
    asks = []
    if estimator._field(points.copy())[1] is not None:
        asks.append(("vector_field", estimator._field(points.copy())[1], estimator.vector_field))
    if is_stochastic(estimator) and (scale := estimator._drift_and_diffusion(points.copy())[3]) is not None:
        asks.append(("diffusion", scale, estimator.diffusion))
    for name, inside, method in asks:
        what = f"the scale of {name}(return_std=True)"
        assert np.shape(inside) == (120, 2), f"the scale behind {name} has shape {np.shape(inside)}, not (120, 2)"
        assert np.isfinite(inside).all(), f"the scale behind {name} is not finite"
        ask = partial(method, return_std=True)
        scale = ask(points.reshape(30, 4, 2))[1]
        assert scale.shape == (30, 4, 2), f"{what} has shape {scale.shape}, not (30, 4, 2)"
        scale = scale.reshape(120, 2)
        assert (scale >= 0).all(), f"{what} is {scale.min()}"
        for count in (1, 7):
            # Beside all others: single precision rounds a small answer by its share of the large ones.
            few = np.concatenate([ask(points[:count])[1], scale[count:]])
            assert_close(few, scale, 1e-5, f"{what} for {count} queries alone")
        assert_close(ask(points[::-1])[1], scale[::-1], 1e-5, f"{what} in another order")


def check_points_unchanged(estimator: Any) -> None:
    """No method changes the points that it is given, of which others are asked too."""
    estimator.fit(example_trajectories())
    names = ["_field", "_velocity", "_velocity_alike", "_field_jacobian", "vector_field", "predict", "jacobian"]
    names += ["_drift_and_diffusion", "diffusion"] if is_stochastic(estimator) else []
    points = queries_of_fields()
    for name in names:
        given = points.copy()
        getattr(estimator, name)(given)
        assert_unchanged(given, points, f"`{name}`")


def check_simulation_follows_the_field(estimator: Any) -> None:
    """From states of the data a short simulation stays finite, and that of an ODE moves as the field says."""
    pairs = example_trajectories()
    estimator.fit(pairs)
    starts, t = np.stack([x[5] for _, x in pairs]), np.linspace(0, 0.1, 6)
    given = starts.copy()
    seed = {"random_state": 0} if is_stochastic(estimator) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        paths = estimator.simulate(given, t, **seed)
    assert_unchanged(given, starts, "`simulate`")
    assert np.isfinite(paths).all(), "a path of a tenth of a unit of time is not finite"
    if not is_stochastic(estimator):
        field = estimator.vector_field(paths)
        moved = np.diff(paths, axis=1) / np.diff(t)[:, None]
        assert_close(moved, (field[:, 1:] + field[:, :-1]) / 2, 5e-2, "the velocity of simulated paths")


AGREEMENT_CHECKS = (
    check_methods_agree,
    check_jacobian_is_the_derivative,
    check_error_scale,
    check_points_unchanged,
    check_simulation_follows_the_field,
)
"""What the methods of every estimator of a field keep among each other."""
