"""The contract of an estimator of a vector field, of an ODE or of an SDE, as checks that plugins run too.

``check_dynamics_estimator(estimator)`` runs them all; ``dynamics_checks(estimator)`` yields them one by one, with
names, for ``pytest.mark.parametrize``. scikit-learn's own ``check_estimator`` complements them.
"""

from __future__ import annotations

import pickle
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdyn.exceptions import ConvergenceWarning
from skdyn.trajectories import Trajectories

Check = Callable[[Any], None]
Pairs = list[tuple[np.ndarray, np.ndarray]]

_EXTRA_PICKLE = 1_000_000
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
    for name, check in dynamics_checks(estimator):
        try:
            check(clone(estimator))
        except Exception as error:
            raise AssertionError(f"{type(estimator).__name__} fails {name}: {error}") from error


def dynamics_checks(estimator: Any) -> Iterator[tuple[str, Check]]:
    """Yield the name and the function of each check that applies.

    Symmetries are checked only where the class promises them, ``check_stochastic_...`` only for estimators of SDEs.
    """
    for name, check in list(globals().items()):
        if name.startswith("check_") and name not in ("check_dynamics_estimator",):
            symmetry = name.removeprefix("check_").removesuffix("_equivariance")
            promised = not name.endswith("_equivariance") or symmetry in estimator.symmetries
            if promised and (not name.startswith("check_stochastic_") or _is_stochastic(estimator)):
                yield name, check


def _is_stochastic(estimator: Any) -> bool:
    return hasattr(estimator, "diffusion")


def example_trajectories(count: int = 3, points: int = 60, seed: int = 0) -> Pairs:
    """Noise-free trajectories (t, x) of a damped oscillator with distinct scales, ragged and irregular in time."""
    rng = np.random.default_rng(seed)
    pairs = []
    for k in range(count):
        t = np.sort(rng.uniform(0, 8, points - 7 * k))
        t += 1e-3 * np.arange(len(t))
        phase, size = 2.1 * k, 1.0 + 0.4 * k
        decay = size * np.exp(-0.15 * t)
        pairs.append((t, np.column_stack([decay * np.cos(t + phase), -3.0 * decay * np.sin(t + phase)])))
    return pairs


def _queries(count: int = 40, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.7, (count, 2)) * [1.0, 3.0]


def _assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = _CLOSE) -> None:
    error = np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-300)
    assert error <= tolerance, f"differs by {error:.2e} of the largest value (tolerance {tolerance:g})"


def check_fit_returns_self(estimator: Any) -> None:
    """`fit` returns self, keeps the parameters, and sets the attributes that everything else stands on."""
    before = estimator.get_params()
    assert estimator.fit(example_trajectories()) is estimator
    assert estimator.get_params() == before, "fit changed a parameter"
    assert estimator.n_features_in_ == 2
    assert isinstance(estimator.context_, Trajectories)


def check_accepted_forms(estimator: Any) -> None:
    """Pairs, arrays with times, a 3-D array, a DataFrame and Trajectories mean the same."""
    t = np.linspace(0, 8, 50)
    x = np.stack([np.column_stack([a * np.cos(t), -3 * a * np.sin(t)]) for a in (1.0, 1.5)])
    expected = clone(estimator).fit([(t, x[0]), (t, x[1])]).predict(_queries())
    forms: list[tuple[Any, Any]] = [(list(x), t), (list(x), [t, t]), (x, t), (x, t[1]), (Trajectories(x, t), None)]
    try:
        import pandas as pd
    except ImportError:
        pass
    else:
        rows = {"id": np.repeat([0, 1], 50), "t": np.tile(t, 2), "a": x[..., 0].ravel(), "b": x[..., 1].ravel()}
        forms.append((pd.DataFrame(rows), None))
    for X, times in forms:
        fitted = clone(estimator).fit(X, t=times)
        queries: Any = _queries()
        if hasattr(fitted, "feature_names_in_"):
            queries = type(X)(queries, columns=list(fitted.feature_names_in_))
        _assert_close(fitted.predict(queries), expected, 1e-6)


def check_single_array(estimator: Any) -> None:
    """One array (L, D) is one trajectory with unit steps."""
    x = example_trajectories(1)[0][1]
    expected = clone(estimator).fit([(np.arange(len(x)), x)]).predict(_queries())
    _assert_close(clone(estimator).fit(x).predict(_queries()), expected, 1e-6)


def check_shapes(estimator: Any) -> None:
    """Fields, Jacobians and simulations have the shapes of their arguments."""
    estimator.fit(example_trajectories())
    grid = _queries(12).reshape(3, 4, 2)
    assert estimator.vector_field(grid).shape == (3, 4, 2)
    assert estimator.vector_field(grid[0, 0]).shape == (2,)
    assert estimator.vector_field(grid[:0]).shape == (0, 4, 2)
    assert estimator.jacobian(grid).shape == (3, 4, 2, 2)
    assert estimator.predict(grid[0]).shape == (4, 2)
    t = np.linspace(0, 2, 7)
    assert estimator.simulate(grid[0], t).shape == (4, 7, 2)
    assert estimator.simulate(grid[0, 0], t).shape == (7, 2)
    np.testing.assert_array_equal(estimator.simulate(grid[0], t)[:, 0], grid[0])
    assert all(point.state.shape == (2,) for point in estimator.equilibria())


