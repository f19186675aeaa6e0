"""Classic vector fields, and trajectories of them for demonstrations and tests."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.data.parameters import RandomState, read_generator

__all__ = ["fitzhugh_nagumo", "lorenz", "lotka_volterra", "make_trajectories", "van_der_pol"]

Field = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def van_der_pol(x: ArrayLike) -> NDArray[np.float64]:
    """Van der Pol oscillator: ``x0' = x1``, ``x1' = -x0 + 0.5 x1 (1 - x0^2)``.

    Parameters
    ----------
    x : array-like of shape (..., 2)
        States.

    Returns
    -------
    ndarray of shape (..., 2)
        Derivatives with respect to time.

    References
    ----------
    P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, *Variational multiple shooting for Bayesian
    ODEs with Gaussian processes*, UAI 2022 (for the constants).
    """
    x0, x1 = _components(x, 2)
    return np.stack([x1, -x0 + 0.5 * x1 * (1.0 - x0**2)], axis=-1)


def fitzhugh_nagumo(x: ArrayLike) -> NDArray[np.float64]:
    """FitzHugh-Nagumo neuron: ``x0' = 3 (x0 - x0^3 / 3 + x1)``, ``x1' = (0.2 - 3 x0 - 0.2 x1) / 3``.

    Parameters
    ----------
    x : array-like of shape (..., 2)
        States: membrane potential and recovery.

    Returns
    -------
    ndarray of shape (..., 2)
        Derivatives with respect to time.

    References
    ----------
    P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, *Variational multiple shooting for Bayesian
    ODEs with Gaussian processes*, UAI 2022 (for the constants).
    """
    x0, x1 = _components(x, 2)
    return np.stack([3.0 * (x0 - x0**3 / 3.0 + x1), (0.2 - 3.0 * x0 - 0.2 * x1) / 3.0], axis=-1)


def lotka_volterra(x: ArrayLike) -> NDArray[np.float64]:
    """Predator and prey: ``x0' = x0 (1.5 - x1)``, ``x1' = x1 (x0 - 3)``, at rest at (3, 1.5).

    Parameters
    ----------
    x : array-like of shape (..., 2)
        States: prey and predators.

    Returns
    -------
    ndarray of shape (..., 2)
        Derivatives with respect to time.
    """
    x0, x1 = _components(x, 2)
    return np.stack([x0 * (1.5 - x1), x1 * (x0 - 3.0)], axis=-1)


def lorenz(x: ArrayLike) -> NDArray[np.float64]:
    """Lorenz's convection: ``x0' = 10 (x1 - x0)``, ``x1' = x0 (28 - x2) - x1``, ``x2' = x0 x1 - 8/3 x2``.

    Parameters
    ----------
    x : array-like of shape (..., 3)
        States.

    Returns
    -------
    ndarray of shape (..., 3)
        Derivatives with respect to time.

    References
    ----------
    E. N. Lorenz, *Deterministic nonperiodic flow*, Journal of the Atmospheric Sciences 20, 1963.
    """
    x0, x1, x2 = _components(x, 3)
    return np.stack([10.0 * (x1 - x0), x0 * (28.0 - x2) - x1, x0 * x1 - 8.0 / 3.0 * x2], axis=-1)


_FIELDS: dict[str, Field] = {
    "fitzhugh_nagumo": fitzhugh_nagumo,
    "lorenz": lorenz,
    "lotka_volterra": lotka_volterra,
    "van_der_pol": van_der_pol,
}


def make_trajectories(
    system: str | Field,
    x0: ArrayLike,
    t: ArrayLike,
    noise: float = 0.0,
    random_state: RandomState = None,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Integrate a system from several initial states, and observe it with multiplicative noise.

    Parameters
    ----------
    system : str or callable
        "van_der_pol", "fitzhugh_nagumo", "lotka_volterra", "lorenz", or a field: a function of states of shape
        (D,) that returns derivatives of shape (D,).
    x0 : array-like of shape (K, D) or (D,)
        Initial states, which hold at ``t[0]``.
    t : array-like of shape (L,)
        Increasing times of observation, L >= 2, shared by all trajectories.
    noise : float, default=0.0
        Relative standard deviation sigma of the observations ``(1 + sigma * eps) * x``, with eps a standard
        normal number drawn for each element.
    random_state : int, numpy.random.Generator or None, default=None
        Where the noise is drawn from.

    Returns
    -------
    list of (t, x)
        K pairs of arrays of shapes (L,) and (L, D), as every estimator's ``fit`` accepts them.

    Raises
    ------
    ValueError
        If the name is unknown, or a shape, the times or the noise are not as above.
    RuntimeError
        If a solution ceases to exist before the last time.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn.datasets import make_trajectories
    >>> trajs = make_trajectories("van_der_pol", [[1.0, 0.0], [-2.0, 1.0]], np.linspace(0, 7, 50), noise=0.03,
    ...                           random_state=0)
    >>> len(trajs), trajs[0][1].shape
    (2, (50, 2))
    """
    if isinstance(system, str) and system not in _FIELDS:
        raise ValueError(f"system: expected one of {sorted(_FIELDS)} or a callable, got {system!r}")
    field = _FIELDS[system] if isinstance(system, str) else system
    starts = np.atleast_2d(np.asarray(x0, dtype=np.float64))
    times = np.asarray(t, dtype=np.float64)
    if starts.ndim != 2 or not np.isfinite(starts).all():
        raise ValueError(f"x0: finite states of shape (K, D) or (D,) are needed, got shape {np.shape(x0)}")
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("t: at least two finite, increasing times are needed, in one dimension")
    if not (np.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise: a finite number of at least 0 is needed, got {noise!r}")
    rng = read_generator(random_state)
    trajectories = []
    for start in starts:
        x = _integrate(field, start, times)
        trajectories.append((times.copy(), (1.0 + noise * rng.standard_normal(x.shape)) * x))
    return trajectories


def _integrate(field: Field, x0: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.integrate import solve_ivp  # the fields alone need no solver

    solution = solve_ivp(lambda _, x: field(x), (t[0], t[-1]), x0, "DOP853", t, rtol=1e-9, atol=1e-11)
    if not solution.success:
        raise RuntimeError(f"no solution from {x0.tolist()} up to t = {t[-1]:g}: {solution.message}")
    return solution.y.T


def _components(x: ArrayLike, dim: int) -> NDArray[np.float64]:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim == 0 or x.shape[-1] != dim:
        raise ValueError(f"x: states of shape (..., {dim}) are needed, got shape {x.shape}")
    return np.moveaxis(x, -1, 0)
