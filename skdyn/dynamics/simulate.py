"""Integrate many initial states of one vector field in a single batched solve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from tqdm import tqdm

from skdyn.exceptions import ConvergenceWarning, warn

Field = Callable[[np.ndarray], np.ndarray]
Method = Literal["dopri5", "rk4"]

MOST_EVALUATIONS = 50_000
"""Evaluations of a field that one call may take where nothing else is said."""

_STOP_WIDTH = 1.5  # the field fades to zero between the bound and this multiple of it


@dataclass
class Budget:
    """A field that is evaluated so often and no more, and the time up to which it was.

    Attributes
    ----------
    field : callable, (N, D) -> (N, D)
    left : int
        Evaluations that may still be made.
    bar : tqdm
        Shows the time.
    spent : bool
        Whether more were asked for.
    reached : float
        End of the last step for which all were made.
    """

    field: Field
    left: int
    bar: tqdm[None]
    spent: bool = False
    reached: float = 0.0

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """The field (N, D); zero once the budget is spent, so that any solver comes to its end in a few long steps."""
        if self.left == 0:
            self.spent = True
            return np.zeros_like(z)
        self.left -= 1
        return self.field(z)

    def arrive(self, time: float) -> None:
        """Note the end of a step."""
        if not self.spent:
            self.reached = time
            self.bar.update(min(time, self.bar.total) - self.bar.n)


def integrate(
    field: Field,
    x0: np.ndarray,
    t: np.ndarray,
    *,
    center: np.ndarray,
    scale: np.ndarray,
    bound: float = 100.0,
    method: Method = "dopri5",
    rtol: float = 1e-5,
    atol: float = 1e-6,
    substeps: int = 4,
    most_evaluations: int = MOST_EVALUATIONS,
    progress: bool = False,
) -> np.ndarray:
    """Solve ``dx/dt = field(x)`` from all rows of ``x0`` at once.

    A state that comes further than ``bound`` scales from the centre has diverged: it stops, is NaN from the next
    requested time on, and one `ConvergenceWarning` names the initial states concerned. So has one that meets a field
    that is not finite, and it is NaN at all times but the first. Where the evaluations of the field are spent before
    the last time, every state is NaN from there on, and one `ConvergenceWarning` names the states and the time reached.
    The error norm of the adaptive solver is the largest over the initial states, so that an easy state never hides the
    error of a hard one.

    Parameters
    ----------
    field : callable, (N, D) -> (N, D)
    x0 : array of shape (N, D)
        States at ``t[0]``.
    t : array of shape (L,), increasing
    center, scale : arrays of shape (D,)
        Units of the bound and of the error tolerances.
    bound : float, default=100.0
        Largest distance from the centre, in scales, in any variable.
    method : {"dopri5", "rk4"}, default="dopri5"
        Dormand and Prince's adaptive pair (through torchdiffeq), or the classical method with fixed steps.
    rtol, atol : float
        Tolerances of the adaptive solver; ``atol`` in scales.
    substeps : int, default=4
        Steps of ``"rk4"`` from one requested time to the next.
    most_evaluations : int, default=50000
        Of the field, each at all rows.
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    array of shape (N, L, D)
    """
    z0 = (x0 - center) / scale
    broken = np.zeros(len(z0), dtype=bool)

    def scaled(z: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            slopes = field(z * scale + center) / scale
        bad = ~np.isfinite(slopes).all(axis=1)
        broken[bad & (np.abs(z).max(axis=1) <= bound)] = True
        slopes[bad] = 0.0
        # Fading instead of cutting keeps the right-hand side continuous for the adaptive solver.
        fade = np.clip((_STOP_WIDTH - np.abs(z).max(axis=1) / bound) / (_STOP_WIDTH - 1.0), 0.0, 1.0)
        return slopes * (fade * ~broken)[:, None]

    elapsed = t - t[0]
    with np.errstate(all="ignore"), tqdm(total=elapsed[-1], desc="simulate", unit="t", disable=not progress) as bar:
        budget = Budget(scaled, most_evaluations, bar)
        if method == "rk4":
            z = rk4(budget, z0, elapsed, substeps, budget.arrive)
        else:
            z = _dopri5(budget, z0, elapsed, rtol, atol, substeps)
        late = elapsed > (budget.reached if budget.spent else np.inf)
        gone = np.maximum.accumulate(~(np.abs(z).max(axis=2) <= bound) & ~late, axis=1)
    gone[broken, 1:] = True
    gone[:, 0] = False
    which = np.flatnonzero(gone.any(axis=1))
    if len(which):
        warn(
            f"{len(which)} of {len(z0)} initial states diverged beyond {bound:g} scales of the data and are NaN from "
            f"there on: rows {name_rows(which)}",
            ConvergenceWarning,
        )
    if budget.spent:
        which = np.flatnonzero(~gone.any(axis=1))
        warn(
            f"after {most_evaluations} evaluations of the field the simulation has come to t = "
            f"{t[0] + budget.reached:g} of {t[-1]:g}, and {len(which)} of {len(z0)} initial states are NaN from there "
            f"on: rows {name_rows(which)}; go on from the last states that are not, or check the unit of the times",
            ConvergenceWarning,
        )
        gone[:, late] = True
    x = z * scale + center
    x[:, 0] = x0
    x[gone] = np.nan
    return x


def name_rows(rows: np.ndarray) -> str:
    """List row numbers for a warning, at most ten of them."""
    return ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")


def rk4(
    field: Field,
    z: np.ndarray,
    t: np.ndarray,
    substeps: int,
    arrive: Callable[[float], None] = lambda time: None,
) -> np.ndarray:
    """Classical Runge-Kutta from states ``z`` (N, D), ``substeps`` steps between two times: paths (N, L, D).

    ``arrive`` is told every time at which all its steps have been made.
    """
    path = np.empty((len(t), *z.shape))
    path[0] = z
    for i, interval in enumerate(np.diff(t), start=1):
        h = interval / substeps
        for _ in range(substeps):
            k1 = field(z)
            k2 = field(z + h / 2 * k1)
            k3 = field(z + h / 2 * k2)
            k4 = field(z + h * k3)
            z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path[i] = z
        arrive(t[i])
    return path.transpose(1, 0, 2)


def _dopri5(field: Budget, z: np.ndarray, t: np.ndarray, rtol: float, atol: float, substeps: int) -> np.ndarray:
    import torch
    from torchdiffeq import odeint

    if len(t) == 1:
        return z[:, None].copy()

    def right_hand_side(_: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(field(state.numpy()))

    # The name by which torchdiffeq calls what wants to know of each step that it keeps.
    right_hand_side.callback_accept_step = lambda t0, y0, dt: field.arrive(float(t0 + dt))  # type: ignore[attr-defined]

    def worst_row(error: torch.Tensor) -> torch.Tensor:
        return error.square().mean(dim=-1).sqrt().max()

    try:
        with torch.no_grad():
            path = odeint(
                right_hand_side,
                torch.from_numpy(z),
                torch.from_numpy(t),
                rtol=rtol,
                atol=atol,
                method="dopri5",
                options={"norm": worst_row},
            )
    except AssertionError as error:  # how torchdiffeq says that its step became too small
        field.reached = 0.0
        if field.spent:
            return np.repeat(z[:, None], len(t), axis=1)
        warn(
            f"the adaptive solver gave up ({error}); all initial states were integrated with fixed steps instead",
            ConvergenceWarning,
        )
        return rk4(field, z, t, substeps, field.arrive)
    return path.numpy().transpose(1, 0, 2).copy()
