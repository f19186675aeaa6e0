"""The contract of an expert beside a forecaster, as checks that plugins run too.

``check_expert(expert)`` runs them all; ``expert_checks()`` yields them one by one, with names, for
``pytest.mark.parametrize``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from skdyn.testing.common import Check, assert_close, assert_unchanged, example_trajectories, run_check
from skdyn.testing.process import listed_changes, refused_connections

_SEASON = 12


def check_expert(expert: Any) -> None:
    """Check that an expert keeps the contract that the forecasts of all others rely on.

    Parameters
    ----------
    expert : skdyn.plugins.Expert

    Raises
    ------
    AssertionError
        Naming the check and what was found.

    Examples
    --------
    >>> from skdyn.plugins import get_expert
    >>> from skdyn.testing import check_expert
    >>> check_expert(get_expert("drift"))
    """
    for name, check in expert_checks():
        run_check(f"the expert {expert.name!r}", name, partial(check, expert))


def _examples() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Times (N,) and values (N, D): even and uneven, of one and of more variables, long and short."""
    t = np.arange(60.0)
    noise = np.random.default_rng(0).normal(size=60)
    yield t, (10 + 0.05 * t + 3 * np.sin(2 * np.pi * t / _SEASON) + 0.1 * noise)[:, None]
    yield example_trajectories(1)[0]
    yield t, np.column_stack([np.exp(0.05 * t), np.cumsum(noise), np.full(60, 2.0)])
    yield t, 20 / (1 + np.exp(-(t - 25) / 6))[:, None]
    yield t[:7], t[:7, None] ** 2


def _ahead(times: np.ndarray) -> Iterator[np.ndarray]:
    """Later times (H,): one, some, and many that are uneven."""
    step, last = np.median(np.diff(times)), times[-1]
    yield last + step * np.array([1.0])
    yield last + step * np.arange(1.0, 8.0)
    yield last + step * np.sort(np.random.default_rng(1).uniform(0.2, 30, 40))


def _fitted(expert: Any, times: np.ndarray, values: np.ndarray, **known: int) -> Callable[..., Any] | None:
    """Its forecast, or None where a ValueError says that there is nothing to be said."""
    try:
        forecast = expert.fit(times, values, **known)
    except ValueError:
        return None
    assert callable(forecast), f"fit returns a {type(forecast).__name__}, not a forecast: a callable of later times"
    return forecast


def _answer(forecast: Callable[..., Any], later: np.ndarray, dim: int) -> np.ndarray | None:
    """What a forecast says, of the shape that it must have, or None as above."""
    try:
        said = np.asarray(forecast(later))
    except ValueError:
        return None
    shape = len(later), dim
    assert said.shape == shape, f"{len(later)} times of {dim} variable(s) are answered with {said.shape}, not {shape}"
    assert said.dtype.kind in "fiu", f"an answer is of the type {said.dtype}, not of real numbers"
    return said


def check_answers(expert: Any) -> None:
    """Every forecast has the shape (H, D); of one example at least there is something finite to be said."""
    finite = False
    for times, values in _examples():
        if forecast := _fitted(expert, times, values):
            for later in _ahead(times):
                said = _answer(forecast, later, values.shape[1])
                finite = finite or (said is not None and bool(np.isfinite(said).all()))
    assert finite, "nothing finite is said of any example"


def check_arguments_unchanged(expert: Any) -> None:
    """Times, values and the times asked for are read by others too."""
    for times, values in _examples():
        own_times, own_values = times.copy(), values.copy()
        forecast = _fitted(expert, own_times, own_values)
        for later in _ahead(times) if forecast else ():
            own_later = later.copy()
            _answer(forecast, own_later, values.shape[1])  # type: ignore[arg-type]
            assert_unchanged(own_later, later, "the forecast")
        assert_unchanged(own_times, times, "the expert")
        assert_unchanged(own_values, values, "the expert")


def check_repeats(expert: Any) -> None:
    """A second fit says what the first did, whatever else was asked in between, also of read-only arrays.

    Read-only arrays are what a forecaster hands out.
    """
    for times, values in _examples():
        first, dim = _fitted(expert, times, values), values.shape[1]
        given = [times.copy(), values.copy()]
        for array in given:
            array.flags.writeable = False
        second = _fitted(expert, *given)
        for later in (*_ahead(times), *_ahead(times)):
            expected, said = (
                None if forecast is None else _answer(forecast, later, dim) for forecast in (first, second)
            )
            assert (said is None) == (expected is None), "of two fits, one to read-only arrays, only one says something"
            if said is not None and expected is not None:
                assert np.array_equal(np.isfinite(said), np.isfinite(expected)), "a second fit is finite elsewhere"
                assert_close(np.nan_to_num(said), np.nan_to_num(expected), 1e-9, "the forecast of a second fit")


def check_season(expert: Any) -> None:
    """An expert that says ``seasonal=True`` takes ``season=``, also one that the series does not hold."""
    if expert.seasonal:
        for times, values in _examples():
            for season in (1, _SEASON, 1000):
                if forecast := _fitted(expert, times, values, season=season):
                    for later in _ahead(times):
                        _answer(forecast, later, values.shape[1])


def check_process(expert: Any) -> None:
    """No connection is opened, and nothing of the process is changed."""
    check_answers(expert)  # what is imported now may change it once
    with refused_connections() as opened, listed_changes() as changed:
        check_answers(expert)
    assert not opened, f"connections were opened, to {', '.join(map(str, opened))}"
    assert not changed, f"changed for the whole process: {', '.join(changed)}"


EXPERT_CHECKS = (
    check_answers,
    check_arguments_unchanged,
    check_repeats,
    check_season,
    check_process,
)
"""What every expert keeps."""


def expert_checks() -> Iterator[tuple[str, Check]]:
    """Yield the name and the function of each check."""
    for check in EXPERT_CHECKS:
        yield check.__name__, check
