"""The Van der Pol and FitzHugh-Nagumo recordings that Gaussian-process ODEs were measured on."""

from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

TABLES = Path(__file__).parent / "tables"

_SOURCE = """
Source: P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, Variational multiple shooting for Bayesian ODEs
with Gaussian processes, UAI 2022; from github.com/hegdepashupati/gaussian-process-odes, copyright 2018 Pashupati
Hegde, MIT licence (skdyn/datasets/tables/LICENSES.txt). The values are the published ones.
"""

_VAN_DER_POL = """\
A noisy Van der Pol oscillator ({sampling} times) and its clean continuation

x0' = x1, x1' = -x0 + 0.5 x1 (1 - x0^2) from (-1.5, 2.5): 50 points on [0, 7] with additive noise of variance 0.05, and
100 points without noise: on [0, 14.14] with uniform times, on [7, 14] with non-uniform ones.
"""

_FITZHUGH_NAGUMO = """\
A noisy FitzHugh-Nagumo neuron with a quadrant of its states left out

x0' = 3 (x0 - x0^3 / 3 + x1), x1' = (0.2 - 3 x0 - 0.2 x1) / 3 from (-1, -1): of 50 points on [0, 5] with additive noise
of variance 0.025, the 38 whose exact states do not lie in x0 > 0, x1 < 0; the other 12 without noise.
"""


def load_van_der_pol(sampling: Literal["uniform", "nonuniform"] = "uniform") -> Bunch:
    """A noisy Van der Pol oscillator, to be continued.

    Parameters
    ----------
    sampling : {"uniform", "nonuniform"}, default="uniform"
        Whether the times have equal distances.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        t, x : arrays of shapes (50,) and (50, 2)
            Times in [0, 7] and noisy states.
        t_test, x_test : arrays of shapes (100,) and (100, 2)
            Times up to 14.14 and states without noise; what is to be foretold are those after ``t[-1]``.
        x0 : array of shape (2,)
            The exact state at time 0.
        noise_variance : float
            Of the additive noise of ``x``.
        DESCR : str
            Description and source.

    Raises
    ------
    ValueError
        If the sampling is neither.

    References
    ----------
    P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, *Variational multiple shooting for Bayesian
    ODEs with Gaussian processes*, UAI 2022.

    Examples
    --------
    >>> from skdyn.datasets import load_van_der_pol
    >>> data = load_van_der_pol("nonuniform")
    >>> data.x.shape, data.x0.tolist()
    ((50, 2), [-1.5, 2.5])
    """
    if sampling not in ("uniform", "nonuniform"):
        raise ValueError(f"sampling: expected 'uniform' or 'nonuniform', got {sampling!r}")
    return _load(f"van_der_pol_{sampling}", (-1.5, 2.5), 0.05, _VAN_DER_POL.format(sampling=sampling))


def load_fitzhugh_nagumo() -> Bunch:
    """A noisy FitzHugh-Nagumo neuron with a gap, to be filled.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        t, x : arrays of shapes (38,) and (38, 2)
            Times in [0, 5] and noisy states; no exact state lies in the quadrant ``x0 > 0, x1 < 0``.
        t_test, x_test : arrays of shapes (12,) and (12, 2)
            The times that were left out, and the states without noise.
        x0 : array of shape (2,)
            The exact state at time 0.
        noise_variance : float
            Of the additive noise of ``x``.
        DESCR : str
            Description and source.

    References
    ----------
    P. Hegde, C. Yildiz, H. Lähdesmäki, S. Kaski and M. Heinonen, *Variational multiple shooting for Bayesian
    ODEs with Gaussian processes*, UAI 2022.

    Examples
    --------
    >>> from skdyn.datasets import load_fitzhugh_nagumo
    >>> load_fitzhugh_nagumo().t_test.shape
    (12,)
    """
    return _load("fitzhugh_nagumo_gap", (-1.0, -1.0), 0.025, _FITZHUGH_NAGUMO)


def _load(name: str, x0: tuple[float, float], noise_variance: float, description: str) -> Bunch:
    with np.load(TABLES / f"{name}.npz") as table:
        arrays = {key: table[key].astype(np.float64) for key in table}
    return Bunch(**arrays, x0=np.array(x0), noise_variance=noise_variance, DESCR=description + _SOURCE)
