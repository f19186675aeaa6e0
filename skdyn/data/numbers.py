"""Read what a user gives as an array of numbers: masks are kept, and nothing that is no number becomes one."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError


def read_numbers(
    value: Any,
    place: str,
    what: str = "states must be real numbers",
    error: type[ValueError] = TrajectoryError,
    *,
    booleans: bool = False,
) -> np.ndarray:
    """Read numbers as a new C-ordered float64 array, or say in ``place`` why they are not numbers.

    Masked values, also inside lists, become NaN. Strings, booleans and categories are refused.

    Parameters
    ----------
    value : array_like
    place : str
        What errors call it.
    what : str
        What errors say is expected.
    error : subclass of ValueError
    booleans : bool, default=False
        Read True and False as 1 and 0, as for switches among inputs.

    Raises
    ------
    error
    TypeError
        For an object that is no number in trajectories, as scikit-learn has it.
    """
    if error is TrajectoryError:
        return _read(value, place, what, booleans)
    try:
        return _read(value, place, what, booleans)
    except (TrajectoryError, TypeError) as reason:
        raise error(str(reason)) from None


def without_masks(value: Any, absent: Any = np.nan) -> Any:
    """A value with ``absent`` where masked arrays and constants, also in lists of lists, are masked."""
    if value is np.ma.masked:
        return absent
    if np.ma.isMaskedArray(value):
        masked = np.ma.getmaskarray(value)
        if not masked.any():
            return np.asarray(value.data)
        filled = value.data.astype(np.float64 if value.dtype.kind in "fiu" else object)
        filled[masked] = absent
        return filled
    if isinstance(value, (list, tuple)) and any(_may_be_masked(item) for item in value):
        return [without_masks(item, absent) for item in value]
    return value


def _may_be_masked(item: Any) -> bool:
    return np.ma.isMaskedArray(item) or item is np.ma.masked or isinstance(item, (list, tuple))


def _read(value: Any, place: str, what: str, booleans: bool) -> np.ndarray:
    try:
        array = np.asarray(without_masks(value))
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrajectoryError(f"{place} cannot be read as an array: {error}") from None
    if np.iscomplexobj(array):
        raise TrajectoryError(f"{place}: Complex data not supported")
    if array.dtype.kind == "O":
        return _from_objects(array, place, booleans)
    if array.dtype.kind not in ("fiub" if booleans else "fiu"):
        raise TrajectoryError(f"{place} has type {array.dtype}: {what}")
    with np.errstate(over="ignore"):  # an extended number beyond float64 becomes infinite, which is refused by place
        return np.array(array, dtype=np.float64, order="C")


def _from_objects(array: np.ndarray, place: str, booleans: bool) -> np.ndarray:
    """Boxed numbers, None and pandas' NA; a string is no number, whatever it holds."""
    numbers = np.empty(array.shape, dtype=np.float64)
    for index, item in np.ndenumerate(array):
        if item is None or type(item).__name__ in ("NAType", "NaTType"):
            numbers[index] = np.nan
        elif isinstance(item, (str, bytes)) or (isinstance(item, (bool, np.bool_)) and not booleans):
            raise TrajectoryError(f"{place} holds an object that is not a number: {item!r} is a {type(item).__name__}")
        elif isinstance(item, Number) or hasattr(item, "__float__"):
            try:
                numbers[index] = float(item)
            except (TypeError, ValueError, OverflowError) as error:
                raise TrajectoryError(f"{place} holds an object that is not a number: {error}") from None
        else:  # scikit-learn expects a TypeError with these words
            raise TypeError(
                f"{place} holds an object that is not a number: argument must be a string or a real number, not "
                f"{type(item).__name__!r}"
            )
    return numbers
