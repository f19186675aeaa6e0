"""A single code measured along the frames: equal steps of it change the recorded frames equally.

Training leaves a code bent a little where its decoder is a little wrong, and a bend that hardly shows turns diffusion
into drift (Ito's formula). How fast frames change with the code is told by the recorded frames themselves, without the
decoder: the regression of their steps on those of the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import cumulative_trapezoid

_MOST_PARTS = 24
_FEWEST = 100
"""Steps in each part of the code's range."""
_LARGEST = 5.0
"""Ratio between a part's speed and the median one, at most; one over it at least."""
_RESOLUTION = 1025
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class ArcLength:
    """An increasing map of a code, linear between knots and beyond them.

    Attributes
    ----------
    codes, lengths : arrays of shape (K,)
        Where the code is as the encoder gives it, and how long the frames' path is from the first knot to there.

    Examples
    --------
    >>> import numpy as np
    >>> straight = ArcLength(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    >>> straight(np.array([-1.0, 1.5, 3.0])), straight.inverse(np.array([-1.0, 2.0, 5.0]))
    (array([-1.,  2.,  5.]), array([-1. ,  1.5,  3. ]))
    """

    codes: np.ndarray
    lengths: np.ndarray

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Lengths at codes of any shape."""
        return _interpolated(codes, self.codes, self.lengths)

    def inverse(self, lengths: np.ndarray) -> np.ndarray:
        """Codes at lengths of any shape."""
        return _interpolated(lengths, self.lengths, self.codes)


def arc_length(codes: Sequence[np.ndarray], frames: Sequence[np.ndarray]) -> ArcLength | None:
    """How long the path of the frames is along their code; None where too few steps tell.

    Parameters
    ----------
    codes : sequence of arrays of shape (L,)
        Of the frames of each recording, in order of time.
    frames : sequence of arrays of shape (L, D)

    Returns
    -------
    ArcLength or None
        Over the range of the codes; its slope is continuous.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(0.05 * np.arange(2000.0))
    >>> straight = arc_length([np.exp(x)], [np.column_stack([3 * x, 4 * x])])
    >>> float(np.corrcoef(np.exp(x), x)[0, 1].round(3)), float(np.corrcoef(straight(np.exp(x)), x)[0, 1].round(3))
    (0.972, 1.0)
    """
    steps = np.concatenate([np.diff(z) for z in codes])
    parts = min(_MOST_PARTS, len(steps) // _FEWEST)
    if parts < 2:
        return None
    middles = np.concatenate([(z[1:] + z[:-1]) / 2 for z in codes])
    part = np.argsort(np.argsort(middles, kind="stable")) * parts // len(steps)
    squares = np.bincount(part, np.square(steps), minlength=parts)
    if not (squares > 0).all():
        return None
    weights = np.where(part == np.arange(parts)[:, None], steps, 0.0)
    ends = np.cumsum([len(z) - 1 for z in codes])
    moved = sum(own @ np.diff(y, axis=0) for own, y in zip(np.split(weights, ends[:-1], axis=1), frames, strict=True))
    speeds = np.linalg.norm(moved / max(np.abs(moved).max(), _TINY), axis=1) / squares
    usual = np.median(speeds)
    if not usual > 0:
        return None
    speeds = (speeds / usual).clip(1 / _LARGEST, _LARGEST)
    centres = np.bincount(part, middles, minlength=parts) / np.bincount(part, minlength=parts)
    grid = np.linspace(min(z.min() for z in codes), max(z.max() for z in codes), _RESOLUTION)
    slopes = np.interp(grid, centres, speeds)
    return ArcLength(grid, cumulative_trapezoid(slopes, grid, initial=0.0))


def _interpolated(x: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values at x, linear also beyond the knots."""
    below = (values[1] - values[0]) / (knots[1] - knots[0]) * np.minimum(x - knots[0], 0.0)
    above = (values[-1] - values[-2]) / (knots[-1] - knots[-2]) * np.maximum(x - knots[-1], 0.0)
    return np.interp(x, knots, values) + below + above
