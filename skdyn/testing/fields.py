"""The contract of an estimator of a vector field, of an ODE or of an SDE, as checks that plugins run too.

``check_dynamics_estimator(estimator)`` runs them all; ``dynamics_checks(estimator)`` yields them one by one, with
names, for ``pytest.mark.parametrize``. scikit-learn's own ``check_estimator`` complements them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdyn.exceptions import ConvergenceWarning
from skdyn.testing.agreement import AGREEMENT_CHECKS, is_stochastic, queries_of_fields
from skdyn.testing.common import (
    Check,
    accepted_forms,
    assert_close,
    assert_raises,
    example_trajectories,
    run_checks,
    shared_checks,
)
from skdyn.testing.driven import INPUT_CHECKS, check_inputs_are_refused

_CLOSE = 2e-3  # relative tolerance of symmetries in single precision, of the largest value


def check_dynamics_estimator(estimator: Any) -> None:
    """Check that an estimator keeps the contract that skdyn's users rely on.

    Parameters
    ----------
    estimator : BaseFieldEstimator
        Not fitted, for systems of two variables; it is cloned for each check.

    Raises
    ------
    AssertionError
        Naming the check and what was found.

    Examples
    --------
    >>> from skdyn import FIMODERegressor
    >>> from skdyn.testing import check_dynamics_estimator
    >>> check_dynamics_estimator(FIMODERegressor(device="cpu"))
    """
    run_checks(estimator, dynamics_checks(estimator))


def check_symmetries_are_known(estimator: Any) -> None:
    """What the class promises is among what can be checked."""
    promised = estimator.symmetries
    assert isinstance(promised, (set, frozenset)), f"symmetries must be a frozenset of names, got {promised!r}"
    unknown = sorted(map(repr, promised - SYMMETRY_CHECKS.keys()))
    assert not unknown, f"unknown symmetries {', '.join(unknown)}: choose from {', '.join(map(repr, SYMMETRY_CHECKS))}"


def check_accepted_forms(estimator: Any) -> None:
    """Pairs, arrays with times, a 3-D array, a DataFrame and Trajectories mean the same."""
    (pairs, _), *forms = accepted_forms()
    expected = clone(estimator).fit(pairs).predict(queries_of_fields())
    for X, times in forms:
        fitted = clone(estimator).fit(X, t=times)
        queries: Any = queries_of_fields()
        if hasattr(fitted, "feature_names_in_"):
            queries = type(X)(queries, columns=list(fitted.feature_names_in_))
        assert_close(fitted.predict(queries), expected, 1e-6)


def check_single_array(estimator: Any) -> None:
    """One array (L, D) is one trajectory with unit steps."""
    x = example_trajectories(1)[0][1]
    expected = clone(estimator).fit([(np.arange(len(x)), x)]).predict(queries_of_fields())
    assert_close(clone(estimator).fit(x).predict(queries_of_fields()), expected, 1e-6)


def check_shapes(estimator: Any) -> None:
    """Fields, Jacobians and simulations have the shapes of their arguments."""
    estimator.fit(example_trajectories())
    grid = queries_of_fields(12).reshape(3, 4, 2)
    assert estimator.vector_field(grid).shape == (3, 4, 2)
    assert estimator.vector_field(grid[0, 0]).shape == (2,)
    assert estimator.vector_field(grid[:0]).shape == (0, 4, 2)
    assert estimator.jacobian(grid).shape == (3, 4, 2, 2)
    assert estimator.predict(grid[0]).shape == (4, 2)
    t = np.linspace(0, 2, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a random path may leave, in its shape
        assert estimator.simulate(grid[0], t).shape == (4, 7, 2)
        assert estimator.simulate(grid[0, 0], t).shape == (7, 2)
        np.testing.assert_array_equal(estimator.simulate(grid[0], t)[:, 0], grid[0])
    assert all(point.state.shape == (2,) for point in estimator.equilibria())


def check_affine_equivariance(estimator: Any) -> None:
    """``x -> a x + b`` with ``a > 0`` multiplies the field, and the diffusion of an SDE, by ``a``."""
    _check_equivariance(estimator, np.array([250.0, 0.02]), np.array([-3e3, 7.0]))


def check_scale_equivariance(estimator: Any) -> None:
    """``x -> a x`` with ``a > 0`` multiplies the field, and the diffusion of an SDE, by ``a``."""
    _check_equivariance(estimator, np.array([250.0, 0.02]), np.zeros(2))


def _check_equivariance(estimator: Any, a: np.ndarray, b: np.ndarray) -> None:
    pairs, queries = example_trajectories(), queries_of_fields()
    plain = clone(estimator).fit(pairs)
    moved = clone(estimator).fit([(t, a * x + b) for t, x in pairs])
    assert_close(moved.predict(a * queries + b) / a, plain.predict(queries), _CLOSE)
    if is_stochastic(estimator):
        assert_close(moved.diffusion(a * queries + b) / a, plain.diffusion(queries), _CLOSE)


def check_time_equivariance(estimator: Any) -> None:
    """``t -> c t + e``, with ``e`` an epoch in seconds, divides the field by ``c`` and a diffusion by its root."""
    day = 86400.0
    pairs, queries = example_trajectories(), queries_of_fields()
    plain = clone(estimator).fit(pairs)
    moved = clone(estimator).fit([(day * t + 1.7e9, x) for t, x in pairs])
    assert_close(moved.predict(queries) * day, plain.predict(queries), _CLOSE)
    if is_stochastic(estimator):
        assert_close(moved.diffusion(queries) * np.sqrt(day), plain.diffusion(queries), _CLOSE)


def check_trajectory_order(estimator: Any) -> None:
    """The order of the trajectories does not matter."""
    pairs, queries = example_trajectories(), queries_of_fields()
    expected = clone(estimator).fit(pairs).predict(queries)
    assert_close(clone(estimator).fit(pairs[::-1]).predict(queries), expected, 1e-4)


def check_queries_are_independent(estimator: Any) -> None:
    """A query's answer depends neither on the others, bit for bit at the same place, nor on their number."""
    estimator.fit(example_trajectories())
    queries, others = queries_of_fields(300), queries_of_fields(300, seed=9)
    together = estimator.vector_field(queries)
    for count in (1, 7, 129):
        # Beside all others: single precision rounds a small answer by its share of the large ones.
        few = estimator.vector_field(queries[:count])
        assert_close(np.concatenate([few, together[count:]]), together, 1e-6)
    others[41] = queries[41]
    np.testing.assert_array_equal(estimator.vector_field(others)[41], together[41])
    order = np.random.default_rng(2).permutation(300)
    assert_close(estimator.vector_field(queries[order]), together[order], 1e-5)


