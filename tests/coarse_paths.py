"""Paths of known equations at few points, and how well integrals along them are known."""

import numpy as np
import torch
from scipy.integrate import solve_ivp

from skdyn.nn.fits.flow import Given, Path
from skdyn.nn.fits.quadrature import quadrature, roughness


def solved(rates, times, start):
    """States (L, D) at times (L,) of an equation whose rates are given for tensors (..., D)."""
    run = solve_ivp(
        lambda _, x: rates(torch.from_numpy(x)).numpy(), (0, times[-1]), start, "LSODA", times, rtol=1e-11, atol=1e-12
    )
    return torch.from_numpy(run.y.T.copy())


def swing_rates(states):
    """Of x' = y, y' = -2 x - x^3."""
    x, y = states.unbind(-1)
    return torch.stack([y, -2 * x - x**3], -1)


def coarse_swing():
    """States, times and mask of two trajectories with steps of .45 and of .3 to .6, the second of 30 points of 36."""
    even = np.arange(36) * 0.45
    uneven = np.concatenate([[0.0], np.random.default_rng(0).uniform(0.3, 0.6, 35).cumsum()])
    states = torch.stack([solved(swing_rates, even, (1.0, 0.0)), solved(swing_rates, uneven, (0.3, -1.2))])[None]
    times = torch.from_numpy(np.stack([even, uneven]))[None]
    mask = torch.arange(36)[None, None] < torch.tensor([36, 30])[:, None]
    return torch.where(mask[..., None], states, 0.0), times, mask


def whirl_rates(states):
    """Of a forced, chaotic system of three variables of size one."""
    x, y, z = (3 * states).unbind(-1)
    return torch.stack([-y * y - z * z - 0.25 * x + 2, x * y - 4 * x * z - y + 1, 4 * x * y + x * z - z], -1) / 3


def whirl(gaps):
    """States, times and mask of its path, half a deviation from point to point, with points left out at random."""
    even = 0.11 * np.arange(200)
    states = solved(whirl_rates, 30 + even, (0.5, 0.3, 0.1))
    kept = np.flatnonzero(np.random.default_rng(4).random(200) > gaps)
    times = torch.from_numpy(even[kept])[None, None]
    return states[kept][None, None], times, torch.ones_like(times, dtype=torch.bool)


def rough(states, times, mask):
    """Roughness of a context (B, K, L, D)."""
    return roughness(times, mask, states)


def path_of(states, times, mask):
    """The path through observed states (B, K, L, D), with the rules that they ask for."""
    return Path(states, mask, quadrature(times, mask, rough(states, times, mask).smooth))


def nothing(states):
    """Nothing that is given beside states (B, K, L, D)."""
    return Given(states[..., :0], holds=False)


def integrals(path, values_of=lambda states: states):
    """Integrals (B, K, L, C) along a path of values at its states."""
    return path.rule.cumulative(values_of(path.states) * path.mask[..., None])


def errors(path, observed, mask, rates=swing_rates):
    """Largest error of the observed states' changes, by integrals of the true rates."""
    moved = observed - observed[:, :, :1]
    return torch.where(mask[..., None], integrals(path, rates) - moved, 0.0).abs().max()
