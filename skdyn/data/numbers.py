"""Read what a user gives as an array of numbers: masks are kept, and nothing that is no number becomes one."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError


def read_numbers(
    value: Any, place: str, what: str = "states must be real numbers", error: type[ValueError] = TrajectoryError
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

    Raises
    ------
    error
    TypeError
        For an object that is no number in trajectories, as scikit-learn has it.
    """
    if error is TrajectoryError:
        return _read(value, place, what)
    try:
        return _read(value, place, what)
    except (TrajectoryError, TypeError) as reason:
        raise error(str(reason)) from None


def _read(value: Any, place: str, what: str) -> np.ndarray:
    try:
        if _holds_masks(value):
            return _filled(np.ma.asarray(value) if np.ma.isMaskedArray(value) else np.ma.array(value), place, what)
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrajectoryError(f"{place} cannot be read as an array: {error}") from None
    return _as_float(array, place, what)


def _holds_masks(value: Any, depth: int = 3) -> bool:
    """Whether a value, or a list of lists of them, holds masked arrays or masked constants."""
    if np.ma.isMaskedArray(value):
        return True
    if depth and isinstance(value, (list, tuple)):
        return any(_holds_masks(item, depth - 1) for item in value)
    return False


def _filled(array: np.ma.MaskedArray, place: str, what: str) -> np.ndarray:
    mask = np.ma.getmaskarray(array)
    plain = np.asarray(array.data)
    if plain.dtype.kind == "O":
        plain = np.where(mask, np.nan, plain)
    numbers = _as_float(plain, place, what)
    numbers[mask] = np.nan
    return numbers


def _as_float(array: np.ndarray, place: str, what: str) -> np.ndarray:
    if np.iscomplexobj(array):
        raise TrajectoryError(f"{place}: Complex data not supported")
    if array.dtype.kind == "O":
        return _from_objects(array, place)
    if array.dtype.kind not in "fiu":
        raise TrajectoryError(f"{place} has type {array.dtype}: {what}")
    with np.errstate(over="ignore"):  # an extended number beyond float64 becomes infinite, which is refused by place
        return np.array(array, dtype=np.float64, order="C")


def _from_objects(array: np.ndarray, place: str) -> np.ndarray:
    """Boxed numbers, None and pandas' NA; a string is no number, whatever it holds."""
    numbers = np.empty(array.shape, dtype=np.float64)
    for index, item in np.ndenumerate(array):
        if item is None or type(item).__name__ in ("NAType", "NaTType"):
            numbers[index] = np.nan
        elif isinstance(item, (str, bytes, bool, np.bool_)):
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
