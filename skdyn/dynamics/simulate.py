"""Integrate many initial states of one vector field in a single batched solve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from skdyn.exceptions import ConvergenceWarning, warn

Field = Callable[[np.ndarray], np.ndarray]
Method = Literal["dopri5", "rk4"]

_STOP_WIDTH = 1.5  # the field fades to zero between the bound and this multiple of it
_MAX_STEPS = 2000  # of the adaptive solver, between two requested times


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
) -> np.ndarray:
    """Solve ``dx/dt = field(x)`` from all rows of ``x0`` at once.

    A state that comes further than ``bound`` scales from the centre has diverged: it stops, is NaN from the next
    requested time on, and one `ConvergenceWarning` names the initial states concerned. So has one that meets a field
    that is not finite, and it is NaN at all times but the first. The error norm of the adaptive solver is the largest
    over the initial states, so that an easy state never hides the error of a hard one.

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

    with np.errstate(all="ignore"):
        if method == "rk4":
            z = rk4(scaled, z0, t, substeps)
        else:
            z = _dopri5(scaled, z0, t, rtol, atol, substeps)
        gone = np.maximum.accumulate(~(np.abs(z).max(axis=2) <= bound), axis=1)
    gone[broken, 1:] = True
    gone[:, 0] = False
    if gone.any():
        which = np.flatnonzero(gone.any(axis=1))
        warn(
            f"{len(which)} of {len(z0)} initial states diverged beyond {bound:g} scales of the data and are NaN from "
            f"there on: rows {name_rows(which)}",
            ConvergenceWarning,
        )
    x = z * scale + center
    x[:, 0] = x0
    x[gone] = np.nan
    return x


def name_rows(rows: np.ndarray) -> str:
    """List row numbers for a warning, at most ten of them."""
    return ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")


def rk4(field: Field, z: np.ndarray, t: np.ndarray, substeps: int) -> np.ndarray:
    """Classical Runge-Kutta from states ``z`` (N, D), ``substeps`` steps between two times: paths (N, L, D)."""
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
    return path.transpose(1, 0, 2)


def _dopri5(field: Field, z: np.ndarray, t: np.ndarray, rtol: float, atol: float, substeps: int) -> np.ndarray:
    import torch
    from torchdiffeq import odeint

    if len(t) == 1:
        return z[:, None].copy()

    def right_hand_side(_: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(field(state.numpy()))

    def worst_row(error: torch.Tensor) -> torch.Tensor:
        return error.square().mean(dim=-1).sqrt().max()

    try:
        with torch.no_grad():
            path = odeint(
                right_hand_side,
                torch.from_numpy(z),
                torch.from_numpy(t - t[0]),
                rtol=rtol,
                atol=atol,
                method="dopri5",
                options={"norm": worst_row, "max_num_steps": _MAX_STEPS},
            )
    except AssertionError as error:  # how torchdiffeq says that its step became too small or too many
        warn(
            f"the adaptive solver gave up ({error}); all initial states were integrated with fixed steps instead",
            ConvergenceWarning,
        )
        return rk4(field, z, t, substeps)
    return path.numpy().transpose(1, 0, 2).copy()
