"""Find the equilibria of a vector field, and say what kind each is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.optimize import linprog
from scipy.stats import qmc

_GRID = {1: 512, 2: 32, 3: 13}
_SAMPLES = 4096
_MOST_DATA = 1024
_STARTS = 48
_ITERATIONS = 30
_DEFLATIONS = 3
_PATIENCE = 5
_CONVERGED = 1e-9
_ACCEPTED = 1e-6
_MERGED = 1e-3

SUPPORTED = 0.5
"""Least probability of an equilibrium in the hull of the data that counts as supported by them.

This and the next were chosen on systems of the pretraining prior.
"""
SUPPORTED_OUTSIDE = 0.9
"""The same outside, where plausible fields agree with each other more than with the truth."""
CLEAR = 0.9
"""Share of the plausible fields that have an equilibrium from which its kind is clear."""
_FAR = 0.25
"""Share of the range of an input or a parameter from all of whose values another one is far."""


@dataclass(frozen=True)
class Equilibrium:
    """A state at which the vector field vanishes.

    Attributes
    ----------
    state : array of shape (D,)
    residual : float
        Norm of the field there, in the user's units.
    eigenvalues : complex array of shape (D,)
        Of the Jacobian there, in the inverse of the user's unit of time, the largest real part first; without those of
        ``held`` variables.
    kind : str
        ``"stable node"``, ``"unstable node"``, ``"stable spiral"``, ``"unstable spiral"``, ``"saddle"``, ``"centre"``
        or ``"non-hyperbolic"``.
    inside : bool
        Whether the state lies in the convex hull of the data, and inputs and parameters near values that they have
        there; elsewhere, the field is an extrapolation.
    time_unit : str or None
        The eigenvalues are per so much time; None where only the user knows the unit.
    extrapolated : bool
        Whether the state lies outside the data's box, widened by a quarter on each side, or an input or a parameter is
        further than a quarter of its range from all values that it has in the data, such as half way between two.
    probability : float or None
        Share of the fields that are plausible given the data which have an equilibrium there, a saddle or none as this
        one; None where the estimator cannot tell.
    kinds : mapping of str to float
        The same share for each kind that it has in these fields, the largest first; their sum is the probability.
    covariance : array of shape (D, D) or None
        Mean outer product of where these fields have it, less ``state``: the region in which it may lie.
    held : tuple of int
        Variables that are constant in the data and were held like parameters: what the field says of their slopes does
        not matter.
    """

    state: np.ndarray
    residual: float
    eigenvalues: np.ndarray = field(repr=False)
    kind: str
    inside: bool
    time_unit: str | None = None
    extrapolated: bool = False
    probability: float | None = None
    kinds: Mapping[str, float] = field(default_factory=dict)
    covariance: np.ndarray | None = field(default=None, repr=False)
    held: tuple[int, ...] = field(default=(), repr=False)

    @property
    def supported(self) -> bool:
        """Whether half of the plausible fields have it, or outside the hull of the data nine tenths of them."""
        return self.probability is None or self.probability >= (SUPPORTED if self.inside else SUPPORTED_OUTSIDE)

    @property
    def kind_is_clear(self) -> bool:
        """Whether nine tenths of the plausible fields that have it agree on its kind, or the estimator cannot tell."""
        return self.probability is None or self.kinds.get(self.kind, 0.0) >= CLEAR * self.probability

    @property
    def stable(self) -> bool:
        """Whether all eigenvalues have negative real parts."""
        return bool((self.eigenvalues.real < 0).all()) and self.kind not in ("centre", "non-hyperbolic")


def classify(eigenvalues: np.ndarray, tolerance: float = 1e-3) -> str:
    """Name the kind of an equilibrium from the eigenvalues of its Jacobian.

    Parameters
    ----------
    eigenvalues : complex array of shape (D,)
    tolerance : float, default=1e-3
        A real part smaller than this fraction of the largest modulus counts as zero.

    Returns
    -------
    str
        See `Equilibrium`. Two purely imaginary eigenvalues make a centre; any other zero real part is non-hyperbolic.

    Examples
    --------
    >>> import numpy as np
    >>> classify(np.array([-1.0, -2.0])), classify(np.array([1j, -1j]))
    ('stable node', 'centre')
    """
    size = np.abs(eigenvalues).max()
    zero = np.abs(eigenvalues.real) <= tolerance * size
    turning = np.abs(eigenvalues.imag) > tolerance * size
    if zero.any():
        return "centre" if len(eigenvalues) == 2 and zero.all() and turning.all() else "non-hyperbolic"
    if (eigenvalues.real < 0).any() and (eigenvalues.real > 0).any():
        return "saddle"
    return ("stable " if eigenvalues.real[0] < 0 else "unstable ") + ("spiral" if turning.any() else "node")


def far_from_given(values: np.ndarray, seen: np.ndarray) -> bool:
    """Whether inputs and parameters (G,) have values that data (M, G) do not come near: a quarter of their range.

    Examples
    --------
    >>> import numpy as np
    >>> on_or_off = np.array([[0.0], [1.0]])
    >>> far_from_given(np.array([0.5]), on_or_off), far_from_given(np.array([1.2]), on_or_off)
    (True, False)
    """
    near = np.abs(seen - values).min(axis=0)
    return bool((near > _FAR * np.ptp(seen, axis=0)).any())


def beside_data(
    found: Iterable[Equilibrium], box: np.ndarray, time_unit: str | None, far: bool = False
) -> list[Equilibrium]:
    """Equilibria that say the unit of time of their rates, and whether they lie beyond a box (2, D) of the data.

    All do where they are ``far`` from what the data say of inputs and parameters.
    """
    low, high = box
    return [
        replace(
            point, time_unit=time_unit, extrapolated=far or bool(((point.state < low) | (point.state > high)).any())
        )
        for point in found
    ]


def find_equilibria(
    vector_field: Callable[[np.ndarray], np.ndarray],
    field_and_jacobian: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    data: np.ndarray,
    bounds: np.ndarray,
    center: np.ndarray,
    scale: np.ndarray,
    tolerance: float = 1e-3,
) -> list[Equilibrium]:
    """Search a box for equilibria from many starts.

    The field is screened on a grid (a Sobol sequence above three dimensions) and on the data; the slowest local minima
    start a batched Levenberg-Marquardt iteration with the given Jacobian, which turns into Newton's as it converges.
    Roots already found are deflated and their surroundings searched again. Roots closer than a thousandth of the data's
    standard deviation are one. A variable for which the box has no width, as where the data are constant, is held.

    Parameters
    ----------
    vector_field : callable, (N, D) -> (N, D)
        For screening.
    field_and_jacobian : callable, (N, D) -> (N, D), (N, D, D)
        In double precision.
    data : array of shape (M, D)
    bounds : array of shape (2, D)
        Lower and upper corners of the box.
    center, scale : arrays of shape (D,)
        Mean and standard deviation of the data, the units of the search.
    tolerance : float
        See `classify`.

    Returns
    -------
    list of Equilibrium
        Ordered by their first coordinate, then their second, and so on.
    """
    free = (bounds[1] > bounds[0]) | (bounds[1] == bounds[0]).all()
    unit = scale[free]

    def state_of(z: np.ndarray) -> np.ndarray:
        states = np.tile(bounds[0], (len(z), 1))
        states[:, free] = z * unit + center[free]
        return states

    def scaled(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f, jacobian = field_and_jacobian(state_of(z))
        return f[:, free] / unit, jacobian[:, free][:, :, free] * unit[None, None, :] / unit[None, :, None]

    low, high = ((bounds - center) / scale)[:, free]
    known = ((data - center) / scale)[:, free]
    starts, speed = _starts(lambda z: vector_field(state_of(z))[:, free] / unit, known, low, high)
    roots = _roots(scaled, starts, low, high, speed, [])
    compass = np.concatenate([radius * np.eye(len(low)) for radius in (0.1, -0.1, 0.3, -0.3)])
    fresh = roots
    for _ in range(_DEFLATIONS):
        if not fresh:
            break
        around = np.concatenate([root + compass for root in fresh[:8]])
        more = _roots(scaled, around, low, high, speed, roots)
        roots, fresh = more, more[len(roots) :]
    if not roots:
        return []
    roots.sort(key=tuple)
    states = state_of(np.array(roots))
    f, jacobians = field_and_jacobian(states)
    found = []
    for state, residual, jacobian in zip(states, f, jacobians, strict=True):
        eigenvalues = np.linalg.eigvals(jacobian[np.ix_(free, free)]).astype(complex)
        eigenvalues = eigenvalues[np.lexsort((eigenvalues.imag, -eigenvalues.real))]
        found.append(
            Equilibrium(
                state=state,
                residual=math.hypot(*residual),
                eigenvalues=eigenvalues,
                kind=classify(eigenvalues, tolerance),
                inside=in_hull((state - center) / scale, (data - center) / scale),
                held=tuple(np.flatnonzero(~free).tolist()),
            )
        )
    return found


def _roots(
    scaled: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    starts: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    speed: float,
    known: list[np.ndarray],
) -> list[np.ndarray]:
    """The known roots and those that the starts lead to, the more exact of close ones."""
    z = _solve(_deflated(scaled, known) if known else scaled, starts, low, high, speed)
    f, _ = scaled(z)
    error = np.linalg.norm(f, axis=1)
    inside: np.ndarray = np.all((z >= low - _MERGED) & (z <= high + _MERGED), axis=1)
    roots = list(known)
    for k in np.argsort(error, kind="stable"):
        good = bool(inside[k]) and error[k] <= _ACCEPTED * speed
        if good and all(np.linalg.norm(z[k] - root) > _MERGED for root in roots):
            roots.append(z[k])
    return roots


def _deflated(
    scaled: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], known: list[np.ndarray]
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Multiply the field by ``1 + 1 / |z - root|`` for every known root, so that none attracts the iteration again.

    Deflation after Farrell, Birkisson and Funke (SIAM J. Sci. Comput. 37, 2015).
    """
    roots = np.array(known)

    def deflated(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f, jacobian = scaled(z)
        offset = z[:, None] - roots
        distance = np.maximum(np.linalg.norm(offset, axis=2), 1e-12)
        factor = 1 + 1 / distance
        product = factor.prod(axis=1)
        slope = (-offset / (distance**3 * factor)[..., None]).sum(axis=1) * product[:, None]
        return product[:, None] * f, product[:, None, None] * jacobian + f[:, :, None] * slope[:, None, :]

    return deflated


def in_hull(point: np.ndarray, data: np.ndarray, slack: float = 1e-6) -> bool:
    """Whether ``point`` (D,) is a convex combination of the rows of ``data`` (M, D), also where these are coplanar."""
    if (point < data.min(axis=0) - slack).any() or (point > data.max(axis=0) + slack).any():
        return False
    if len(point) == 1:
        return True
    dim = len(point)
    # min sum|slack_i| over weights >= 0 that sum to one and slacks: zero inside the hull.
    equalities = np.block([[data.T, np.eye(dim), -np.eye(dim)], [np.ones((1, len(data))), np.zeros((1, 2 * dim))]])
    cost = np.concatenate([np.zeros(len(data)), np.ones(2 * dim)])
    solution = linprog(cost, A_eq=equalities, b_eq=np.append(point, 1.0), bounds=(0, None), method="highs")
    return bool(solution.status == 0 and solution.fun <= slack)


def _starts(
    slow: Callable[[np.ndarray], np.ndarray], data: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, float]:
    """States to start from, and the typical speed on the data."""
    dim = len(low)
    if per_axis := _GRID.get(dim):
        axes = np.meshgrid(*(np.linspace(a, b, per_axis) for a, b in zip(low, high, strict=True)), indexing="ij")
        grid = np.stack([axis.ravel() for axis in axes], axis=1)
        size = np.linalg.norm(slow(grid), axis=1)
        local = size <= minimum_filter(size.reshape(axes[0].shape), size=3, mode="nearest").ravel()
    else:
        grid = low + (high - low) * qmc.Sobol(dim, scramble=False).random(_SAMPLES)
        size = np.linalg.norm(slow(grid), axis=1)
        local = np.ones(len(grid), dtype=bool)
    thinned = data[:: -(-len(data) // _MOST_DATA)]
    data_size = np.linalg.norm(slow(thinned), axis=1)
    minima = np.flatnonzero(local)
    minima = minima[np.argsort(size[minima], kind="stable")][:_STARTS]
    nearest = np.argsort(data_size, kind="stable")[: _STARTS // 6]
    speed = float(np.sqrt(np.mean(data_size**2)))
    return np.concatenate([grid[minima], thinned[nearest]]), max(speed, np.finfo(float).tiny)


def _solve(
    scaled: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    z: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    speed: float,
) -> np.ndarray:
    """Batched Levenberg-Marquardt on |f|; starts that converge, stall or leave the box (doubled) are left alone."""
    z = z.copy()
    dim = z.shape[1]
    margin = (high - low) / 2
    f, jacobian = scaled(z)
    damping = np.full(len(z), 1e-3)
    active = np.arange(len(z))
    earlier = np.full(len(z), np.inf)
    for iteration in range(_ITERATIONS):
        if iteration % _PATIENCE == 0:  # a start that has hardly come closer sits in a local minimum of |f|
            size = np.linalg.norm(f[active], axis=1)
            active = active[size < 0.7 * earlier[active]]
            earlier[active] = np.linalg.norm(f[active], axis=1)
        error = np.linalg.norm(f[active], axis=1)
        out = ((z[active] < low - margin) | (z[active] > high + margin)).any(axis=1)
        active = active[(error > _CONVERGED * speed) & (damping[active] < 1e6) & ~out]
        if len(active) == 0:
            break
        normal = np.einsum("nki,nkj->nij", jacobian[active], jacobian[active])
        gradient = np.einsum("nki,nk->ni", jacobian[active], f[active])
        size = np.trace(normal, axis1=1, axis2=2)[:, None, None] / dim
        shift = (damping[active][:, None, None] * size + np.finfo(float).tiny) * np.eye(dim)
        step = np.linalg.solve(normal + shift, -gradient[..., None])[..., 0]
        trial = z[active] + step
        trial_f, trial_jacobian = scaled(trial)
        better = np.linalg.norm(trial_f, axis=1) < np.linalg.norm(f[active], axis=1)
        moved, stuck = active[better], active[~better]
        z[moved], f[moved], jacobian[moved] = trial[better], trial_f[better], trial_jacobian[better]
        damping[moved] = np.maximum(damping[moved] / 10, 1e-14)
        damping[stuck] *= 10
    return z
