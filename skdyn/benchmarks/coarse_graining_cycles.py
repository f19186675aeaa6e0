"""Whether paths in the plane go round, and how: codes of a cycle should, and so should what is simulated from them.

The plane is scaled so that the recorded codes have mean zero and the covariance of the unit circle. A path's angle
then tells how often it has gone round, and its radius whether it has crossed the middle, as a rotation that noise
alone keeps alive does often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_INNERMOST = 0.05  # quantile of the radii


@dataclass(frozen=True)
class Rounds:
    """How paths go round.

    Attributes
    ----------
    period : float
        Time of a round, the mean over all paths; infinite if they do not go round.
    forward : float
        Fraction of the paths that end further round than they began, in the direction that the recorded ones take.
    innermost : float
        The radius that one point in twenty is within, over the median radius: near one on a circle, 0.27 of a normal
        distribution.
    """

    period: float
    forward: float
    innermost: float


@dataclass(frozen=True)
class Plane:
    """The middle, the scaling and the direction of recorded codes."""

    centre: np.ndarray
    unscale: np.ndarray
    direction: float

    @classmethod
    def of(cls, codes: Sequence[np.ndarray]) -> Plane:
        """From paths (L, 2)."""
        every = np.concatenate(codes)
        centre = every.mean(axis=0)
        root = np.linalg.cholesky(np.cov(every.T) * 2)
        plane = cls(centre, np.linalg.inv(root).T, 1.0)
        turned = sum(angle[-1] - angle[0] for angle in map(plane._angle, codes))
        return cls(centre, plane.unscale, -1.0 if turned < 0 else 1.0)

    def rounds(self, t: Sequence[np.ndarray], paths: Sequence[np.ndarray]) -> Rounds:
        """How paths (L, 2) at times t (L,) go round.

        Examples
        --------
        >>> import numpy as np
        >>> t = np.linspace(0, 10, 101)
        >>> circle = np.column_stack([np.cos(2 * np.pi * t / 2.5), 3 * np.sin(2 * np.pi * t / 2.5)])
        >>> rounds = Plane.of([circle]).rounds([t], [circle])
        >>> round(rounds.period, 3), rounds.forward, rounds.innermost > 0.9
        (2.5, 1.0, True)
        """
        angles = [self.direction * self._angle(path) for path in paths]
        turned = np.array([angle[-1] - angle[0] for angle in angles])
        elapsed = sum(times[-1] - times[0] for times in t)
        radii = np.concatenate([np.linalg.norm(self._scaled(path), axis=1) for path in paths])
        period = 2 * np.pi * elapsed / turned.sum() if turned.sum() > 0 else np.inf
        return Rounds(
            float(period), float((turned > 0).mean()), float(np.quantile(radii, _INNERMOST) / np.median(radii))
        )

    def _scaled(self, path: np.ndarray) -> np.ndarray:
        return (path - self.centre) @ self.unscale

    def _angle(self, path: np.ndarray) -> np.ndarray:
        scaled = self._scaled(path)
        return np.unwrap(np.arctan2(scaled[:, 1], scaled[:, 0]))
