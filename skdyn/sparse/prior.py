"""A prior belief about the field, given at points of the state space, and its share in what a search minimises.

Letters: N points of the belief, D variables; R rows of a library, C candidate fields.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.library import TermLibrary

Array = NDArray[np.float64]

#: The belief counts in scores as independent evidence from this many points, ...
PRIOR_WEIGHT = 8.0
#: ... and pulls the least squares with this many.
PRIOR_PULL = 4.0
_LAPLACE_CAP = 20.0


@dataclass(frozen=True, eq=False)
class FieldPrior:
    """Field values believed at some points, each with its own uncertainty.

    The belief is independent Laplace densities centred on ``field`` with scales ``scale``. It matters where the
    observed trajectories do not go; points spread over a box a quarter wider than the data serve well.

    Parameters
    ----------
    points : array of shape (N, D), or (N, L) with inputs and parameters behind the states
        States, in the user's units.
    field : array of shape (N, D)
        Believed time derivatives there, in the user's units of state over time.
    scale : array of shape (N, D)
        Positive Laplace scales, in the units of ``field``.

    Raises
    ------
    ValueError
        The shapes differ, N or D is 0, a number is not finite or a scale is not positive.

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
                raise ValueError(f"FieldPrior.{name} must have shape (N, D) with N, D >= 1, got {value.shape}")
            if not np.all(np.isfinite(value)):
                row = int(np.argwhere(~np.isfinite(value))[0, 0])
                raise ValueError(f"FieldPrior.{name} is not finite in row {row}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        wide_enough = len(self.points) == len(self.field) and self.points.shape[1] >= self.field.shape[1]
        if self.field.shape != self.scale.shape or not wide_enough:
            raise ValueError(
                "FieldPrior.field and scale must have one shape, and points as many rows and no fewer columns, got "
                f"{self.points.shape}, {self.field.shape} and {self.scale.shape}"
            )
        if np.any(self.scale <= 0):
            row = int(np.argwhere(self.scale <= 0)[0, 0])
            raise ValueError(f"FieldPrior.scale must be positive; row {row} is not")

    def in_units(self, center: Array, scale: Array, rate: float) -> FieldPrior:
        """Return the prior for ``u = (x - center) / scale`` (L,) and ``tau = rate * t``."""
        unit = scale[: self.field.shape[1]] * rate
        return FieldPrior((self.points - center) / scale, self.field / unit, self.scale / unit)

    def penalty(self, field: Array) -> Array:
        """Return what fields (..., N, D) at `points` add to a score, the same in any units."""
        miss = np.abs(field - self.field) / self.scale
        return np.asarray(2.0 * PRIOR_WEIGHT * np.minimum(miss, _LAPLACE_CAP).mean(axis=-2).sum(axis=-1))


class PriorTerms:
    """A prior seen from one library: a score, and a quadratic form of the coefficients.

    Parameters
    ----------
    library : TermLibrary
    prior : FieldPrior or None
        In the context's scaled units; None weighs nothing.
    n_features : int
        Number of variables D.

    Attributes
    ----------
    gram : array of shape (D, R, R)
    linear : array of shape (D, R)
        Component d of the field with coefficients c costs ``c' gram[d] c - 2 linear[d] c`` and a constant.
    """

    def __init__(self, library: TermLibrary, prior: FieldPrior | None, n_features: int) -> None:
        size, dim = library.size, n_features
        self.gram = np.zeros((dim, size, size))
        self.linear = np.zeros((dim, size))
        self.constant = 0.0
        self._prior = prior
        if prior is None:
            return
        self._design = library.design(prior.points)
        precision = PRIOR_PULL / (len(prior.points) * prior.scale**2)
        self.gram = np.einsum("ml,md,mk->dlk", self._design, precision, self._design)
        self.linear = np.einsum("ml,md->dl", self._design, precision * prior.field)
        self.constant = float(np.sum(precision * prior.field**2))

    def penalty(self, coefficients: Array) -> Array:
        """Return the score's share (C,) of fields (C, R, D)."""
        if self._prior is None:
            return np.zeros(len(coefficients))
        return self._prior.penalty(self._design @ coefficients)

    def quadratic(self, coefficients: Array) -> Array:
        """Return the least squares' share (C,) of fields (C, R, D)."""
        if self._prior is None:
            return np.zeros(len(coefficients))
        pulled = np.einsum("dlk,ckd->cld", self.gram, coefficients) - 2.0 * self.linear.T
        return np.sum(coefficients * pulled, axis=(1, 2)) + self.constant