def check_score(estimator: Any) -> None:
    """The score is a finite float in the class's range, also for held-out data that the model cannot follow."""
    estimator.fit(example_trajectories())
    far = [(t, 1e6 * x + 1e9) for t, x in example_trajectories(1)]
    for held_out in (example_trajectories(seed=3), far):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            score = estimator.score(held_out)
        assert isinstance(score, float)
        least, largest = estimator.score_range
        assert np.isfinite(score), f"the score is {score}"
        assert least <= score <= largest, f"the score is {score}, not in [{least:g}, {largest:g}]"


def check_errors(estimator: Any) -> None:
    """What cannot be answered is a clear error: not fitted, the wrong width, NaN, no data.

    Data that hold a NaN are refused where ``missing`` is ``"raise"``, or no parameter.
    """
    assert_raises(NotFittedError, lambda: clone(estimator).predict(queries_of_fields()))
    assert_raises(NotFittedError, lambda: clone(estimator).simulate([0.0, 0.0], [0.0, 1.0]))
    refused: list[Any] = [[], np.zeros((3, 0)), np.zeros((1, 2)), [(np.zeros(3), np.ones((3, 2)))]]
    for bad in refused:
        assert_raises(ValueError, partial(clone(estimator).fit, bad))
    (t, x) = example_trajectories(1)[0]
    if estimator.get_params().get("missing", "raise") == "raise":
        hole = x.copy()
        hole[7, 1] = np.nan
        assert_raises(ValueError, lambda: clone(estimator).fit([(t, hole)]))
    estimator.fit([(t, x)])
    assert_raises(ValueError, lambda: estimator.predict(np.zeros((4, 3))))
    assert_raises(ValueError, lambda: estimator.vector_field(np.full((4, 2), np.nan)))
    assert_raises(ValueError, lambda: estimator.simulate([0.0], [0.0, 1.0]))
    assert_raises(ValueError, lambda: estimator.simulate([0.0, 0.0], [1.0, 0.0]))


def check_stochastic_diffusion(estimator: Any) -> None:
    """Diffusions are finite, not negative, of the shape of their argument, and a query's does not depend on others."""
    estimator.fit(example_trajectories())
    grid = queries_of_fields(120).reshape(30, 4, 2)
    diffusion = estimator.diffusion(grid)
    assert diffusion.shape == (30, 4, 2)
    assert np.isfinite(diffusion).all()
    assert (diffusion >= 0).all(), f"a diffusion is {diffusion.min()}"
    assert estimator.diffusion(grid[0, 0]).shape == (2,)
    assert estimator.diffusion(grid[:0]).shape == (0, 4, 2)
    np.testing.assert_array_equal(estimator.diffusion(grid[:3]), diffusion[:3])
    assert_close(estimator.diffusion(grid[::-1]), diffusion[::-1], 1e-5)
    square = estimator.diffusion(grid, full=True)
    assert square.shape == (30, 4, 2, 2)
    assert_close(np.diagonal(square, axis1=-2, axis2=-1), diffusion**2, 1e-6)
    np.testing.assert_array_equal(square, np.swapaxes(square, -1, -2))
    least = np.linalg.eigvalsh(square)[..., 0]
    assert (least >= -1e-9 * np.abs(square).max()).all(), f"a full diffusion has the eigenvalue {least.min()}"
    assert_raises(NotFittedError, lambda: clone(estimator).diffusion(grid))
    assert_raises(ValueError, lambda: estimator.diffusion(np.zeros((4, 3))))
    assert_raises(ValueError, lambda: estimator.diffusion(np.full((4, 2), np.nan)))


