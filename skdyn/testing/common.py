"""What the contracts of all estimators have in common: example data, comparisons, and checks of fitting and predicting.

A check takes an estimator and a few arguments that its ``predict`` can be given: states, or times.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from traceback import extract_tb
from typing import Any

import numpy as np
from sklearn.base import clone

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.testing.process import listed_changes, refused_connections

Check = Callable[[Any], None]
Pairs = list[tuple[np.ndarray, np.ndarray]]

_EXTRA_PICKLE = 1_000_000


def run_checks(estimator: Any, checks: Iterator[tuple[str, Check]]) -> None:
    """Run checks on clones of an estimator; an AssertionError names the one that fails."""
    for name, check in checks:
        run_check(type(estimator).__name__, name, partial(check, clone(estimator)))


def run_check(whose: str, name: str, check: Callable[[], None]) -> None:
    """Run one check; an AssertionError says whose and which one it is."""
    try:
        check()
    except Exception as error:
        found = str(error) or f"{type(error).__name__} at `{extract_tb(error.__traceback__)[-1].line}`"
        raise AssertionError(f"{whose} fails {name}: {found}") from error


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


def accepted_forms() -> Iterator[tuple[Any, Any]]:
    """Yield two trajectories in each form that ``fit`` takes, with their times: pairs first."""
    t = np.linspace(0, 8, 50)
    x = np.stack([np.column_stack([a * np.cos(t), -3 * a * np.sin(t)]) for a in (1.0, 1.5)])
    yield [(t, x[0]), (t, x[1])], None
    yield list(x), t
    yield list(x), [t, t]
    yield x, t
    yield x, t[1]
    yield Trajectories(x, t), None
    try:
        import pandas as pd
    except ImportError:
        return
    rows = {"id": np.repeat([0, 1], 50), "t": np.tile(t, 2), "a": x[..., 0].ravel(), "b": x[..., 1].ravel()}
    yield pd.DataFrame(rows), None


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float, what: str = "it") -> None:
    """Compare arrays of one shape, relative to the largest value."""
    assert np.shape(actual) == np.shape(expected), f"{what} has shape {np.shape(actual)}, not {np.shape(expected)}"
    error = np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-300)
    assert error <= tolerance, f"{what} differs by {error:.2e} of the largest value (tolerance {tolerance:g})"


def assert_unchanged(given: np.ndarray, before: np.ndarray, who: str) -> None:
    """What someone was given is as it was."""
    assert np.array_equal(given, before), f"{who} changes in place what it is given: let it work on a copy"


def assert_raises(kind: type[Exception], call: Callable[[], Any]) -> None:
    """Call what must end with an error of this kind and a message."""
    try:
        call()
    except kind as error:
        message = str(error)
    else:
        message = ""
    assert message, f"no {kind.__name__} with a message was raised"


def check_fit_returns_self(estimator: Any, arguments: Sequence[Any]) -> None:
    """`fit` returns self, keeps the parameters, sets what everything else stands on, and answers are finite."""
    before = estimator.get_params()
    assert estimator.fit(example_trajectories()) is estimator
    assert estimator.get_params() == before, "fit changed a parameter"
    assert estimator.n_features_in_ == 2
    assert isinstance(estimator.context_, Trajectories)
    assert np.isfinite(estimator.predict(arguments[0])).all()


def check_inputs_unchanged(estimator: Any, arguments: Sequence[Any]) -> None:
    """Inputs are never modified, whatever their layout, and every layout gives the same answer."""
    t, x = example_trajectories(1)[0]
    asked = arguments[0].copy()
    expected = clone(estimator).fit([(t, x)]).predict(asked)
    assert_unchanged(asked, arguments[0], "predict")
    read_only = x.copy()
    read_only.flags.writeable = False
    strided = np.repeat(x, 2, axis=0)[::2]
    for layout in (read_only, np.asfortranarray(x), strided, x.astype(">f8")):
        before = layout.copy()
        assert_close(clone(estimator).fit([(t, layout)]).predict(arguments[0]), expected, 1e-9)
        np.testing.assert_array_equal(layout, before)


def check_refit_forgets(estimator: Any, arguments: Sequence[Any]) -> None:
    """A second fit gives what a fresh estimator gives."""
    expected = clone(estimator).fit(example_trajectories(seed=5)).predict(arguments[0])
    again = estimator.fit(example_trajectories()).fit(example_trajectories(seed=5)).predict(arguments[0])
    assert_close(again, expected, 1e-9)


def check_pickle(estimator: Any, arguments: Sequence[Any]) -> None:
    """A pickle holds the context and no weights, and gives the same answers when read back."""
    pairs = example_trajectories()
    content = pickle.dumps(estimator.fit(pairs))
    extra = len(content) - sum(t.nbytes + x.nbytes for t, x in pairs)
    assert extra < _EXTRA_PICKLE, f"the pickle has {extra} bytes over the context"
    np.testing.assert_array_equal(pickle.loads(content).predict(arguments[0]), estimator.predict(arguments[0]))


def check_save_and_load(estimator: Any, arguments: Sequence[Any]) -> None:
    """What `save` writes, `load` reads, and fits to the same if the fit draws random numbers without a seed.

    The names of the variables are as they were.
    """
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=None)
    names = ["angle", "rate"]
    estimator.fit(Trajectories([Trajectory(t, x, names) for t, x in example_trajectories()]))
    with tempfile.TemporaryDirectory() as folder:
        estimator.save(folder)
        loaded = type(estimator).load(folder)
    found = list(getattr(loaded, "feature_names_in_", ()))
    assert found == names, f"the loaded estimator has the names {found}, not {names}"
    assert_close(loaded.predict(arguments[0]), estimator.predict(arguments[0]), 1e-9)


def check_threads(estimator: Any, arguments: Sequence[Any]) -> None:
    """Answers to several threads are those to one."""
    estimator.fit(example_trajectories())
    expected = [estimator.predict(argument) for argument in arguments]
    with ThreadPoolExecutor(3) as pool:
        for actual, wanted in zip(pool.map(estimator.predict, arguments), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)


def check_no_network(estimator: Any, arguments: Sequence[Any]) -> None:
    """Fitting and predicting open no connection, not even one whose failure is hidden."""
    with refused_connections() as opened:
        estimator.fit(example_trajectories()).predict(arguments[0])
    assert not opened, f"connections were opened, to {', '.join(map(str, opened))}"


def check_global_state(estimator: Any, arguments: Sequence[Any]) -> None:
    """Global random states, NumPy's handling of errors and the filters of warnings are left alone."""
    with listed_changes():  # what is imported now may change them once
        clone(estimator).fit(example_trajectories()).predict(arguments[0])
    with listed_changes() as changed:
        estimator.fit(example_trajectories()).predict(arguments[0])
    assert not changed, f"changed for the whole process: {', '.join(changed)}"


SHARED_CHECKS = (
    check_fit_returns_self,
    check_inputs_unchanged,
    check_refit_forgets,
    check_pickle,
    check_save_and_load,
    check_threads,
    check_no_network,
    check_global_state,
)
"""What every estimator keeps; each is called with arguments for its ``predict``."""


def shared_checks(arguments: Sequence[Any]) -> Iterator[tuple[str, Check]]:
    """Yield the name and the function of each check above, with arguments for ``predict``."""
    for check in SHARED_CHECKS:
        yield check.__name__, partial(check, arguments=[argument.copy() for argument in arguments])
