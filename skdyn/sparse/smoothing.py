"""Natural cubic smoothing splines with the penalty of least generalised cross-validation.

Letters: L points, D variables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.linalg import solveh_banded

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError

Array = NDArray[np.float64]

#: Fewest points for which generalised cross-validation is used; below it a parabola is fitted.
MIN_SPLINE_POINTS = 6
_GRID = 48
LEAST_OBSERVED = 2
_CLOSEST = 1e-3


def smooth(t: Array, x: Array) -> tuple[Array, Array]:
    """Return smoothed states and slopes of one trajectory.

    Six points or more: natural cubic smoothing spline in Reinsch's form, whose penalty minimises the
    generalised cross-validation score (Craven and Wahba 1979), one penalty a variable. Fewer: the parabola (or
    line) of least squares. Both are unchanged, up to rounding, by an affine change of time or state.

    Parameters
    ----------
    t : array of shape (L,)
        Strictly increasing times, L >= 2.
    x : array of shape (L, D)
        States.

    Returns
    -------
    states : array of shape (L, D)
        Smoothed states, in the units of ``x``.
    slopes : array of shape (L, D)
        Their time derivatives, in the units of ``x`` over those of ``t``.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0.0, 1.0, 20)
    >>> states, slopes = smooth(t, 3.0 * t[:, None])
    >>> bool(np.allclose(slopes, 3.0))
    True
    """
    gaps = np.diff(t)
    spacing = float(np.median(gaps))
    # Points that nearly coincide would make the roughness penalty singular: they are held a little apart.
    tau = np.concatenate([[0.0], np.cumsum(np.maximum(gaps / spacing, _CLOSEST))])
    # A common level and size would only cost digits: the spline reproduces lines exactly.
    level = x.mean(axis=0)
    size = np.abs(x - level).max(axis=0)
    size[size <= 1e-13 * np.abs(level)] = 0.0
    unit = np.where(size > 0, size, 1.0)
    y = np.where(size > 0, (x - level) / unit, 0.0)
    states, slopes = _spline(tau, y) if len(t) >= MIN_SPLINE_POINTS else _parabola(tau, y)
    return states * unit + level, slopes * unit / spacing


#: A gap is bridged where the variable, at its speeds on both sides, moves by less than this in standard deviations.
BRIDGED = 0.5


def smooth_with_gaps(t: Array, x: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Smooth each variable through the points at which it was observed.

    Parameters
    ----------
    t : array of shape (L,)
    x : array of shape (L, D)
        NaN where not observed; two observations of each variable at least.

    Returns
    -------
    states, slopes : array of shape (L, D)
        Between observations on the cubic through their states and slopes, beyond them on a straight line.
    usable : boolean array of shape (L, D)
        Observed, or in a gap in which the variable moves by less than half a standard deviation at the speeds on its
        two sides.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0.0, 1.0, 24)
    >>> x = 2.0 * t[:, None]
    >>> x[5] = np.nan
    >>> states, slopes, usable = smooth_with_gaps(t, x)
    >>> bool(np.allclose(states[:, 0], 2.0 * t)), bool(usable.all())
    (True, True)
    """
    states, slopes, usable = np.empty_like(x), np.empty_like(x), np.zeros(x.shape, dtype=bool)
    for d in range(x.shape[1]):
        seen = np.flatnonzero(~np.isnan(x[:, d]))
        own, speed = smooth(t[seen], x[seen, d : d + 1])
        spline = CubicHermiteSpline(t[seen], own[:, 0], speed[:, 0])
        inside = np.clip(t, t[seen[0]], t[seen[-1]])
        slopes[:, d] = spline(inside, 1)
        states[:, d] = spline(inside) + (t - inside) * slopes[:, d]
        spread = float(np.std(own))
        fastest = np.maximum(np.abs(speed[1:, 0]), np.abs(speed[:-1, 0]))
        bridged = np.diff(t[seen]) * fastest < BRIDGED * spread
        gap = np.searchsorted(seen, np.arange(len(t)), side="right") - 1
        between = (gap >= 0) & (gap < len(seen) - 1)
        usable[between, d] = bridged[gap[between]]
        usable[seen, d] = True
    return states, slopes, usable


def has_gaps(context: Trajectories) -> bool:
    """Whether single values are missing."""
    return any(np.isnan(x).any() for x in context.states)


def completed(context: Trajectories, paths: Sequence[Array] | None = None) -> Trajectories:
    """The same trajectories with what is missing filled in, by default by the smoothing splines.

    Parameters
    ----------
    context : Trajectories
        NaN where not observed.
    paths : sequence of K arrays of shape (L, D), optional
        From which what is missing is taken.

    Returns
    -------
    Trajectories
        The given object where nothing is missing.

    Raises
    ------
    TrajectoryError
        If a variable was observed less than twice in a trajectory.
    """
    if not has_gaps(context):
        return context
    paths = smoothed(context) if paths is None else paths
    filled = [np.where(np.isnan(x), path, x) for x, path in zip(context.states, paths, strict=True)]
    return context.with_states(filled, context.feature_names)


def smoothed(context: Trajectories) -> list[Array]:
    """The smoothing splines (L_k, D) through each trajectory's observations.

    Raises
    ------
    TrajectoryError
        If a variable was observed less than twice in a trajectory.
    """
    check_observed(context)
    return [smooth_with_gaps(t, x)[0] for t, x in context]


def check_observed(context: Trajectories) -> None:
    """Refuse trajectories in which a variable was observed less than twice.

    Raises
    ------
    TrajectoryError
    """
    for k, x in enumerate(context.states):
        for d, count in enumerate((~np.isnan(x)).sum(axis=0)):
            if count < LEAST_OBSERVED:
                raise TrajectoryError(
                    f"trajectory {k}, variable {d} was observed {count} times: each variable needs {LEAST_OBSERVED} "
                    "observations in each trajectory; leave the trajectory or the variable out"
                )


