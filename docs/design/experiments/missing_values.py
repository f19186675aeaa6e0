"""Errors of the field where half of all single values are missing, on systems drawn from the priors.

``PYTHONPATH=. python docs/design/experiments/missing_values.py [systems of each dimension]`` prints the table of
docs/design/fim-ode.md.
"""

import sys

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from pretrain.priors import PRIORS, Mixture
from pretrain.priors.simulate import SimulationConfig, Simulator
from skdyn import Trajectories
from skdyn.estimators._gaps import encoded
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model
from skdyn.sparse.smoothing import completed

POINTS, EVERY = 200, 8


def observations(t, clean, rng):
    """One path with 5% noise: all of it, half of its rows, half of its values with the splines, and with the field."""
    noisy = (1 + 0.05 * rng.standard_normal(clean.shape)) * clean
    rows = np.sort(rng.permutation(POINTS)[: POINTS // 2])
    gaps = Trajectories.with_gaps([(t, np.where(rng.random(clean.shape) < 0.5, np.nan, noisy))])
    return {
        "complete": Trajectories([(t, noisy)]),
        "half of the rows": Trajectories([(t[rows], noisy[rows])]),
        "half of the values, complete rows": Trajectories(gaps, missing="drop"),
        "half of the values, splines": completed(gaps),
        "half of the values, along the field": gaps,
    }


def main(count):
    torch.set_num_threads(1)
    engine = Engine(load_model("fim-ode"), "cpu")
    print(f"{'variables':10}{'context':38}{'same path':>10}{'another':>10}   geometric means of relative errors")
    for dim in (2, 3):
        generator = torch.Generator().manual_seed(900 + dim)
        simulator = Simulator(Mixture(PRIORS["mixture"]), SimulationConfig(paths=2, points=POINTS))
        systems = simulator.draw_exactly(2 * count, dim, generator)
        systems = systems.select(systems.valid.all(-1).nonzero()[:count, 0])
        paths, rng = systems.states.double().numpy(), np.random.default_rng(dim)
        times = [np.linspace(0.0, horizon, POINTS) for horizon in systems.horizon.tolist()]
        seen = [observations(t, own[0], rng) for t, own in zip(times, paths, strict=True)]
        slopes = [CubicSpline(t, own, axis=1)(t, 1) for t, own in zip(times, paths, strict=True)]
        truth = np.array(slopes)[:, :, ::EVERY]
        queries = paths[:, :, ::EVERY].reshape(len(paths), -1, dim)
        for name in seen[0]:
            field = engine.field(encoded(engine, [own[name] for own in seen]), queries).reshape(truth.shape)
            errors = np.abs(field - truth).sum((2, 3)) / np.abs(truth).sum((2, 3))
            same, other = np.exp(np.log(errors).mean(0))
            print(f"{dim:<10}{name:38}{same:10.4f}{other:10.4f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