def check_stochastic_paths(estimator: Any) -> None:
    """Paths have the shapes asked for, start where they should, and are the same for the same ``random_state``.

    A path does not depend on how many other initial states there are.
    """
    estimator.fit(example_trajectories())
    start, t = queries_of_fields(3), np.linspace(0, 1, 5)
    paths = estimator.simulate(start, t, n_paths=4, random_state=0)
    assert paths.shape == (3, 4, 5, 2)
    np.testing.assert_array_equal(paths[:, :, 0], np.repeat(start[:, None], 4, axis=1))
    assert estimator.simulate(start[0], t, n_paths=4).shape == (4, 5, 2)
    np.testing.assert_array_equal(estimator.simulate(start, t, n_paths=4, random_state=0), paths)
    assert not np.array_equal(estimator.simulate(start, t, n_paths=4, random_state=1), paths)
    assert_close(estimator.simulate(start[:2], t, n_paths=4, random_state=0), paths[:2], 1e-4)
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(estimator.simulate(start, t, n_paths=4, random_state=generator), paths)
    assert not np.array_equal(estimator.simulate(start, t, n_paths=4, random_state=generator), paths)
    for bad in ({"n_paths": 0}, {"n_paths": 2.5}, {"substeps": 0}, {"random_state": "seed"}):
        assert_raises(ValueError, partial(estimator.simulate, start, t, **bad))


def check_stochastic_observations(estimator: Any) -> None:
    """The noise of the observations is finite, not negative, and added to paths where it is asked for."""
    pairs = example_trajectories()
    estimator.fit(pairs)
    noise = estimator.noise_
    assert noise.shape == (2,)
    assert np.isfinite(noise).all()
    assert (noise >= 0).all(), f"a noise is {noise.min()}"
    start, t = queries_of_fields(2), np.linspace(0, 1, 4)
    plain, observed = (estimator.simulate(start, t, random_state=0, observed=asked) for asked in (False, True))
    assert plain.shape == observed.shape
    if not noise.any():
        np.testing.assert_array_equal(plain, observed)
    np.testing.assert_array_equal(plain[:, 0], start)
    if noise.all():
        assert (plain != observed).any(), "observed=True adds no noise"


def check_stochastic_stationary_density(estimator: Any) -> None:
    """A stationary density is positive and adds up to one over the cells of the grid."""
    estimator.fit(example_trajectories())
    steps = np.array([0.25, 0.75])
    grid = [step * np.arange(-6.0, 7.0) for step in steps]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        density = estimator.stationary_density(grid)
    assert density.shape == (13, 13)
    assert (density > 0).all()
    np.testing.assert_allclose(density.sum() * steps.prod(), 1.0, rtol=1e-9)


FIELD_CHECKS = (
    check_symmetries_are_known,
    check_accepted_forms,
    check_single_array,
    check_shapes,
    check_trajectory_order,
    check_queries_are_independent,
    check_score,
    check_errors,
)
"""What every estimator of a vector field keeps, beside the shared checks."""

SYMMETRY_CHECKS = {
    "affine": check_affine_equivariance,
    "scale": check_scale_equivariance,
    "time": check_time_equivariance,
}
"""What an estimator keeps that promises the symmetry."""

STOCHASTIC_CHECKS = (
    check_stochastic_diffusion,
    check_stochastic_paths,
    check_stochastic_observations,
    check_stochastic_stationary_density,
)
"""What an estimator of an SDE keeps."""


def dynamics_checks(estimator: Any) -> Iterator[tuple[str, Check]]:
    """Yield the name and the function of each check that applies.

    Symmetries are checked only where the class promises them,
    ``check_stochastic_...`` only for estimators of SDEs,
    and what is asked of those that take inputs only where ``takes_inputs`` says so.
    """
    yield from shared_checks([queries_of_fields(50, seed) for seed in range(6)])
    for check in (*FIELD_CHECKS, *AGREEMENT_CHECKS):
        yield check.__name__, check
    promised = [check for symmetry, check in SYMMETRY_CHECKS.items() if symmetry in estimator.symmetries]
    stochastic = STOCHASTIC_CHECKS if is_stochastic(estimator) else ()
    with_inputs = INPUT_CHECKS if estimator.takes_inputs else (check_inputs_are_refused,)
    for check in (*promised, *stochastic, *with_inputs):
        yield check.__name__, check
