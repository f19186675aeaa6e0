"""What a sparse fit found: the best field, how sure it is, the fields that it passed over, and the way there.

Letters: K trajectories, D variables, T terms; queries may have any shape (..., D).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.sparse.field import SparseField

Array = NDArray[np.float64]

_TEMPERING = 4.0


@dataclass(frozen=True)
class Stage:
    """What one stage of the search had found when it ended.

    Attributes
    ----------
    name : str
        The stage.
    score : float
        Best score so far; lower is better.
    n_terms : int
        Number of terms of the field with that score.

    Examples
    --------
    >>> Stage("screening", -52.0, 3).n_terms
    3
    """

    name: str
    score: float
    n_terms: int


@dataclass(frozen=True, eq=False)
class SparseODE(SparseField):
    """The best field of a fit, with all that was learned on the way.

    Attributes
    ----------
    exponents, functions, function_of, coefficients, center, score
        Of the field, as in `SparseField`.
    standard_errors : array of shape (T, D)
        One standard deviation of each coefficient, from the least squares' normal matrix; zero for terms that
        are not in the field, infinite where the data do not determine one. Given the support: the search for
        it is not accounted for.
    covariance : array of shape (P, P)
        Of the coefficients of the field, in the order of ``np.argwhere(coefficients)``; zero where the data do not
        determine one.
    alternatives : tuple of SparseField
        Other fields that fit nearly as well, best first.
    start_states, end_states : array of shape (K, D)
        Fitted first and last state of each trajectory that entered the fit.
    noise : array of shape (D,)
        Root-mean-square residual of the smoothing spline, in the user's units of state.
    origin : str
        Stage of the search that produced the field.
    path : tuple of Stage
        Best score after each stage.
    n_points_given, n_points_used : int
        Number of points, before and after thinning.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> from skdyn.sparse import fit_sparse
    >>> t = np.linspace(0.0, 4.0, 60)
    >>> ode = fit_sparse(Trajectories([(t, 2.0 * np.exp(-0.5 * t))]))
    >>> ode.equations()
    ['d(x0)/dt = -0.5 x0']
    >>> ode.field(np.array([[1.0], [4.0]])).round(3).tolist()
    [[-0.5], [-2.0]]
    """

    standard_errors: Array
    covariance: Array
    alternatives: tuple[SparseField, ...]
    start_states: Array
    end_states: Array
    noise: Array
    origin: str
    path: tuple[Stage, ...]
    n_points_given: int
    n_points_used: int

    @property
    def weights(self) -> Array:
        """Weights of the alternatives beside this field; all of them and its own add up to one.

        As in model averaging by an information criterion (S. T. Buckland et al. 1997), by ``exp(-score / 2)``, but
        with the score divided by four: its roll-out errors are not independent as those of a likelihood are.
        """
        weights = np.exp([(self.score - other.score) / (2.0 * _TEMPERING) for other in self.alternatives])
        return weights / (1.0 + weights.sum())

    def draws(self, count: int, seed: int) -> list[SparseField]:
        """Draw fields that are plausible given the data.

        This one and its alternatives, as often as their `weights` say, and of this one the coefficients from the normal
        distribution with their ``covariance``.

        Parameters
        ----------
        count, seed : int

        Returns
        -------
        list of ``count`` SparseField
        """
        rng = np.random.default_rng(seed)
        size = np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))
        unit = np.where(size > 0, size, 1.0)
        values, vectors = np.linalg.eigh(self.covariance / np.outer(unit, unit))
        root = size[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
        # Evenly spaced quantiles: the shares of the fields are as exact as so many draws can have them.
        quantiles = (np.arange(count) + rng.uniform()) / count
        others = np.searchsorted(np.cumsum(self.weights[::-1]), quantiles, side="right")
        out: list[SparseField] = []
        for other in others:
            if other < len(self.alternatives):
                out.append(self.alternatives[::-1][other])
                continue
            coefficients = self.coefficients.copy()
            coefficients[coefficients != 0] += root @ rng.standard_normal(len(root))
            out.append(
                SparseField(self.exponents, self.functions, self.function_of, coefficients, self.center, self.score)
            )
        return out

    def spread(self, points: ArrayLike) -> Array:
        """Return how far the fields that fit nearly as well differ from this one.

        Parameters
        ----------
        points : array of shape (..., D)
            States, in the user's units.

        Returns
        -------
        array of shape (..., D)
            Mean absolute difference in the units of the field, by `weights`.
        """
        best = self.field(points)
        total = np.zeros_like(best)
        for weight, other in zip(self.weights, self.alternatives, strict=True):
            total += weight * np.abs(other.field(points) - best)
        return total
