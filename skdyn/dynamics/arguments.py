"""What the public functions of this room are given, read once at their doors: states, times, grids and correlations.

And what a field answers, of which only the shape is looked at, each time. Letters: N states, D variables, G values from
outside, L times, R points of an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skdyn.data.cleaning import check_increasing
from skdyn.data.numbers import read_numbers

_ROUNDING = 1e-8


def read_starts(x0: Any) -> np.ndarray:
    """Initial states (N, D).

    Raises
    ------
    ValueError
    """
    starts = _numbers("x0", x0)
    if starts.ndim != 2:
        raise ValueError(f"x0 has shape {starts.shape}: expected (N, D), a row for each initial state")
    return starts


def read_times(t: Any) -> np.ndarray:
    """Increasing times (L,).

    Raises
    ------
    ValueError
    """
    times = _numbers("t", t)
    if times.ndim != 1 or len(times) == 0:
        raise ValueError(f"t has shape {times.shape}: expected the times (L,) of at least one point")
    check_increasing(times, lambda row: f"t, row {row}")
    return times


def read_axes(axes: Any, least: int) -> list[np.ndarray]:
    """Increasing points (R_d,) along each variable, at least so many of each.

    Raises
    ------
    ValueError
    """
    read = [_numbers(f"axes[{d}]", axis) for d, axis in enumerate(axes)]
    for d, axis in enumerate(read):
        if axis.ndim != 1 or len(axis) < least:
            raise ValueError(
                f"axes[{d}] has shape {axis.shape}: axes is a list of arrays (R,) of at least {least} points, one for "
                "each variable"
            )
        if not (np.diff(axis) > 0).all():
            raise ValueError(f"axes[{d}] must increase from point to point: pass it in order, numpy.unique(axes[{d}])")
    return read


def read_correlation(correlation: Any, dim: int) -> np.ndarray:
    """Correlations (D, D) of noise.

    Raises
    ------
    ValueError
        If they are those of no noise.
    """
    matrix = _numbers("correlation", correlation)
    if matrix.shape != (dim, dim):
        raise ValueError(f"correlation has shape {matrix.shape}: expected ({dim}, {dim})")
    if not (np.allclose(np.diag(matrix), 1.0) and np.allclose(matrix, matrix.T)):
        raise ValueError(
            f"correlation must be symmetric with ones on its diagonal, got {matrix.tolist()}: the strength of the "
            "noise belongs to the diffusion"
        )
    if np.linalg.eigvalsh(matrix)[0] < -_ROUNDING:
        raise ValueError(f"correlation has a negative eigenvalue, and is that of no noise: {matrix.tolist()}")
    return matrix


def checked_field(field: Callable[..., np.ndarray], dim: int) -> Callable[..., np.ndarray]:
    """A field of points (N, D + G), refused where it does not answer with (N, D)."""

    def checked(points: np.ndarray) -> np.ndarray:
        slopes = field(points)
        if np.shape(slopes) != (len(points), dim):
            check_answer("field", slopes, (len(points), dim))
        return slopes

    return checked


def checked_derivatives(
    function: Callable[..., tuple[np.ndarray, np.ndarray]] | None, dim: int
) -> Callable[..., tuple[np.ndarray, np.ndarray]] | None:
    """As `checked_field`, of a function that answers with (N, D) and (N, D, D + G); None stays None."""
    if function is None:
        return None

    def checked(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes, jacobian = function(points)
        check_answer("field_and_jacobian", slopes, (len(points), dim))
        check_answer("field_and_jacobian", jacobian, (len(points), dim, points.shape[1]))
        return slopes, jacobian

    return checked


def check_answer(name: str, answer: np.ndarray, shape: Sequence[int]) -> None:
    """Refuse what a user's function returns in another shape, before it is broadcast."""
    if np.shape(answer) != shape:
        raise ValueError(f"{name} returns the shape {np.shape(answer)} for {shape[0]} states: expected {shape}")


def _numbers(name: str, values: Any) -> np.ndarray:
    return read_numbers(values, name, "expected real numbers", ValueError)
