"""What a system of ODEBench is: its equations for people, and the same equations as a vectorised field."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Rates = tuple[Any, ...]
"""One component of the right-hand side a variable, as arrays or scalars."""


@dataclass(frozen=True)
class ODEBenchSystem:
    """One autonomous system of ODEBench.

    Attributes
    ----------
    id : int
        Number in the published list, 1 to 63.
    name : str
        What the equations describe.
    equations : tuple of str
        Right-hand side of each of the D components, in Python's notation with states ``x0``, ``x1``, ...
        and constants ``c0``, ``c1``, .... For people only: nothing evaluates these strings.
    dim : int
        Dimension D.
    constants : tuple of float
        Values of ``c0``, ``c1``, ....
    initial_states : tuple of tuple of float
        The two initial states, each of D numbers, at time 0.
    rhs : callable
        ``rhs(x0, ..., c0, ...)`` returns the D components as a tuple; scalars or arrays.

    Examples
    --------
    >>> from skdyn.datasets import load_odebench
    >>> harmonic = load_odebench(dims=(2,))[0]
    >>> harmonic.equations
    ('x1', '-c0 * x0')
    >>> harmonic.field([[1.0, 0.0], [0.0, 1.0]])
    array([[ 0. , -2.1],
           [ 1. , -0. ]])
    """

    id: int
    name: str
    equations: tuple[str, ...]
    dim: int
    constants: tuple[float, ...]
    initial_states: tuple[tuple[float, ...], tuple[float, ...]]
    rhs: Callable[..., tuple] = field(repr=False)

    def field(self, x: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the true vector field.

        Parameters
        ----------
        x : array-like of shape (..., D)
            States.

        Returns
        -------
        ndarray of shape (..., D)
            Derivatives with respect to time. Where the equations are undefined (a logarithm of a negative
            number, a division by zero) or overflow, the value is NaN or infinite and no warning is given.

        Raises
        ------
        ValueError
            If the last axis of `x` is not of length D.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim == 0 or x.shape[-1] != self.dim:
            raise ValueError(f"system {self.id} has {self.dim} states, got an array of shape {x.shape}")
        with np.errstate(all="ignore"):
            return np.stack(self.rhs(*np.moveaxis(x, -1, 0), *self.constants), axis=-1)
