"""Units in which a threshold has a meaning, and pysindy's sequentially thresholded least squares in them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import comb

import numpy as np
import sklearn
from pysindy import STLSQ, PolynomialLibrary
from sklearn.exceptions import ConvergenceWarning

from skdyn import Trajectories
from skdyn.plugins import check_number
from skdyn_sindy.polynomial import Polynomial

MAX_TERMS = 2000


@dataclass(frozen=True)
class Units:
    """Scaled units ``u = x / level`` and ``tau = (t - t_0) / duration``, t_0 the first time of each trajectory.

    Attributes
    ----------
    level : array of shape (D,)
        Root-mean-square of each variable. The origin stays where it is, because that is where a field is sparse.
    duration : float
        That of the longest trajectory.
    """

    level: np.ndarray
    duration: float

    @classmethod
    def of(cls, context: Trajectories) -> Units:
        """Measure a context."""
        states = np.concatenate(context.states)
        largest = np.abs(states).max(axis=0)
        largest[largest == 0] = 1.0
        level = largest * np.sqrt(np.square(states / largest).mean(axis=0))
        level[level == 0] = 1.0
        return cls(level, max(float(t[-1] - t[0]) for t in context.times))

    def scale(self, context: Trajectories) -> list[tuple[np.ndarray, np.ndarray]]:
        """The trajectories as pairs (tau, u)."""
        return [((t - t[0]) / self.duration, x / self.level) for t, x in context]

    def polynomial(self, exponents: np.ndarray, coefficients: np.ndarray) -> Polynomial:
        """Field in the user's units, from the coefficients (P, D) of ``du/dtau`` in the monomials of ``u``."""
        units = self.level / self.duration / np.prod(self.level**exponents, axis=1, keepdims=True)
        return Polynomial(exponents, coefficients * units)


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
        # The arrays are finite and the parameters ours: scikit-learn's checks would take half of the time.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
            # An equation without terms is an answer, such as that of a constant variable.
            warnings.filterwarnings("ignore", "Sparsity parameter is too big", UserWarning)
            warnings.filterwarnings("ignore", "STLSQ did not converge", ConvergenceWarning)
            fitted = STLSQ(threshold=threshold).fit(self.terms[:, :n_terms], self.slopes)
        # The first entry is the start, which the iterations do not use.
        kept = [sizes[sizes > 0] for sizes in map(np.abs, fitted.history_[1:])]
        unchanged_to = min((float(sizes.min()) for sizes in kept if sizes.size), default=np.inf)
        return fitted.coef_.T * self.slope_scale / self.term_scale[:n_terms, None], unchanged_to


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
