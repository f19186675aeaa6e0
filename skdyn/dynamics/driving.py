"""Inputs and parameters of simulations, in all forms that are accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skdyn.data.asked import read_asked
from skdyn.data.given import Given
from skdyn.data.numbers import read_numbers
from skdyn.data.row_labels import counts_rows, times_in_index
from skdyn.dynamics.signals import CalledSignals, SampledSignals, Signals


def read_signals(
    inputs: Any, parameters: Any, given: Given, t: np.ndarray, count: int, read_times: Callable[[Any], np.ndarray]
) -> Signals | None:
    """What is given to each of N simulations at any time; None where the field depends on states alone.

    Parameters
    ----------
    inputs : callable, pair (t_u, u), or values on ``t`` (L, U), (N, L, U), (U,), or a mapping of names to values
        A function is asked for no time outside ``t``. The index of a pandas Series or DataFrame is its times, unless it
        counts rows from zero.
    parameters : values (P,) or (N, P), or a mapping of names to values
    given : Given
        What the field depends on.
    t : array of shape (L,)
        Times of the simulation.
    count : int
        Of simulations, N.
    read_times : callable
        Reads times, or refuses them.

    Raises
    ------
    ValueError
        If something is missing, unknown, of another shape, or does not span the times.
    """
    if not given and inputs is None and parameters is None:
        return None
    fixed = read_asked(None, parameters, Given(parameters=given.parameters), (count,))
    if callable(inputs) and given.inputs:
        return CalledSignals(_checked(inputs, len(given.inputs)), fixed, t)
    own, said = Given(given.inputs), ""
    if given.inputs and (index := times_in_index(inputs)) is not None:
        _check_index(inputs, index, t)
        inputs, said = (index, inputs), ", or as .to_numpy() if its rows are at t"
    if isinstance(inputs, tuple) and len(inputs) == 2 and given.inputs and np.ndim(inputs[0]):
        times = read_times(inputs[0])
        if times[0] > t[0] or times[-1] < t[-1]:
            raise ValueError(
                f"the inputs are given from t = {times[0]:g} to {times[-1]:g}, but the simulation runs from {t[0]:g} "
                f"to {t[-1]:g}: give inputs for all of it{said}"
            )
        values = read_asked(inputs[1], None, own, (len(times),))
        values = np.broadcast_to(values, (count, *values.shape))
    else:
        times = t
        by_name = isinstance(inputs, Mapping)
        for name, values in inputs.items() if by_name else ():
            if (index := times_in_index(values)) is not None and len(index) == len(t):
                _check_index(values, index, t, f"inputs[{name!r}]")
                if not np.allclose(read_times(index), t, rtol=0, atol=1e-9 * float(np.ptp(t))):
                    raise ValueError(
                        f"inputs[{name!r}] is a Series whose index ({index[0]}, ...) is not t: pass its .to_numpy() if "
                        "its rows are at t, or all inputs as a DataFrame with their times in its index"
                    )
        many = max(map(np.ndim, inputs.values()), default=0) == 2 if by_name else np.ndim(inputs) == 3
        shape = (count, len(t)) if many else (len(t),)
        values = np.broadcast_to(read_asked(inputs, None, own, shape), (count, len(t), len(own)))
    outside = np.concatenate([values, np.repeat(fixed[:, None], len(times), axis=1)], axis=-1)
    return SampledSignals([times] * count, list(outside), given.holds)


def _check_index(values: Any, index: Any, t: np.ndarray, place: str = "inputs") -> None:
    """Refuse times of inputs that are out of order, and whole numbers that may as well say which rows these were."""
    kind = type(values).__name__
    if not (index.is_monotonic_increasing and index.is_unique):
        raise ValueError(
            f"{place} is a {kind} whose index, which is its times, does not increase: pass its .sort_index(), or its "
            ".to_numpy() if its rows are at t"
        )
    if counts_rows(index) and len(index) == len(t) and not np.array_equal(index, t):
        raise ValueError(
            f"{place} is a {kind} whose index ({index[0]}, ...) is not t: pass its .to_numpy() if its rows are at t, "
            "or the pair (index, inputs) if the index is their times"
        )


def _checked(function: Callable[[Any], Any], width: int) -> Callable[[np.ndarray], np.ndarray]:
    """A user's function of times, whose answers are checked."""

    def at(t: np.ndarray) -> np.ndarray:
        values = read_numbers(function(t), "what inputs(t) returns", "expected real numbers", ValueError)
        if width == 1 and values.shape == t.shape:
            values = values[:, None]
        if values.shape != (len(t), width):
            raise ValueError(
                f"inputs(t) returns the shape {values.shape} for {len(t)} times: expected ({len(t)}, {width}), a row "
                "for each time"
            )
        if not np.isfinite(values).all():
            row = int((~np.isfinite(values)).any(axis=1).argmax())
            raise ValueError(f"inputs(t) is not finite (NaN or infinity) at t = {t[row]:g}")
        return values

    return at
