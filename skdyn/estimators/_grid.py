"""A rectangular grid as a user gives it."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.numbers import read_numbers

_MOST_CELLS = 10_000_000


def read_grid(grid: Any, dim: int) -> list[np.ndarray]:
    """The axes of a grid of D variables, arrays of shape (R_d,).

    Parameters
    ----------
    grid : list of D sequences of numbers
        Of one variable also its axis alone, as a row or as a column.
    dim : int

    Raises
    ------
    ValueError
        If they are not finite, increasing numbers, at least three along each variable, or make too many cells.
    """
    listed = [] if isinstance(grid, str) or not np.iterable(grid) else list(grid)
    if dim == 1 and np.iterable(grid) and all(np.ndim(value) == 0 for value in listed):
        listed = [grid]
    elif dim == 1 and len(listed) > 1 and all(np.shape(value) == (1,) for value in listed):
        listed = [[value[0] for value in listed]]
    if len(listed) != dim:
        raise ValueError(f"grid must be a list of {dim} arrays, one for each variable, got {_described(grid)}")
    axes = []
    for d, axis in enumerate(listed):
        values = read_numbers(axis, f"grid[{d}]", "expected real numbers", ValueError)
        if values.ndim != 1 or len(values) < 3:
            raise ValueError(f"grid[{d}] must be real numbers of shape (R,), at least 3, got shape {values.shape}")
        if not (np.isfinite(values).all() and (np.diff(values) > 0).all()):
            raise ValueError(f"grid[{d}] must be finite and increasing")
        axes.append(values)
    cells = np.prod([float(len(axis)) for axis in axes])
    if cells > _MOST_CELLS:
        raise ValueError(f"the grid has {cells:.3g} cells, more than {_MOST_CELLS}: choose a coarser one")
    return axes


def _described(grid: Any) -> str:
    kind = type(grid).__name__
    return f"a {kind} of {len(grid)}" if hasattr(grid, "__len__") else f"a {kind}"
