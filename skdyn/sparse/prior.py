"""A prior belief about the field, given at points of the state space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FieldPrior:
    """Field values believed at some points, each with its own uncertainty.

    The belief is independent Laplace densities centred on ``field`` with scales ``scale``. It matters where the
    observed trajectories do not go; points spread over a box a quarter wider than the data serve well.

    Parameters
    ----------
    points : ndarray, shape (M, D)
        States, in the user's units.
    field : ndarray, shape (M, D)
        Believed time derivatives there, in the user's units of state over time.
    scale : ndarray, shape (M, D)
        Positive Laplace scales, in the units of ``field``.

    Raises
    ------
    ValueError
        The shapes differ, M is 0, a number is not finite or a scale is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> prior = FieldPrior(np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 2)))
    >>> prior.points.shape
    (1, 2)
    """

    points: Array
    field: Array
    scale: Array

    def __post_init__(self) -> None:
        for name in ("points", "field", "scale"):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.ndim != 2 or 0 in value.shape:
                raise ValueError(f"FieldPrior.{name} must have shape (M, D) with M, D >= 1, not {value.shape}.")
            if not np.all(np.isfinite(value)):
                row = int(np.argwhere(~np.isfinite(value))[0, 0])
                raise ValueError(f"FieldPrior.{name} is not finite in row {row}.")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if not self.points.shape == self.field.shape == self.scale.shape:
            raise ValueError(
                "FieldPrior.points, field and scale must have one shape, not "
                f"{self.points.shape}, {self.field.shape} and {self.scale.shape}."
            )
        if np.any(self.scale <= 0):
            row = int(np.argwhere(self.scale <= 0)[0, 0])
            raise ValueError(f"FieldPrior.scale must be positive; row {row} is not.")

    def in_units(self, center: Array, scale: Array, rate: float) -> FieldPrior:
        """Return the prior for ``u = (x - center) / scale`` and ``tau = rate * t``."""
        return FieldPrior((self.points - center) / scale, self.field / (scale * rate), self.scale / (scale * rate))
