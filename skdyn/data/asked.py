"""Inputs and parameters at states that are asked for.

Letters: U inputs, P parameters, G = U + P.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdyn.data.given import Given
from skdyn.data.names import named_states
from skdyn.data.numbers import read_numbers


def read_asked(inputs: Any, parameters: Any, given: Given, shape: tuple[int, ...]) -> np.ndarray:
    """What is given at states of some shape, (..., G), inputs first.

    Parameters
    ----------
    inputs, parameters : array (..., U) and (..., P), a number where there is one only, a mapping or table by names
        Broadcast to the shape.
    given : Given
        What the field depends on.
    shape : tuple of int
        Of the states, without their last axis.

    Raises
    ------
    ValueError
        If something is missing, unknown, not finite or of another shape.
    """
    parts = [_asked("inputs", inputs, given.inputs, shape), _asked("parameters", parameters, given.parameters, shape)]
    return np.concatenate(parts, axis=-1)


def _asked(kind: str, values: Any, names: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    """One kind of what is given, (..., U) or (..., P)."""
    if not names:
        if values is not None:
            raise ValueError(f"{kind} are given, but the trajectories of the fit have none")
        return np.empty((*shape, 0))
    example = "{" + ", ".join(f"{name!r}: ..." for name in names) + "}"
    if values is None:
        raise ValueError(f"the field depends on the {kind} {', '.join(names)}: pass {kind}={example}")
    if isinstance(values, Mapping):
        if set(values) != set(names):
            raise ValueError(
                f"{kind} has the names {list(values)}, but {list(names)} are expected: pass {kind}={example}"
            )
        parts = [_numbers(values[name], f"{kind}[{name!r}]") for name in names]
        array = np.stack(np.broadcast_arrays(*parts), axis=-1)
    else:
        array = _numbers(named_states(values, names, kind, booleans=True), kind)
        if len(names) == 1 and (array.ndim == 0 or (array.shape == shape and array.shape[-1:] != (1,))):
            array = array[..., None]
    if array.shape[-1:] != (len(names),) or not _fits(array.shape[:-1], shape):
        raise ValueError(
            f"{kind} has shape {array.shape}: expected {(*shape, len(names))} or ({len(names)},) for {', '.join(names)}"
        )
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{kind}{list(place)} is {array[place]}, not finite (NaN or infinity)")
    return np.broadcast_to(array, (*shape, len(names)))


def _numbers(values: Any, place: str) -> np.ndarray:
    return read_numbers(values, place, "expected real numbers", ValueError, booleans=True)


def _fits(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own[::-1], shape[::-1]))
