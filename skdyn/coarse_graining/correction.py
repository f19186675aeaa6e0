"""What a model's drift leaves of the observed transitions, as polynomials that count for as much as they explain.

Codes are no draws from what the model was trained on: a cycle in them has corners, and few codes lie beside it. What
the drift misses shows in the transitions. Polynomials of several degrees are fitted to that, and each counts with the
likelihood that it would give to transitions that it was not fitted to, by Akaike's estimate; the model's drift as it is
is one of the candidates, and stays where little is to be gained.

Letters: N transitions, d codes, P monomials, Q queries. All in the model's normalised units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from skdyn.coarse_graining.steps import follow, steps_of
from skdyn.nn.fits.monomials import exponents, monomials

DEGREES = (3, 5, 7)
_FEWEST = 10
"""Transitions for each monomial."""
_PRIOR = 0.3
"""Inverse variance of a coefficient; a unit of normalised time moves the codes by about one."""

Drift = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Correction:
    """A polynomial that is added to a drift; outside of the codes seen it is as at their edge.

    Attributes
    ----------
    coefficients : array of shape (P, d)
    low, high : arrays of shape (d,)
        Range of the codes seen.
    degree : int
    """

    coefficients: np.ndarray
    low: np.ndarray
    high: np.ndarray
    degree: int

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """What is added at codes (Q, d)."""
        return self._monomials(z) @ self.coefficients

    def jacobian(self, z: np.ndarray) -> np.ndarray:
        """Its derivatives (Q, d, d) by the codes (Q, d)."""
        count, dim = z.shape
        inside = (z >= self.low) & (z <= self.high)
        terms = exponents(dim, self.degree)
        slopes = np.zeros((count, len(terms), dim))
        clipped = np.clip(z, self.low, self.high)
        for p, term in enumerate(terms):
            for j in set(term):
                rest = list(term)
                rest.remove(j)
                slopes[:, p, j] = term.count(j) * clipped[:, rest].prod(axis=1)
        return np.einsum("qpj,pi->qij", slopes, self.coefficients) * inside[:, None]

    def _monomials(self, z: np.ndarray) -> np.ndarray:
        clipped = torch.from_numpy(np.clip(z, self.low, self.high))
        return monomials(clipped, self.degree).numpy()


def fit_correction(
    start: np.ndarray, change: np.ndarray, step: np.ndarray, drift: Drift, diffusion: np.ndarray
) -> Correction:
    """Fit what transitions show beside a drift.

    Parameters
    ----------
    start, change : arrays of shape (N, d)
        Codes before the transitions, and what these add to them.
    step : array of shape (N,)
        Their durations.
    drift : callable
        From codes (Q, d) to the model's drift (Q, d); long steps follow it in several.
    diffusion : array of shape (N, d)
        The model's, at the start. A diffusion that is too small for what is left of the transitions is raised.

    References
    ----------
    H. Akaike, *A new look at the statistical model identification*, IEEE Transactions on Automatic Control 19, 1974.
    Shares of candidates: K. P. Burnham and D. R. Anderson, *Model selection and multimodel inference*, 2002, 2.9.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.linspace(-1, 1, 500)[:, None]
    >>> found = fit_correction(z, 0.01 * (z - z**3), np.full(500, 0.01), lambda z: z, np.full_like(z, 0.01))
    >>> found(np.array([[0.8]])).round(1)
    array([[-0.5]])
    """
    first = drift(start)
    count = steps_of(first * step[:, None], start.std(axis=0))
    left = change - (follow(drift, start, step[:, None], count, first) - start)
    expected = np.square(diffusion) * step[:, None]
    expected = expected * np.maximum((np.square(left) / np.maximum(expected, 1e-300)).mean(axis=0), 1.0)
    floor = 0.1 * np.square(left).mean(axis=0)
    weights = 1 / np.maximum(np.maximum(expected, floor), 1e-300)
    low, high = start.min(axis=0), start.max(axis=0)
    degrees = [n for n in DEGREES if _FEWEST * len(exponents(start.shape[1], n)) <= len(start)]
    if not degrees:
        return Correction(np.zeros((1, start.shape[1])), low, high, 0)
    columns = monomials(torch.from_numpy(start), degrees[-1]).numpy() * step[:, None]
    coefficients = [
        _shared(columns, left[:, j], weights[:, j], [len(exponents(start.shape[1], n)) for n in degrees])
        for j in range(start.shape[1])
    ]
    return Correction(np.column_stack(coefficients), low, high, degrees[-1])


def _shared(columns: np.ndarray, target: np.ndarray, weight: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Coefficients (P,): the mean of fits by so many of the first columns, and of none, by their shares."""
    weighted = columns.T * weight
    gram, cross = weighted @ columns, weighted @ target
    found, gains = [np.zeros(len(cross))], [0.0]
    for size in sizes:
        own, aim = gram[:size, :size], cross[:size]
        inverse = np.linalg.inv(own + _PRIOR * np.eye(size))
        solved = inverse @ aim
        found.append(np.pad(solved, (0, len(cross) - size)))
        gains.append(float(solved @ aim - solved @ own @ solved / 2 - np.trace(inverse @ own)))
    shares = np.exp(np.array(gains) - max(gains))
    return shares @ np.array(found) / shares.sum()