def check_jacobian_is_the_derivative(estimator: Any) -> None:
    """The Jacobian agrees with central differences of the double precision field."""
    estimator.fit(example_trajectories())
    points = _queries(6)
    step = 1e-5
    differences = np.stack(
        [
            (estimator._field_jacobian(points + offset)[0] - estimator._field_jacobian(points - offset)[0]) / (2 * step)
            for offset in step * np.eye(2)
        ],
        axis=-1,
    )
    _assert_close(estimator.jacobian(points), differences, 1e-3)


def check_affine_equivariance(estimator: Any) -> None:
    """``x -> a x + b`` with ``a > 0`` multiplies the field, and the diffusion of an SDE, by ``a``."""
    a, b = np.array([250.0, 0.02]), np.array([-3e3, 7.0])
    pairs, queries = example_trajectories(), _queries()
    plain = clone(estimator).fit(pairs)
    moved = clone(estimator).fit([(t, a * x + b) for t, x in pairs])
    _assert_close(moved.predict(a * queries + b) / a, plain.predict(queries))
    if _is_stochastic(estimator):
        _assert_close(moved.diffusion(a * queries + b) / a, plain.diffusion(queries))


def check_time_equivariance(estimator: Any) -> None:
    """``t -> c t + e``, with ``e`` an epoch in seconds, divides the field by ``c`` and a diffusion by its root."""
    day = 86400.0
    pairs, queries = example_trajectories(), _queries()
    plain = clone(estimator).fit(pairs)
    moved = clone(estimator).fit([(day * t + 1.7e9, x) for t, x in pairs])
    _assert_close(moved.predict(queries) * day, plain.predict(queries))
    if _is_stochastic(estimator):
        _assert_close(moved.diffusion(queries) * np.sqrt(day), plain.diffusion(queries))


def check_trajectory_order(estimator: Any) -> None:
    """The order of the trajectories does not matter."""
    pairs, queries = example_trajectories(), _queries()
    expected = clone(estimator).fit(pairs).predict(queries)
    _assert_close(clone(estimator).fit(pairs[::-1]).predict(queries), expected, 1e-4)


def check_queries_are_independent(estimator: Any) -> None:
    """A query's answer depends neither on the other queries nor on their number; bit for bit at the same place."""
    estimator.fit(example_trajectories())
    queries, others = _queries(300), _queries(300, seed=9)
    together = estimator.vector_field(queries)
    for count in (1, 7, 129):
        np.testing.assert_array_equal(estimator.vector_field(queries[:count]), together[:count])
    others[41] = queries[41]
    np.testing.assert_array_equal(estimator.vector_field(others)[41], together[41])
    order = np.random.default_rng(2).permutation(300)
    _assert_close(estimator.vector_field(queries[order]), together[order], 1e-5)


def check_inputs_unchanged(estimator: Any) -> None:
    """Inputs are never modified, whatever their layout, and every layout gives the same answer."""
    (t, x), queries = example_trajectories(1)[0], _queries()
    expected = clone(estimator).fit([(t, x)]).predict(queries)
    read_only = x.copy()
    read_only.flags.writeable = False
    strided = np.repeat(x, 2, axis=0)[::2]
    for layout in (read_only, np.asfortranarray(x), strided, x.astype(">f8")):
        before = layout.copy()
        _assert_close(clone(estimator).fit([(t, layout)]).predict(queries), expected, 1e-9)
        np.testing.assert_array_equal(layout, before)


def check_refit_forgets(estimator: Any) -> None:
    """A second fit gives what a fresh estimator gives."""
    queries = _queries()
    expected = clone(estimator).fit(example_trajectories(seed=5)).predict(queries)
    again = estimator.fit(example_trajectories()).fit(example_trajectories(seed=5)).predict(queries)
    _assert_close(again, expected, 1e-9)


def check_pickle(estimator: Any) -> None:
    """A pickle holds the context and no weights, and gives the same answers when read back."""
    pairs, queries = example_trajectories(), _queries()
    estimator.fit(pairs)
    content = pickle.dumps(estimator)
    extra = len(content) - sum(t.nbytes + x.nbytes for t, x in pairs)
    assert extra < _EXTRA_PICKLE, f"the pickle has {extra} bytes over the context"
    np.testing.assert_array_equal(pickle.loads(content).predict(queries), estimator.predict(queries))


