"""A linear system from slopes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skdyn import Trajectories
from skdyn.plugins import BaseDynamicsEstimator, check_number


class TemplateRegressor(BaseDynamicsEstimator):
    """The linear system that is closest to the slopes between neighbours.

    Parameters
    ----------
    ridge : float, default=1e-6
        Penalty of each coefficient, as a part of its own term of the normal equations.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    matrix_ : array of shape (D, D)
        Per unit of time.
    offset_ : array of shape (D,)
        In units of state per unit of time.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_template import TemplateRegressor
    >>> t = np.linspace(0, 5, 100)
    >>> TemplateRegressor().fit([(t, 3 * np.exp(-t))]).matrix_.round(2)
    array([[-1.]])
    """

    # Only what holds: the contract suite checks each of "affine", "scale" and "time" that is named here.
    symmetries = frozenset({"time"})

    # It stores its parameters as they are; scikit-learn clones the estimator from them.
    def __init__(self, ridge: float = 1e-6, missing: Literal["raise", "drop"] = "raise") -> None:
        self.ridge = ridge
        self.missing = missing

    # Parameters are checked here, not before; trajectories have been validated, and at least one of them moves.
    def _fit(self, context: Trajectories) -> None:
        check_number("ridge", self.ridge)
        middles = np.concatenate([(x[1:] + x[:-1]) / 2 for x in context.states])
        slopes = np.concatenate([np.diff(x, axis=0) / np.diff(t)[:, None] for t, x in context])
        inputs = np.column_stack([middles, np.ones(len(middles))])
        normal = inputs.T @ inputs
        sizes = np.diag(normal)
        normal = normal + self.ridge * np.diag(np.where(sizes > 0, sizes, 1.0))
        coefficients = np.linalg.solve(normal, inputs.T @ slopes)
        self.matrix_, self.offset_ = coefficients[:-1].T, coefficients[-1]

    # The second answer is the scale of the field's error (N, D), or None if it is not predicted.
    def _field(self, points: np.ndarray) -> tuple[np.ndarray, None]:
        return np.einsum("nd,ed->ne", points, self.matrix_) + self.offset_, None

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._field(points)[0], np.tile(self.matrix_, (len(points), 1, 1))
