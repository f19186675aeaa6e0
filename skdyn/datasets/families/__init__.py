"""Named families of dynamical systems with random parameters, for pretraining and for benchmarks of forecasts.

Twenty families are for training; eight are held out of it, so that a benchmark can ask for systems that no model of
this project has seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdyn.data.parameters import RandomState, read_generator
from skdyn.datasets.families._chaotic import HindmarshRose, Lorenz63, Lorenz96, Rossler, Thomas
from skdyn.datasets.families._engineering import DroopControl, WienerHammerstein
from skdyn.datasets.families._family import Family, Problems
from skdyn.datasets.families._mechanics import SIR, Duffing, RigidBody, SpringChain
from skdyn.datasets.families._planar import Brusselator, FitzHughNagumo, Hopf, LotkaVolterra
from skdyn.datasets.families._scalar import Bernoulli, Logistic
from skdyn.datasets.families._second_order import CauchyEuler, EmdenFowler, ErmakovPinney, Pendulum, Swing, VanDerPol
from skdyn.datasets.families._wake import CylinderWake

__all__ = ["FAMILIES", "IN_DOMAIN", "ZERO_SHOT", "Family", "Problems", "make_family_series"]

_TRAINED = (
    Bernoulli(),
    CauchyEuler(),
    EmdenFowler(),
    VanDerPol("van_der_pol", ((0.05, 1.0),)),
    VanDerPol("van_der_pol_stiff", ((1.0, 4.0), (4.0, 10.0))),
    Pendulum(),
    ErmakovPinney(),
    Logistic(),
    LotkaVolterra(),
    FitzHughNagumo(),
    Hopf(),
    Lorenz63(),
    Rossler(),
    Lorenz96(),
    Swing(),
    DroopControl(),
    WienerHammerstein("wiener_hammerstein", branches=1),
    WienerHammerstein("wiener_hammerstein_parallel", branches=2),
    CylinderWake("wake_sweep", "sweep"),
    CylinderWake("wake_mono", "mono"),
)
_HELD_OUT = (
    Duffing(),
    CylinderWake("wake_multi", "multi"),
    Brusselator(),
    SIR(),
    SpringChain(),
    HindmarshRose(),
    Thomas(),
    RigidBody(),
)

FAMILIES: dict[str, Family] = {family.name: family for family in (*_TRAINED, *_HELD_OUT)}
"""Every family by its name."""

IN_DOMAIN = tuple(family.name for family in _TRAINED)
"""Names of the twenty families for training."""

ZERO_SHOT = tuple(family.name for family in _HELD_OUT)
"""Names of the eight families held out of training."""


def make_family_series(
    family: str,
    n_series: int,
    *,
    points: tuple[int, int] = (100, 200),
    random_state: RandomState = None,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Record systems of a family, each with its own parameters, initial state, duration and unit of time.

    Parameters
    ----------
    family : str
        A name of `FAMILIES`.
    n_series : int
        Number of systems, at least 1.
    points : pair of int, default=(100, 200)
        Fewest and most evenly spaced points of a recording, at least 2.
    random_state : int, numpy.random.Generator or None, default=None
        Where everything is drawn from.

    Returns
    -------
    list of (t, x)
        ``n_series`` pairs of arrays of shapes (L,) and (L, D), without noise, as every estimator's ``fit`` accepts
        them. Times start at 0; their unit is drawn log-uniformly between 1e-3 and 10.

    Raises
    ------
    ValueError
        If the name is unknown or a number is out of its range.

    Examples
    --------
    >>> from skdyn.datasets.families import make_family_series
    >>> series = make_family_series("lorenz63", 2, points=(50, 50), random_state=0)
    >>> [x.shape for _, x in series]
    [(50, 3), (50, 3)]
    """
    if family not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}; got {family!r}")
    if n_series < 1:
        raise ValueError(f"n_series: at least 1 is needed, got {n_series}")
    low, high = points
    if not 2 <= low <= high:
        raise ValueError(f"points: two numbers with 2 <= fewest <= most are needed, got {points}")
    rng = read_generator(random_state)
    counts = rng.integers(low, high + 1, n_series)
    unit = 10 ** rng.uniform(-3.0, 1.0, n_series)
    times, values = FAMILIES[family].simulate(n_series, rng, counts)
    return [(unit[k] * times[k, :count], values[k, :count]) for k, count in enumerate(counts)]
