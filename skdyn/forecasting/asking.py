"""How an expert is asked: what it may say, what it may not change, and whose error it is if it breaks.

Letters: N observed points, D channels, T times ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skdyn.exceptions import silenced
from skdyn.forecasting.experts.grid import Array, Fit, Forecast
from skdyn.models.catalogue import plugin_call

FAILURES = (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError, IndexError)
"""What an expert raises that has nothing to say of a series; whatever else it raises is a fault of its own."""


def fitted(name: str, fit: Fit, times: Array, values: Array) -> Forecast | None:
    """An expert fitted to times (N,) and values (N, D), or None where it has nothing to say.

    Raises
    ------
    PluginError
        If it is broken, with its name.
    """
    try:
        with _asked(name, "fails to fit"):
            forecast = fit(_read_only(times), _read_only(values))
            if not callable(forecast):
                raise TypeError(f"a fit returns a callable, not a {type(forecast).__name__}")
            return forecast
    except FAILURES:
        return None


def answered(name: str, forecast: Forecast | None, times: Array, dim: int) -> Array | None:
    """An expert's forecast (T, D) at times (T,), NaN where it is not finite; None where it has nothing to say.

    Raises
    ------
    PluginError
        If it is broken, with its name.
    """
    if forecast is None:
        return None
    try:
        with _asked(name, "fails to forecast"):
            answer = _numbers(forecast(_read_only(times)), (len(times), dim))
    except FAILURES:
        return None
    return np.where(np.isfinite(answer), answer, np.nan)


def _numbers(answer: Any, shape: tuple[int, int]) -> Array:
    """An answer as real numbers, if it has the shape."""
    try:
        array = np.asarray(answer)
    except ValueError:  # lists of unequal lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiu" or array.shape != shape:
        said = f"{array.dtype} of shape {array.shape}" if array.dtype != object else f"a {type(answer).__name__}"
        raise TypeError(
            f"it answers {said}, but {shape[0]} times of {shape[1]} variables take real numbers of shape {shape}"
        )
    return array.astype(np.float64)


@contextmanager
def _asked(name: str, what: str) -> Iterator[None]:
    """Run an expert's code without its warnings; `FAILURES` pass, all else is a `PluginError` of its name."""
    with plugin_call(f"the expert {name!r}", what, FAILURES), silenced(Warning), np.errstate(all="ignore"):
        try:
            yield
        except ValueError as error:
            if "read-only" in str(error):
                raise TypeError(f"it changes in place what others read too: let it work on copies ({error})") from error
            raise


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
