"""The part of the contract that is about inputs and parameters."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from sklearn.base import clone

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.exceptions import TrajectoryError
from skdyn.testing.common import assert_close, assert_raises

_GIVEN = {"inputs": {"force": 0.4}, "parameters": {"stiffness": 1.5}}


def driven_trajectories(count: int = 4, seed: int = 0, points: int = 80) -> Trajectories:
    """Recordings of a damped spring under a force, of different stiffness: a linear system of two variables.

    Parameters
    ----------
    count : int
    seed : int
    points : int
        Of each trajectory.

    Returns
    -------
    Trajectories
        With the input ``force`` and the parameter ``stiffness``.
    """
    rng = np.random.default_rng(seed)
    t = np.linspace(0.0, 8.0, points)
    items = []
    for stiffness in np.linspace(0.8, 2.2, count):
        rate, phase = rng.uniform(0.6, 2.0), rng.uniform(0, 2 * np.pi)
        force = np.sin(rate * t + phase)

        def spring(time: float, x: np.ndarray, k: float = stiffness, u: np.ndarray = force) -> list[float]:
            return [x[1], -k * x[0] - 0.4 * x[1] + np.interp(time, t, u)]

        path = solve_ivp(spring, (0.0, 8.0), rng.normal(size=2), t_eval=t, rtol=1e-8, atol=1e-10, max_step=0.1).y.T
        items.append(Trajectory(t, path, ("x", "v"), u=force, p=stiffness, input_names=["force"],
                                parameter_names=["stiffness"]))  # fmt: skip
    return Trajectories(items)


def check_inputs_are_refused(estimator: Any) -> None:
    """An estimator that takes no inputs says so, and names them."""
    with_inputs = driven_trajectories(2)
    try:
        clone(estimator).fit(with_inputs)
    except TrajectoryError as error:
        if "force" not in str(error):
            raise AssertionError(f"the error does not name the input: {error}") from error
    else:
        raise AssertionError("inputs were accepted, but takes_inputs is False")


def check_inputs_are_used(estimator: Any) -> None:
    """Held-out trajectories under other inputs and parameters are followed better than without knowing these."""
    estimator.fit(driven_trajectories())
    held_out = driven_trajectories(3, seed=5)
    blind = clone(estimator).fit([(t, x) for t, x in driven_trajectories()])
    known, unknown = estimator.score(held_out), blind.score([(t, x) for t, x in held_out])
    assert known > max(unknown, 0.9), f"the score is {known} with inputs and {unknown} without"


def check_shapes_with_inputs(estimator: Any) -> None:
    """Fields, Jacobians, equilibria and simulations take inputs and parameters of all accepted forms."""
    estimator.fit(driven_trajectories())
    grid = np.random.default_rng(0).normal(size=(3, 4, 2))
    field = estimator.vector_field(grid, **_GIVEN)
    assert field.shape == (3, 4, 2)
    same = estimator.vector_field(grid, inputs=np.full((3, 4, 1), 0.4), parameters=1.5)
    np.testing.assert_array_equal(field, same)
    assert estimator.predict(grid[0], **_GIVEN).shape == (4, 2)
    assert estimator.predict(driven_trajectories(2)).shape == (160, 2)
    assert estimator.jacobian(grid, **_GIVEN).shape == (3, 4, 2, 2)
    assert estimator.input_jacobian(grid, **_GIVEN).shape == (3, 4, 2, 1)
    assert all(point.state.shape == (2,) for point in estimator.equilibria(**_GIVEN))
    t = np.linspace(0, 2, 9)
    for inputs in (np.sin, np.sin(t), (t, np.sin(t)[:, None]), {"force": np.sin(t)}, np.sin(t)[None, :, None]):
        path = estimator.simulate([[1.0, 0.0]], t, inputs=inputs, parameters=[1.5])
        assert path.shape == (1, 9, 2)
        assert np.isfinite(path).all()


def check_derivatives_by_inputs(estimator: Any) -> None:
    """The Jacobians by states and by inputs are the derivatives of the one field that all methods give."""
    estimator.fit(driven_trajectories())
    points, step = np.random.default_rng(1).normal(size=(4, 2)), 1e-5
    wide = estimator._with_given(points, **_GIVEN)
    assert_close(estimator._field_jacobian(wide)[0], estimator.vector_field(points, **_GIVEN), 1e-3)
    differences = np.stack(
        [
            (estimator._field_jacobian(wide + offset)[0] - estimator._field_jacobian(wide - offset)[0]) / (2 * step)
            for offset in step * np.eye(wide.shape[1])
        ],
        axis=-1,
    )
    assert_close(estimator.jacobian(points, **_GIVEN), differences[..., :2], 1e-3)
    assert_close(estimator.input_jacobian(points, **_GIVEN), differences[..., 2:3], 1e-3)


def check_inputs_survive(estimator: Any) -> None:
    """A saved and loaded estimator knows its inputs; the order of their names does not matter."""
    fitted = clone(estimator).fit(driven_trajectories())
    expected = fitted.vector_field([0.5, 0.5], **_GIVEN)
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder) / "saved")
        loaded = type(fitted).load(Path(folder) / "saved")
    assert_close(loaded.vector_field([0.5, 0.5], **_GIVEN), expected, 1e-6)
    assert loaded.context_.given == fitted.context_.given


def check_errors_of_inputs(estimator: Any) -> None:
    """What is missing, unknown, not finite, of the wrong width or too short is a clear error."""
    estimator.fit(driven_trajectories())
    point, t = [0.0, 0.0], np.linspace(0, 2, 5)
    good = {"parameters": 1.5}
    for bad in (
        {},
        {"inputs": 0.4},
        good,
        good | {"inputs": [0.4, 0.1]},
        good | {"inputs": np.nan},
        good | {"inputs": {"power": 0.4}},
    ):
        assert_raises(ValueError, partial(estimator.vector_field, point, **bad))
        assert_raises(ValueError, partial(estimator.equilibria, **bad))
    for signal in ((t[:3], np.sin(t[:3])), lambda times: np.zeros((len(times), 2)), np.zeros(3)):
        assert_raises(ValueError, partial(estimator.simulate, point, t, inputs=signal, **good))
    assert_raises(ValueError, lambda: estimator.score([(t, x) for t, x in driven_trajectories(2)]))


INPUT_CHECKS = (
    check_inputs_are_used,
    check_shapes_with_inputs,
    check_derivatives_by_inputs,
    check_inputs_survive,
    check_errors_of_inputs,
)
"""What an estimator keeps that takes inputs and parameters."""