def check_save_and_load(estimator: Any) -> None:
    """What `save` writes, `load` reads."""
    estimator.fit(example_trajectories())
    with tempfile.TemporaryDirectory() as folder:
        estimator.save(folder)
        loaded = type(estimator).load(folder)
    _assert_close(loaded.predict(_queries()), estimator.predict(_queries()), 1e-9)


def check_threads(estimator: Any) -> None:
    """Queries from several threads give the same answers as from one."""
    estimator.fit(example_trajectories())
    parts = [_queries(50, seed) for seed in range(6)]
    expected = [estimator.predict(part) for part in parts]
    with ThreadPoolExecutor(3) as pool:
        for actual, wanted in zip(pool.map(estimator.predict, parts), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)


def check_no_network(estimator: Any) -> None:
    """Fitting and querying open no connection."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    with mock.patch.object(socket.socket, "connect", refuse):
        estimator.fit(example_trajectories()).predict(_queries())


def check_global_state(estimator: Any) -> None:
    """NumPy's global random state is left alone."""
    before = np.random.get_state(legacy=True)  # noqa: NPY002  (the legacy state is what is checked)
    estimator.fit(example_trajectories()).predict(_queries())
    after = np.random.get_state(legacy=True)  # noqa: NPY002
    np.testing.assert_array_equal(np.asarray(after[1]), np.asarray(before[1]))  # type: ignore[index]


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
    """What cannot be answered is a clear error: not fitted, the wrong width, NaN, no data."""
    _raises(NotFittedError, lambda: clone(estimator).predict(_queries()))
    _raises(NotFittedError, lambda: clone(estimator).simulate([0.0, 0.0], [0.0, 1.0]))
    refused: list[Any] = [[], np.zeros((3, 0)), np.zeros((1, 2)), [(np.zeros(3), np.ones((3, 2)))]]
    for bad in refused:
        _raises(ValueError, partial(clone(estimator).fit, bad))
    (t, x) = example_trajectories(1)[0]
    hole = x.copy()
    hole[7, 1] = np.nan
    _raises(ValueError, lambda: clone(estimator).fit([(t, hole)]))
    estimator.fit([(t, x)])
    _raises(ValueError, lambda: estimator.predict(np.zeros((4, 3))))
    _raises(ValueError, lambda: estimator.vector_field(np.full((4, 2), np.nan)))
    _raises(ValueError, lambda: estimator.simulate([0.0], [0.0, 1.0]))
    _raises(ValueError, lambda: estimator.simulate([0.0, 0.0], [1.0, 0.0]))


def check_stochastic_diffusion(estimator: Any) -> None:
    """Diffusions are finite, not negative, of the shape of their argument, and a query's does not depend on others."""
    estimator.fit(example_trajectories())
    grid = _queries(120).reshape(30, 4, 2)
    diffusion = estimator.diffusion(grid)
    assert diffusion.shape == (30, 4, 2)
    assert np.isfinite(diffusion).all()
    assert (diffusion >= 0).all(), f"a diffusion is {diffusion.min()}"
    assert estimator.diffusion(grid[0, 0]).shape == (2,)
    assert estimator.diffusion(grid[:0]).shape == (0, 4, 2)
    np.testing.assert_array_equal(estimator.diffusion(grid[:3]), diffusion[:3])
    _assert_close(estimator.diffusion(grid[::-1]), diffusion[::-1], 1e-5)
    _raises(NotFittedError, lambda: clone(estimator).diffusion(grid))
    _raises(ValueError, lambda: estimator.diffusion(np.zeros((4, 3))))
    _raises(ValueError, lambda: estimator.diffusion(np.full((4, 2), np.nan)))


def check_stochastic_paths(estimator: Any) -> None:
    """Paths have the shapes asked for, start where they should, and are the same for the same ``random_state``."""
    estimator.fit(example_trajectories())
    start, t = _queries(3), np.linspace(0, 1, 5)
    paths = estimator.simulate(start, t, n_paths=4, random_state=0)
    assert paths.shape == (3, 4, 5, 2)
    np.testing.assert_array_equal(paths[:, :, 0], np.repeat(start[:, None], 4, axis=1))
    assert estimator.simulate(start[0], t, n_paths=4).shape == (4, 5, 2)
    np.testing.assert_array_equal(estimator.simulate(start, t, n_paths=4, random_state=0), paths)
    assert not np.array_equal(estimator.simulate(start, t, n_paths=4, random_state=1), paths)
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(estimator.simulate(start, t, n_paths=4, random_state=generator), paths)
    assert not np.array_equal(estimator.simulate(start, t, n_paths=4, random_state=generator), paths)
    for bad in ({"n_paths": 0}, {"n_paths": 2.5}, {"substeps": 0}, {"random_state": "seed"}):
        _raises(ValueError, partial(estimator.simulate, start, t, **bad))


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


def _raises(kind: type[Exception], call: Callable[[], Any]) -> None:
    try:
        call()
    except kind as error:
        message = str(error)
    else:
        message = ""
    assert message, f"no {kind.__name__} with a message was raised"
