"""Stochastic systems with known drift and diffusion, and paths of them.

The eight systems on which FIM-SDE is usually measured, and three more. All are Itô equations with diagonal noise,
``dx_i = f_i(x) dt + g_i(x) dW_i``; no path is stored here, each is simulated from its equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.data.parameters import RandomState, check_number, read_generator

__all__ = ["SDESystem", "load_sde_systems", "observe", "simulate_sde"]

Values = NDArray[np.float64]
Coefficients = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Drift and diffusion, one component a variable, as arrays or scalars."""

_CHUNK = 8192  # steps whose random numbers are drawn at once


@dataclass(frozen=True)
class SDESystem:
    """One stochastic system.

    Attributes
    ----------
    name : str
        Short name, for tables and commands.
    equations : tuple of str
        Each of the D equations, for people; nothing evaluates these strings.
    x0 : tuple of float
        Initial state of its paths.
    bounds : tuple of (float, float)
        Lower and upper end of the grid on which estimates are compared, for each variable.
    points_per_axis : int
        Points of that grid along each axis.
    coefficients : callable
        ``coefficients(x0, ..., x_{D-1})`` returns the components of the drift and those of the diffusion, two tuples of
        D numbers or arrays.

    Examples
    --------
    >>> from skdyn.datasets import load_sde_systems
    >>> (double_well,) = load_sde_systems(["double-well"])
    >>> double_well.drift([[-1.0], [0.5]]), double_well.diffusion([[0.0], [2.0]])
    (array([[0. ],
           [1.5]]), array([[2.],
           [0.]]))
    """

    name: str
    equations: tuple[str, ...]
    x0: tuple[float, ...]
    bounds: tuple[tuple[float, float], ...]
    points_per_axis: int
    coefficients: Callable[..., tuple[tuple, tuple]] = field(repr=False)

    @property
    def dim(self) -> int:
        """Number of variables D."""
        return len(self.x0)

    def drift(self, x: ArrayLike) -> NDArray[np.float64]:
        """Drift f at states (..., D), in units of state per unit of time: array (..., D)."""
        return self.drift_diffusion(x)[0]

    def diffusion(self, x: ArrayLike) -> NDArray[np.float64]:
        """Diffusion g, which multiplies dW, at states (..., D): array (..., D), in state per root of time."""
        return self.drift_diffusion(x)[1]

    def drift_diffusion(self, x: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both coefficients at states (..., D): two arrays (..., D).

        Raises
        ------
        ValueError
            If the last axis of ``x`` is not of length D.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim == 0 or x.shape[-1] != self.dim:
            raise ValueError(f"{self.name} has {self.dim} variables, got an array of shape {x.shape}")
        drift, diffusion = self.coefficients(*np.moveaxis(x, -1, 0))
        both = np.empty((2, *x.shape))
        for i in range(self.dim):
            both[0, ..., i] = drift[i]
            both[1, ..., i] = diffusion[i]
        return both[0], both[1]

    def grid(self) -> NDArray[np.float64]:
        """Points on which estimates are compared: array (points_per_axis ** D, D)."""
        axes = [np.linspace(low, high, self.points_per_axis) for low, high in self.bounds]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.dim)