def _parabola(t: Array, y: Array) -> tuple[Array, Array]:
    """Fit the parabola of least squares; the line where there are only two points."""
    basis = np.vander(t, min(3, len(t)), increasing=True)
    coef = np.linalg.lstsq(basis, y, rcond=None)[0]
    slope_basis = np.zeros_like(basis)
    slope_basis[:, 1] = 1.0
    if basis.shape[1] > 2:
        slope_basis[:, 2] = 2.0 * t
    return basis @ coef, slope_basis @ coef


def _spline(t: Array, y: Array) -> tuple[Array, Array]:
    """Fit the smoothing spline, one penalty for each column of ``y``."""
    n = len(t)
    h = np.diff(t)
    inv = 1.0 / h
    # Bands of R (tridiagonal) and of Q^T Q (pentadiagonal), Green and Silverman 1994, section 2.3.
    r0, r1 = (h[:-1] + h[1:]) / 3.0, h[1:-1] / 6.0
    middle = -(inv[:-1] + inv[1:])
    p0 = inv[:-1] ** 2 + middle**2 + inv[1:] ** 2
    p1 = inv[1:-1] * (middle[:-1] + middle[1:])
    p2 = inv[1:-2] * inv[2:-1]
    second = np.diff(np.diff(y, axis=0) * inv[:, None], axis=0)  # Q^T y

    grid = np.logspace(-4.0, 4.0 * np.log10(n), _GRID)
    freedom = n - 2 - _trace_against(r0, r1, p0, p1, p2, grid)
    rss = np.empty((_GRID, y.shape[1]))
    for g, alpha in enumerate(grid):
        rss[g] = np.sum(_fit(r0, r1, p0, p1, p2, inv, second, alpha)[1] ** 2, axis=0)
    gcv = np.log(rss + 1e-26) - 2.0 * np.log(freedom / n)[:, None]

    states, slopes = np.empty_like(y), np.empty_like(y)
    for d in range(y.shape[1]):
        alpha = np.exp(_vertex(np.log(grid), gcv[:, d]))
        gamma, residual = _fit(r0, r1, p0, p1, p2, inv, second[:, d : d + 1], alpha)
        state = y[:, d] - residual[:, 0]
        bend = np.concatenate([[0.0], gamma[:, 0], [0.0]])
        chord = np.diff(state) * inv
        slopes[:-1, d] = chord - h / 6.0 * (2.0 * bend[:-1] + bend[1:])
        slopes[-1, d] = chord[-1] + h[-1] / 6.0 * bend[-2]
        states[:, d] = state
    return states, slopes


def _fit(
    r0: Array, r1: Array, p0: Array, p1: Array, p2: Array, inv: Array, second: Array, alpha: float
) -> tuple[Array, Array]:
    """Return the spline's second derivatives (n-2, D) at inner knots and residuals (n, D)."""
    bands = np.zeros((3, len(r0)))
    bands[2] = r0 + alpha * p0
    bands[1, 1:] = r1 + alpha * p1
    bands[0, 2:] = alpha * p2
    gamma = solveh_banded(bands, second, check_finite=False)
    flow = np.zeros((len(inv) + 2, second.shape[1]))
    flow[1:-1] = np.diff(np.pad(gamma, ((1, 1), (0, 0))), axis=0) * inv[:, None]
    return gamma, alpha * np.diff(flow, axis=0)


def _trace_against(r0: Array, r1: Array, p0: Array, p1: Array, p2: Array, grid: Array) -> Array:
    """Return ``trace((R + a Q^T Q)^-1 R)`` for each penalty a of the grid.

    Takahashi's recursion for the inverse's central bands (Hutchinson and de Hoog 1985), all penalties at once.
    """
    m = len(r0)
    zero = np.zeros(len(grid))
    d, l1, l2 = [zero] * m, [zero] * (m + 1), [zero] * (m + 2)
    for i in range(m):
        pivot = r0[i] + grid * p0[i]
        if i >= 1:
            pivot = pivot - l1[i - 1] ** 2 * d[i - 1]
        if i >= 2:
            pivot = pivot - l2[i - 2] ** 2 * d[i - 2]
        d[i] = pivot
        if i + 1 < m:
            side = r1[i] + grid * p1[i]
            l1[i] = ((side - l1[i - 1] * l2[i - 1] * d[i - 1]) if i >= 1 else side) / pivot
        if i + 2 < m:
            l2[i] = grid * p2[i] / pivot
    trace = zero
    b0 = [zero] * (m + 2)
    b1 = [zero] * (m + 2)
    for i in range(m - 1, -1, -1):
        right = -l1[i] * b0[i + 1] - l2[i] * b1[i + 1]
        far = -l1[i] * b1[i + 1] - l2[i] * b0[i + 2]
        b1[i] = right
        b0[i] = 1.0 / d[i] - l1[i] * right - l2[i] * far
        trace = trace + b0[i] * r0[i]
        if i + 1 < m:
            trace = trace + 2.0 * right * r1[i]
    return trace


def _vertex(x: Array, y: Array) -> float:
    """Return the abscissa of the parabola through the least value and its neighbours."""
    i = int(np.argmin(y))
    if i in (0, len(x) - 1):
        return float(x[i])
    low, high = y[i - 1] - y[i], y[i + 1] - y[i]
    if low + high <= 0:
        return float(x[i])
    return float(x[i] + 0.5 * (x[1] - x[0]) * (low - high) / (low + high))
