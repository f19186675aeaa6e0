"""Units in which a threshold has a meaning, and sequentially thresholded least squares in them.

The iteration is that of pysindy's ``STLSQ`` (Brunton, Proctor and Kutz, PNAS 113:3932, 2016), which cannot be called in
threads: it changes Python's warning filters, and these belong to the whole process.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from pysindy import PolynomialLibrary

from skdyn import Trajectories, TrajectoryError
from skdyn.plugins import check_number
from skdyn_sindy.polynomial import Polynomial

MAX_TERMS = 2000
_RIDGE = 0.05
_ITERATIONS = 20


@dataclass(frozen=True)
class Units:
    """Scaled units ``u = x / level`` and ``tau = (t - t_0) / duration``, t_0 the first time of each trajectory.

    Attributes
    ----------
    level : array of shape (C,)
        Root-mean-square of each variable and, behind them, of each input and parameter. The origin stays where it is,
        because that is where a field is sparse.
    duration : float
        That of the longest trajectory.
    """

    level: np.ndarray
    duration: float

    @classmethod
    def of(cls, context: Trajectories) -> Units:
        """Measure a context."""
        points = context.points
        largest = np.abs(points).max(axis=0)
        largest[largest == 0] = 1.0
        level = largest * np.sqrt(np.square(points / largest).mean(axis=0))
        level[level == 0] = 1.0
        return cls(level, max(float(t[-1] - t[0]) for t in context.times))

    def scale(self, context: Trajectories) -> list[tuple[np.ndarray, np.ndarray]]:
        """The trajectories as pairs (tau, u) of times and states."""
        level = self.level[: context.n_features]
        return [((t - t[0]) / self.duration, x / level) for t, x in context]

    def scale_outside(self, context: Trajectories) -> list[np.ndarray]:
        """Inputs and parameters (L_k, G) of each trajectory."""
        return [values / self.level[context.n_features :] for values in context.outside]

    def polynomial(self, exponents: np.ndarray, coefficients: np.ndarray) -> Polynomial:
        """Field in the user's units, from the coefficients (P, D) of ``du/dtau`` in the monomials (P, C) of ``u``.

        Raises
        ------
        TrajectoryError
            If a coefficient, or its monomial at the level of the data, overflows or underflows.
        """
        with np.errstate(all="ignore"):
            monomials = np.prod(self.level**exponents, axis=1, keepdims=True)
            units = self.level[: coefficients.shape[1]] / self.duration / monomials
            found = np.where(coefficients != 0, coefficients * units, 0.0)
        wrong = (coefficients != 0) & ~(_is_normal(found) & _is_normal(monomials))
        if wrong.any():
            raise TrajectoryError(
                f"the field of variable {int(wrong.any(axis=0).argmax())} has a coefficient that floating point cannot "
                f"hold: columns of sizes from {self.level.min():.1e} to {self.level.max():.1e} are raised to powers, "
                f"over times up to {self.duration:.1e}; rescale them to near one, or choose a lower degree"
            )
        return Polynomial(exponents, found)


@dataclass(frozen=True)
class Regression:
    """Least squares of slopes on a library whose columns, like the slopes, are scaled to a mean square of one.

    A coefficient is then the part of the slope's root-mean-square that its term contributes, and thresholds mean the
    same for all variables, in all units.

    Attributes
    ----------
    terms, slopes : arrays of shapes (M, P) and (M, D)
        Scaled, and rotated to M <= P + D rows, which changes the least squares of no set of terms.
    term_scale, slope_scale : arrays of shapes (P,) and (D,)
        What they were divided by.
    """

    terms: np.ndarray
    slopes: np.ndarray
    term_scale: np.ndarray
    slope_scale: np.ndarray

    @classmethod
    def of(cls, terms: np.ndarray, slopes: np.ndarray) -> Regression:
        """Scale and compress a library (N, P) and slopes (N, D)."""
        scales = [np.sqrt(np.square(array).mean(axis=0)) for array in (terms, slopes)]
        for scale in scales:
            scale[scale == 0] = 1.0
        joint = np.hstack([terms / scales[0], slopes / scales[1]])
        if len(joint) > joint.shape[1]:
            joint = np.asarray(np.linalg.qr(joint, mode="r"))
        return cls(joint[:, : terms.shape[1]], joint[:, terms.shape[1] :], *scales)

    def solve(self, threshold: float, n_terms: int | None = None) -> tuple[np.ndarray, float]:
        """Sequentially thresholded least squares on the first terms of the library.

        Parameters
        ----------
        threshold : float
            Smallest coefficient to keep.
        n_terms : int, optional
            All terms by default.

        Returns
        -------
        coefficients : array of shape (n_terms, D)
            In the units of the library and slopes that were given.
        unchanged_to : float
            Any threshold from this one's up to here has the same result: the smallest coefficient that any iteration
            kept.
        """
        terms = self.terms[:, :n_terms]
        kept = np.ones((self.slopes.shape[1], terms.shape[1]), dtype=bool)
        unchanged_to = np.inf
        for _ in range(_ITERATIONS):
            before = kept.copy()
            for own, slope in zip(kept, self.slopes.T, strict=True):
                coefficients = np.abs(_ridge(terms[:, own], slope))
                own[own] = coefficients >= threshold
                unchanged_to = min(unchanged_to, coefficients[coefficients >= threshold].min(initial=np.inf))
            if (kept == before).all():
                break
        found = np.zeros(kept.shape)
        for own, slope, row in zip(kept, self.slopes.T, found, strict=True):
            row[own] = np.linalg.lstsq(terms[:, own], slope, rcond=None)[0]
        return found.T * self.slope_scale / self.term_scale[:n_terms, None], float(unchanged_to)


def _is_normal(values: np.ndarray) -> np.ndarray:
    """Which numbers have all of their digits."""
    return (np.abs(values) >= np.finfo(float).tiny) & np.isfinite(values)


def _ridge(terms: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Coefficients (P,) of a slope (M,) in terms (M, P)."""
    normal = terms.T @ terms + _RIDGE * np.eye(terms.shape[1])
    return np.linalg.solve(normal, terms.T @ slope)


def library(states: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Monomials (N, P) of states (N, D), lower degrees first, and their exponents (P, D)."""
    monomials = PolynomialLibrary(degree=degree).fit(states)
    return np.asarray(monomials.transform(states)), monomials.powers_


def check_library(degree: int, n_variables: int) -> None:
    """Refuse what is not a degree, or too high a one for the number of variables."""
    check_number("degree", degree, whole=True)
    n_terms = comb(n_variables + int(degree), int(degree))
    if n_terms > MAX_TERMS:
        raise ValueError(
            f"polynomials of degree {degree} in {n_variables} variables have {n_terms} terms, more than {MAX_TERMS}: "
            "choose a lower degree"
        )


def check_threshold(threshold: object) -> None:
    """Refuse what is not a threshold."""
    check_number("threshold", threshold, include_low=True)