def load_sde_systems(names: Sequence[str] | None = None) -> tuple[SDESystem, ...]:
    """Stochastic systems by name, or the eight of the usual comparison.

    Parameters
    ----------
    names : sequence of str, optional
        In the order wanted. By default "double-well", "synthetic", "wang", "damped-linear", "damped-cubic", "duffing",
        "selkov" and "hopf". Others are "double-well-constant", "wang-double-well" and "lorenz".

    Returns
    -------
    tuple of SDESystem

    Raises
    ------
    ValueError
        If there is no system of a name.

    Notes
    -----
    The double well, the two systems with a limit cycle at radius 1 ("synthetic", and "wang" with a diffusion that
    depends on the state), the damped oscillators, the Duffing oscillator, Selkov's glycolysis and the Hopf normal form
    have the constants, initial states and grids of the evaluation of FIM-SDE, which took them from other works. For
    "double-well-constant" and "wang-double-well" no grid is published; theirs is that of the double well.

    References
    ----------
    P. Seifner, K. Cvejoski, D. Berghaus, C. Ojeda and R. J. Sánchez, *Foundation inference models for stochastic
    differential equations*, arXiv:2502.19049.
    P. Batz, A. Ruttor and M. Opper, *Approximate Bayes learning of stochastic differential equations*, Physical Review
    E 98, 2018.

    Examples
    --------
    >>> from skdyn.datasets import load_sde_systems
    >>> [system.dim for system in load_sde_systems()]
    [1, 2, 2, 2, 2, 2, 2, 2]
    """
    if names is None:
        return _SYSTEMS[:_USUAL]
    known = {system.name: system for system in _SYSTEMS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no stochastic system {unknown[0]!r}: choose from {', '.join(known)}")
    return tuple(known[name] for name in names)


def simulate_sde(
    system: SDESystem,
    n_points: int,
    *,
    dt: float = 0.002,
    seeds: Sequence[int | Sequence[int]] = (0,),
    every: int = 1,
) -> NDArray[np.float64]:
    """Paths of a system by the Euler-Maruyama method, one for each seed, all from its initial state.

    Parameters
    ----------
    system : SDESystem
        See `load_sde_systems`.
    n_points : int
        Points L of each path, the initial state first.
    dt : float, default=0.002
        Length of a step, in the system's unit of time.
    seeds : sequence of int or of sequences of int, default=(0,)
        As `numpy.random.default_rng` takes them. A path depends on its own seed only, not on the others.
    every : int, default=1
        Steps from one point of the result to the next.

    Returns
    -------
    ndarray of shape (len(seeds), L, D)
        States at times ``every * dt * arange(L)``.

    Raises
    ------
    ValueError
        If a number is out of its range, or a path leaves the finite numbers because ``dt`` is too long.

    Examples
    --------
    >>> from skdyn.datasets import load_sde_systems, simulate_sde
    >>> (duffing,) = load_sde_systems(["duffing"])
    >>> simulate_sde(duffing, 100, seeds=(0, 1, 2)).shape
    (3, 100, 2)
    """
    for name, value in (("n_points", n_points), ("every", every)):
        check_number(name, value, whole=True)
    check_number("dt", dt)
    if len(seeds) == 0:
        raise ValueError("seeds: at least one is needed")
    paths = np.empty((n_points, len(seeds), system.dim))
    paths[0] = x = np.tile(np.array(system.x0), (len(seeds), 1))
    n_steps = (n_points - 1) * every
    with np.errstate(all="ignore"):
        for step, kick in enumerate(_kicks(seeds, n_steps, system.dim, np.sqrt(dt)), start=1):
            drift, diffusion = system.drift_diffusion(x)
            x = x + drift * dt + diffusion * kick
            if step % every == 0:
                paths[step // every] = x
    if not np.isfinite(x).all():
        raise ValueError(f"a path of {system.name} left the finite numbers: choose a dt below {dt:g}")
    return np.ascontiguousarray(paths.transpose(1, 0, 2))


def _kicks(seeds: Sequence[int | Sequence[int]], n_steps: int, dim: int, scale: float) -> Iterator[NDArray[np.float64]]:
    """Increments (len(seeds), D) of the Wiener processes, step by step."""
    generators = [np.random.default_rng(seed) for seed in seeds]
    for start in range(0, n_steps, _CHUNK):
        size = (min(_CHUNK, n_steps - start), dim)
        yield from scale * np.stack([rng.standard_normal(size) for rng in generators], axis=1)


def observe(x: ArrayLike, noise: float, random_state: RandomState = None) -> NDArray[np.float64]:
    """Add measurement noise in proportion to half the range of each variable.

    Parameters
    ----------
    x : array-like of shape (L, D)
        Clean states of one path.
    noise : float
        Level of at least 0: the standard deviation is ``noise * (max - min) / 2``, for each variable by itself.
    random_state : int, numpy.random.Generator or None, default=None
        Where the noise is drawn from.

    Returns
    -------
    ndarray of shape (L, D)

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn.datasets.sde_systems import observe
    >>> noisy = observe(np.linspace([0.0], [2.0], 1001), 0.1, random_state=0)
    >>> float(np.std(noisy[:, 0] - np.linspace(0, 2, 1001)).round(2))
    0.1
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"x: a path of shape (L, D) is needed, got shape {x.shape}")
    if not (np.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise: a finite number of at least 0 is needed, got {noise!r}")
    rng = read_generator(random_state)
    return x + noise * np.ptp(x, axis=0) / 2 * rng.standard_normal(x.shape)


def _double_well(x: Values) -> Coefficients:
    return (4 * (x - x**3),), (np.sqrt(np.maximum(4 - 1.25 * x**2, 0)),)


def _double_well_constant(x: Values) -> Coefficients:
    return (4 * (x - x**3),), (1.0,)


def _wang_double_well(x: Values) -> Coefficients:
    return (x - x**3,), (np.sqrt(1 + x**2),)


def _cycle(x: Values, y: Values) -> tuple[Values, Values]:
    inward = 1 - x**2 - y**2
    return x * inward - y, y * inward + x


def _synthetic(x: Values, y: Values) -> Coefficients:
    return _cycle(x, y), (1.0, 1.0)


def _wang(x: Values, y: Values) -> Coefficients:
    return _cycle(x, y), (np.sqrt(1 + y**2), np.sqrt(1 + x**2))


def _damped_linear(x: Values, y: Values) -> Coefficients:
    return (2 * y - 0.1 * x, -2 * x - 0.1 * y), (1.0, 1.0)


def _damped_cubic(x: Values, y: Values) -> Coefficients:
    x, y = x**3, y**3
    return (2 * y - 0.1 * x, -2 * x - 0.1 * y), (1.0, 1.0)


def _duffing(x: Values, y: Values) -> Coefficients:
    return (y, x - x**3 - 0.35 * y), (1.0, 1.0)


def _selkov(x: Values, y: Values) -> Coefficients:
    conversion = 0.08 * y + x**2 * y
    return (conversion - x, 0.6 - conversion), (1.0, 1.0)


def _hopf(x: Values, y: Values) -> Coefficients:
    r2 = x**2 + y**2
    return (0.5 * x + y - x * r2, 0.5 * y - x - y * r2), (1.0, 1.0)


def _lorenz(x: Values, y: Values, z: Values) -> Coefficients:
    return (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z), (0.15, 0.15, 0.15)


def _square(low: float, high: float) -> tuple[tuple[float, float], ...]:
    return ((low, high), (low, high))


_CYCLE = ("dx = (x (1 - r^2) - y) dt + {} dV", "dy = (y (1 - r^2) + x) dt + {} dW, r^2 = x^2 + y^2")

_SYSTEMS = (
    SDESystem(
        "double-well",
        ("dx = 4 (x - x^3) dt + sqrt(max(4 - 1.25 x^2, 0)) dW",),
        (0.0,),
        ((-2.0, 2.0),),
        1024,
        _double_well,
    ),
    SDESystem("synthetic", tuple(text.format("1") for text in _CYCLE), (1.5, 1.5), _square(-2.0, 2.0), 32, _synthetic),
    SDESystem(
        "wang",
        (_CYCLE[0].format("sqrt(1 + y^2)"), _CYCLE[1].format("sqrt(1 + x^2)")),
        (1.5, 1.5),
        _square(-4.0, 4.0),
        32,
        _wang,
    ),
    SDESystem(
        "damped-linear",
        ("dx = (2 y - 0.1 x) dt + dV", "dy = (-2 x - 0.1 y) dt + dW"),
        (2.5, -5.0),
        _square(-2.0, 2.0),
        32,
        _damped_linear,
    ),
    SDESystem(
        "damped-cubic",
        ("dx = (2 y^3 - 0.1 x^3) dt + dV", "dy = (-2 x^3 - 0.1 y^3) dt + dW"),
        (0.0, -1.0),
        _square(-2.0, 2.0),
        32,
        _damped_cubic,
    ),
    SDESystem(
        "duffing",
        ("dx = y dt + dV", "dy = (x - x^3 - 0.35 y) dt + dW"),
        (3.0, 2.0),
        _square(-4.0, 4.0),
        32,
        _duffing,
    ),
    SDESystem(
        "selkov",
        ("dx = (0.08 y + x^2 y - x) dt + dV", "dy = (0.6 - 0.08 y - x^2 y) dt + dW"),
        (0.7, 1.25),
        _square(-2.0, 4.0),
        32,
        _selkov,
    ),
    SDESystem(
        "hopf",
        ("dx = (0.5 x + y - x r^2) dt + dV", "dy = (0.5 y - x - y r^2) dt + dW, r^2 = x^2 + y^2"),
        (2.0, 2.0),
        _square(-2.0, 2.0),
        32,
        _hopf,
    ),
    SDESystem(
        "double-well-constant", ("dx = 4 (x - x^3) dt + dW",), (0.0,), ((-2.0, 2.0),), 1024, _double_well_constant
    ),
    SDESystem(
        "wang-double-well", ("dx = (x - x^3) dt + sqrt(1 + x^2) dW",), (0.0,), ((-2.0, 2.0),), 1024, _wang_double_well
    ),
    SDESystem(
        "lorenz",
        ("dx = 10 (y - x) dt + 0.15 dU", "dy = (x (28 - z) - y) dt + 0.15 dV", "dz = (x y - 8/3 z) dt + 0.15 dW"),
        (1.0, 1.0, 1.0),
        ((-30.0, 30.0), (-40.0, 40.0), (-10.0, 60.0)),
        20,
        _lorenz,
    ),
)
_USUAL = 8  # the first of them are the usual comparison
