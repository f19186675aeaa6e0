"""Minimise a smooth loss until what was held out gets no better."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from tqdm import tqdm

from skdyn_neuralode.units import Array

_IMPOSSIBLE = 1e12  # loss of parameters whose paths run away; a line search steps back from it
_MEMORY = 20  # gradients that L-BFGS remembers
FEWEST = 5  # groups of which some can be held out


@dataclass(frozen=True)
class Stop:
    """When to stop.

    Attributes
    ----------
    max_iter : int
        Most iterations.
    patience : int
        Iterations without a smaller held-out error.
    end : float
        Time of `time.monotonic`.
    """

    max_iter: int
    patience: int
    end: float


class _Stopped(Exception):
    """Stops SciPy, whose own way to stop differs from one release to the next."""


def minimise(
    loss: Callable[[], Tensor],
    parameters: Sequence[torch.nn.Parameter],
    held_out: Callable[[], Tensor],
    stop: Stop,
    bar: tqdm,
) -> float:
    """Take iterations of L-BFGS, and go back to where the held-out error was least.

    Parameters
    ----------
    loss : callable
        Of the present values of the parameters.
    parameters : sequence of torch.nn.Parameter
        Changed in place.
    held_out : callable
        The error that stops the iterations.
    stop : Stop
    bar : tqdm
        Moves on by one each iteration.

    Returns
    -------
    float
        The least held-out error.
    """
    parameters = list(parameters)

    def value(vector: Array) -> tuple[float, Array]:
        vector_to_parameters(torch.from_numpy(vector), parameters)
        found = loss()
        gradients = torch.autograd.grad(found, parameters)
        gradient = parameters_to_vector(gradients).numpy()
        if not (torch.isfinite(found) and np.isfinite(gradient).all()):
            return _IMPOSSIBLE, np.zeros_like(vector)
        return float(found.detach()), gradient

    def error() -> float:
        with torch.no_grad():
            return float(held_out())

    start = parameters_to_vector(parameters).detach().numpy().copy()
    kept, least, waited = start, error(), 0

    def look(vector: Array) -> None:
        nonlocal kept, least, waited
        vector_to_parameters(torch.from_numpy(vector.copy()), parameters)
        found = error()
        waited += 1
        if found < least:
            kept, least, waited = vector.copy(), found, 0
        bar.set_postfix(error=found, refresh=False)
        bar.update()
        if waited >= stop.patience or time.monotonic() > stop.end:
            raise _Stopped

    options = {"maxiter": stop.max_iter, "maxcor": _MEMORY, "maxfun": 3 * stop.max_iter}
    with contextlib.suppress(_Stopped):
        minimize(value, start, jac=True, method="L-BFGS-B", callback=look, options=options)
    vector_to_parameters(torch.from_numpy(kept.copy()), parameters)
    return least


def choose_held_out(count: int, part: float, rng: np.random.Generator) -> np.ndarray:
    """Which of ``count`` groups (count,) are held out; none where there are too few."""
    chosen = np.zeros(count, dtype=bool)
    if count >= FEWEST and part > 0:
        chosen[rng.permutation(count)[: max(1, round(part * count))]] = True
    return chosen
