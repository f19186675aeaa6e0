"""A tiny FIM-ODE of format 2 with random weights, and contexts in normalised units."""

import hashlib
import json

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.integrate import solve_ivp

from skdyn.models.normalization import fim_ode_scaling
from skdyn.nn.arbitrated import ArbitratedConfig, ArbitratedFIMODE

VALUES = {
    "model_type": "fim-ode",
    "format_version": 2,
    "max_dim": 3,
    "width": 16,
    "heads": 2,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "feedforward": 24,
    "local_width": 8,
    "fourier_octaves": 2,
    "rope_min_wavelength": 0.05,
    "rope_max_wavelength": 200.0,
    "slope_lags": [1, 3],
    "slope_clip": 50.0,
    "feature_clip": 5.0,
    "scale_clip": 6.0,
    "arbiter_units": 12,
    "max_variables": 16,
}


def tiny_network(seed=0, **values):
    """Random weights, also where training begins with zeros."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ArbitratedFIMODE(ArbitratedConfig.from_dict(VALUES | values))
        for layer in (network.token_head, network.arbiter.scale[-1]):
            torch.nn.init.normal_(layer.weight, std=0.05)
        torch.nn.init.zeros_(network.arbiter.score.bias)
    return network.requires_grad_(False)


def tiny_folder(folder):
    """The tiny network as a folder that `skdyn.models.weights.load_model` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tiny_network().state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(VALUES))
    names = ("config.json", "model.safetensors")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


def simulate(field, starts, times):
    """Trajectories of a field from so many initial states, as arrays (K, L) and (K, L, D)."""
    times = np.asarray(times, float)
    paths = [
        solve_ivp(lambda _, x: field(x), times[[0, -1]], start, "DOP853", times, rtol=1e-11, atol=1e-12).y.T
        for start in starts
    ]
    return np.tile(times, (len(paths), 1)), np.stack(paths)


def normalised(times, states, mask=None, width=None):
    """One context (K, L) and (K, L, D) as a network sees it: the arguments of ``encode``, and the scaling."""
    times, states = (torch.from_numpy(np.asarray(part, float))[None] for part in (times, states))
    mask = torch.ones(times.shape, dtype=torch.bool) if mask is None else torch.from_numpy(mask)[None]
    scaling = fim_ode_scaling(states, times, mask)
    z = torch.where(mask[..., None], scaling.normalise(states), 0.0)
    tau = torch.where(mask, scaling.normalise_times(times), 0.0)
    dim = states.shape[-1]
    extra = (0, max(0, (width or dim) - dim))
    dim_mask, origin = torch.ones(1, dim), scaling.mean / scaling.std
    z, dim_mask, origin = (torch.nn.functional.pad(part, extra) for part in (z, dim_mask, origin))
    return (z, tau, mask, dim_mask, origin), scaling


def rotations(dim, paths=2, points=40, noise=0.02, seed=0):
    """A damped linear and weakly cubic system of any dimension, seen with noise."""
    rng = np.random.default_rng(seed)
    skew = rng.normal(size=(dim, dim))
    matrix = skew - skew.T - 0.2 * np.eye(dim)
    starts = rng.normal(size=(paths, dim)) + 0.5
    times, states = simulate(lambda x: matrix @ x - 0.1 * x**3 + 0.3, starts, np.linspace(0, 5, points))
    return times, states + noise * rng.normal(size=states.shape)
