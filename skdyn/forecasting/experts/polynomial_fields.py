"""Vector fields as polynomials plus waves of the time or of the states, and their solutions from many starts at once.

Letters: D channels, F fields, P monomials, K starts, H times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.experts.grid import Array

_FAR = 1000.0
_SUBSTEPS = 2
"""Half-ranges from zero beyond which a solution is given up."""

Terms = tuple[tuple[int, ...], ...]
"""Monomials, each as the variables that it multiplies; each one's beginning is among them, the lower degrees first."""


@dataclass(frozen=True)
class Fields:
    """F fields ``C phi((z + shift) / scale) + A sin(k z) + B cos(k z) + a cos(w t) + b sin(w t)``.

    Attributes
    ----------
    terms : Terms
    coefficients : array of shape (F, D, P)
    shift, scale : array of shape (F, D)
    wave : array of shape (F,)
        k, zero where there is none.
    of_states : array of shape (F, D, 2 D)
        A and B.
    frequency : array of shape (F,)
        w, zero where there is none.
    of_time : array of shape (F, D, 2)
    """

    terms: Terms
    coefficients: Array
    shift: Array
    scale: Array
    wave: Array
    of_states: Array
    frequency: Array
    of_time: Array

    @classmethod
    def polynomial(cls, terms: Terms, coefficients: Array, shift: Array, scale: Array) -> Fields:
        """Fields without waves."""
        count, dim = shift.shape
        none = np.zeros(count)
        of_states, of_time = np.zeros((count, dim, 2 * dim)), np.zeros((count, dim, 2))
        return cls(terms, coefficients, shift, scale, none, of_states, none, of_time)

    @staticmethod
    def join(parts: Sequence[Fields]) -> Fields:
        """All fields of several of the same terms."""
        names = list(Fields.__annotations__)[1:]
        return Fields(parts[0].terms, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def take(self, rows: NDArray[np.intp]) -> Fields:
        """Some of the fields."""
        return Fields(self.terms, *(getattr(self, name)[rows] for name in list(Fields.__annotations__)[1:]))

    def __call__(self, t: Array, z: Array) -> Array:
        """Velocities (F, K, D) at times (K,) and states (F, K, D)."""
        scaled = (z + self.shift[:, None]) / self.scale[:, None]
        velocity = monomials(self.terms, scaled) @ self.coefficients.transpose(0, 2, 1)
        if self.wave.any():
            angle = self.wave[:, None, None] * z
            velocity += np.concatenate([np.sin(angle), np.cos(angle)], axis=-1) @ self.of_states.transpose(0, 2, 1)
        if self.frequency.any():
            angle = self.frequency[:, None] * t
            velocity += np.stack([np.cos(angle), np.sin(angle)], axis=-1) @ self.of_time.transpose(0, 2, 1)
        return velocity

    def solve(self, start: Array, times: Array, room: Array, substeps: int = 1) -> Array:
        """Solutions (F, K, H, D) from states (F, K, D) at times (H,) or (K, H), the first of them the starts' own.

        Runge-Kutta with so many steps from one time to the next; NaN from where a solution leaves ``room`` (D,).
        """
        grid = np.broadcast_to(times, (start.shape[1], times.shape[-1]))
        path = np.empty((*start.shape[:2], grid.shape[1], start.shape[2]))
        path[:, :, 0] = x = start
        reach = _FAR * np.maximum(room, 1.0)
        for row in range(1, grid.shape[1]):
            h, t = (grid[:, row] - grid[:, row - 1]) / substeps, grid[:, row - 1]
            step = h[:, None]
            for _ in range(substeps):
                k1 = self(t, x)
                k2 = self(t + h / 2, x + step / 2 * k1)
                k3 = self(t + h / 2, x + step / 2 * k2)
                x = x + step / 6 * (k1 + 2 * k2 + 2 * k3 + self(t + h, x + step * k3))
                t = t + h
            x = np.where((np.abs(x) < reach).all(axis=-1, keepdims=True), x, np.nan)
            path[:, :, row] = x
        return path

    def ahead(self, start: Array, begin: float, times: Array, step: float, room: Array) -> Array:
        """Solutions (F, H, D) from states (F, D) at increasing times (H,) after ``begin``, on even steps of their own.

        Between steps the cubic through states and velocities: what is said of a time does not depend on the others,
        but for how far the steps go.
        """
        count = int(np.ceil((times[-1] - begin) / step - 1e-9))
        grid = begin + step * np.arange(count + 1, dtype=np.float64)
        path = self.solve(start[:, None], grid, room, _SUBSTEPS)[:, 0]
        with np.errstate(all="ignore"):  # solutions that have left are NaN
            velocity = step * self(grid, path)
        place = np.clip(((times - begin) / step).astype(int), 0, len(grid) - 2)
        share = ((times - grid[place]) / step)[:, None]
        first, last, leaving, arriving = path[:, place], path[:, place + 1], velocity[:, place], velocity[:, place + 1]
        rise = last - first
        curve = (leaving - rise) * (1 - share) + (rise - arriving) * share
        return first + share * rise + share * (1 - share) * curve


def monomials(terms: Terms, z: Array) -> Array:
    """All monomials (..., P) of states (..., D)."""
    phi = np.empty((*z.shape[:-1], len(terms)))
    phi[..., 0] = 1.0
    begin = 1
    for parents, variables in _parents(terms):
        end = begin + len(parents)
        np.multiply(phi[..., parents], z[..., variables], out=phi[..., begin:end])
        begin = end
    return phi


@cache
def _parents(terms: Terms) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]:
    """For each degree, which monomial and which variable make each of its monomials."""
    place = {term: k for k, term in enumerate(terms)}
    by_degree: dict[int, list[tuple[int, ...]]] = {}
    for term in terms[1:]:
        by_degree.setdefault(len(term), []).append(term)
    return tuple(
        (np.array([place[term[:-1]] for term in group]), np.array([term[-1] for term in group]))
        for _, group in sorted(by_degree.items())
    )
