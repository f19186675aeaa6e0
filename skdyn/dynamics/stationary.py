"""Stationary density of a stochastic differential equation on a grid: Fokker-Planck, or a histogram of simulations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from skdyn.dynamics.arguments import check_answer, read_axes, read_correlation
from skdyn.dynamics.sde import DriftDiffusion
from skdyn.exceptions import ConvergenceWarning, warn

_LEAK = 0.02  # share of the peak at the grid's edge, or of the samples outside, from which on a warning is given
_ITERATIONS = 50
_CONVERGED = 1e-9
_SMALL_RATE = 1e-11  # of the implicit step, relative to the fastest rate between cells
_LARGEST_RATIO = 600.0  # of the logarithms of neighbouring densities


def cell_edges(axis: np.ndarray) -> np.ndarray:
    """Edges (R + 1,) of the cells around increasing points (R,): half-way between them, symmetric at the ends."""
    middle = (axis[1:] + axis[:-1]) / 2
    return np.concatenate([[2 * axis[0] - middle[0]], middle, [2 * axis[-1] - middle[-1]]])


def cell_volumes(axes: Sequence[np.ndarray]) -> np.ndarray:
    """Volumes (R_1, ..., R_D) of the cells of a rectangular grid."""
    volumes = np.ones(())
    for axis in axes:
        volumes = volumes[..., None] * np.diff(cell_edges(axis))
    return volumes


def grid_points(axes: Sequence[np.ndarray]) -> np.ndarray:
    """States (R_1, ..., R_D, D) of a rectangular grid, indexed by the first variable first."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def fokker_planck(
    drift_diffusion: DriftDiffusion, axes: Sequence[np.ndarray], correlation: np.ndarray | None = None
) -> np.ndarray:
    """Solve the stationary Fokker-Planck equation of ``dx = f(x) dt + g(x) dW`` (Ito, diagonal g) in a box.

    The equation ``0 = - sum_d d(f_d p)/dx_d + 1/2 sum_de d^2(r_de g_d g_e p)/dx_d dx_e`` with the correlations r of dW
    is discretised by finite volumes with the exponentially fitted fluxes of Scharfetter and Gummel (IEEE Trans.
    Electron Devices 16:64, 1969; Chang and Cooper, J. Comput. Phys. 6:1, 1970), which keep the density positive however
    strong the drift. Nothing crosses the edge of the box. In one variable the flux is zero everywhere and the solution
    is a cumulative sum; in two the stationary vector of the sparse rate matrix is found by implicit steps. The fluxes
    of correlated noise are central differences: where the grid is too coarse for them the density would be negative, is
    zero instead, and a warning says how much of it.

    Parameters
    ----------
    drift_diffusion : callable, (M, D) -> (M, D), (M, D)
    axes : sequence of one or two increasing arrays of shape (R_d,)
        Centres of the cells along each variable, at least 3 each.
    correlation : array of shape (2, 2), optional
        Of dW, for two variables; independent by default.

    Returns
    -------
    array of shape (R_1,) or (R_1, R_2)
        Positive; the sum of density times cell volume is one.

    Raises
    ------
    ValueError
        If there are more than two axes, one does not increase, drift or diffusion are not finite or of another shape
        than the states, or ``correlation`` is that of no noise.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-3, 3, 61)
    >>> p = fokker_planck(lambda x: (-2 * x, np.ones_like(x)), [x])
    >>> bool(np.allclose(p, np.sqrt(2 / np.pi) * np.exp(-2 * x**2), atol=2e-3))
    True
    """
    axes = read_axes(axes, 3)
    dim = len(axes)
    if dim not in (1, 2):
        raise ValueError(
            f"axes are of {dim} variables, but the equation is solved in one or two: for more, simulate and call "
            "skdyn.dynamics.stationary.histogram"
        )
    points = grid_points(axes)
    answers = drift_diffusion(points.reshape(-1, dim))
    for part in answers:
        check_answer("drift_diffusion", part, (points.size // dim, dim))
    drift, diffusion = (part.reshape(points.shape) for part in answers)
    if not (np.isfinite(drift).all() and np.isfinite(diffusion).all()):
        raise ValueError("drift and diffusion are not finite everywhere on the grid: choose a smaller one")
    half_square = diffusion**2 / 2
    volumes = cell_volumes(axes)
    if correlation is not None:
        correlation = read_correlation(correlation, dim)
    if dim == 1:
        step = np.diff(axes[0])
        _, log_ratio = _face_terms(drift[:, 0], half_square[:, 0], step)
        log_density = np.concatenate([[0.0], np.cumsum(log_ratio)])
        density = np.exp(log_density - log_density.max())
    else:
        rates = _rate_matrix(drift, half_square, axes)
        if correlation is not None:
            rates = rates + _shared_rates(correlation[0, 1] * diffusion.prod(axis=-1), axes)
        density = _stationary(rates, volumes)
    density = np.maximum(density, np.finfo(float).tiny)
    density /= (density * volumes).sum()
    _warn_at_the_edge(density)
    return density


def histogram(samples: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Density of samples on a grid, as the share of them in each cell.

    Parameters
    ----------
    samples : array of shape (M, D)
        Those outside the grid are left out; a warning says so if they are more than a fiftieth.
    axes : sequence of D increasing arrays of shape (R_d,)

    Returns
    -------
    array of shape (R_1, ..., R_D)
        The sum of density times cell volume is one.

    Raises
    ------
    ValueError
        If an axis does not increase, there is not one for each variable, or no sample lies in the grid.
    """
    axes = read_axes(axes, 2)
    if np.ndim(samples) != 2 or np.shape(samples)[1] != len(axes):
        raise ValueError(f"samples has shape {np.shape(samples)}: expected (M, {len(axes)}), a column for each axis")
    counts, _ = np.histogramdd(samples, bins=[cell_edges(axis) for axis in axes])
    inside = counts.sum()
    if inside == 0:
        raise ValueError("no simulated state lies in the grid: choose a grid around the data")
    if inside < (1 - _LEAK) * len(samples):
        warn(
            f"{1 - inside / len(samples):.0%} of the simulated states lie outside the grid; the density is that of the "
            "others",
            ConvergenceWarning,
        )
    return counts / (inside * cell_volumes(axes))


def _face_terms(drift: np.ndarray, half_square: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Diffusivity, and logarithm of the ratio of neighbouring densities at zero flux, at the faces along axis 0.

    The flux is ``(f - D') p - D p'`` with ``D = g^2 / 2``; drift, D and D' are constant between two centres.
    """
    diffusivity = (half_square[1:] + half_square[:-1]) / 2
    speed = (drift[1:] + drift[:-1]) / 2 - np.diff(half_square, axis=0) / step
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.nan_to_num(speed * step / diffusivity, nan=0.0)
    # Beyond e^600 one neighbour has everything; the diffusivity that says so is no longer told from zero.
    log_ratio = np.clip(log_ratio, -_LARGEST_RATIO, _LARGEST_RATIO)
    return np.maximum(diffusivity, np.abs(speed) * step / _LARGEST_RATIO), log_ratio


def _rate_matrix(drift: np.ndarray, half_square: np.ndarray, axes: Sequence[np.ndarray]) -> sparse.csc_array:
    """Rates (n, n) at which probability moves between cells, entry (i, j) from j to i; columns sum to zero."""
    shape = drift.shape[:-1]
    index = np.arange(int(np.prod(shape))).reshape(shape)
    rows, columns, rates = [], [], []
    for d, axis in enumerate(axes):
        width = np.diff(cell_edges(axis))[:, None]
        step = np.diff(axis)[:, None]
        along = [np.moveaxis(part, d, 0) for part in (drift[..., d], half_square[..., d], index)]
        diffusivity, log_ratio = _face_terms(along[0], along[1], step)
        before, after = along[2][:-1].ravel(), along[2][1:].ravel()
        forward = diffusivity * _bernoulli(-log_ratio) / (step * width[:-1])
        backward = diffusivity * _bernoulli(log_ratio) / (step * width[1:])
        for source, target, rate in ((before, after, forward.ravel()), (after, before, backward.ravel())):
            rows += [target, source]
            columns += [source, source]
            rates += [rate, -rate]
    return _assembled(rows, columns, rates, index.size)


def _shared_rates(shared: np.ndarray, axes: Sequence[np.ndarray]) -> sparse.csc_array:
    """Rates (n, n) that correlated noise adds, from the covariance (R_1, R_2) of the two variables' noise.

    The flux through a face along one axis is half the slope of covariance times density along the other, the mean of
    those on both sides of the face; at the edge the slope is one-sided. Some rates are negative.
    """
    index = np.arange(shared.size).reshape(shared.shape)
    volumes = cell_volumes(axes)
    rows, columns, rates = [], [], []
    for d in range(2):
        other = axes[1 - d]
        place = np.arange(len(other))
        after, before = np.minimum(place + 1, len(other) - 1), np.maximum(place - 1, 0)
        own, per_mass = (np.moveaxis(part, d, 0) for part in (index, shared / volumes))
        weight = np.diff(cell_edges(other)) / (4 * (other[after] - other[before]))
        for side in (slice(None, -1), slice(1, None)):
            for neighbour, sign in ((after, -1.0), (before, 1.0)):
                source = own[side][:, neighbour].ravel()
                rate = (sign * weight * per_mass[side][:, neighbour]).ravel()
                rows += [own[1:].ravel(), own[:-1].ravel()]
                columns += [source, source]
                rates += [rate, -rate]
    return _assembled(rows, columns, rates, index.size)


def _assembled(
    rows: Sequence[np.ndarray], columns: Sequence[np.ndarray], rates: Sequence[np.ndarray], size: int
) -> sparse.csc_array:
    """A matrix (n, n) of rates at places, which add up."""
    place = (np.concatenate(rows), np.concatenate(columns))
    return sparse.coo_array((np.concatenate(rates), place), shape=(size, size)).tocsc()


def _bernoulli(w: np.ndarray) -> np.ndarray:
    """``w / (exp(w) - 1)``, which is one at zero."""
    small = np.abs(w) < 1e-5
    safe = np.where(small, 1.0, w)
    return np.where(small, 1 - w / 2, safe / np.expm1(safe))


def _stationary(rates: sparse.csc_array, volumes: np.ndarray) -> np.ndarray:
    """Density that the rates leave unchanged, by implicit steps long against every process on the grid.

    Without negative rates the matrix of such a step is an M-matrix, so that its solution is never negative.
    """
    slow = _SMALL_RATE * np.abs(rates.diagonal()).max()
    solver = splu((slow * sparse.eye_array(rates.shape[0]) - rates).tocsc())
    mass = volumes.ravel() / volumes.sum()
    for _ in range(_ITERATIONS):
        solved = solver.solve(mass)
        following = np.maximum(solved, 0.0)
        following /= following.sum()
        change = np.abs(following - mass).sum()
        mass = following
        if change < _CONVERGED:
            break
    else:
        warn(
            f"the stationary density still changed by {change:.1e} after {_ITERATIONS} steps: parts of the grid hardly "
            "exchange probability",
            ConvergenceWarning,
        )
    if (negative := -np.minimum(solved, 0.0).sum() / np.abs(solved).sum()) > _LEAK:
        warn(
            f"{negative:.0%} of the stationary density would be negative: the grid is too coarse for noise that the "
            "variables share so closely; choose a finer one",
            ConvergenceWarning,
        )
    return mass.reshape(volumes.shape) / volumes


def _warn_at_the_edge(density: np.ndarray) -> None:
    edge = max(float(np.take(density, [0, -1], axis=d).max()) for d in range(density.ndim))
    if edge > _LEAK * density.max():
        warn(
            f"the density at the edge of the grid is {edge / density.max():.0%} of its peak: the process is confined "
            "to the grid here; choose a wider one, or there may be no stationary density",
            ConvergenceWarning,
        )
