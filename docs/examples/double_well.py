"""Drift, diffusion and stationary density of a particle in two wells, from one noisy path.

``python docs/examples/double_well.py [FOLDER]`` simulates ``dx = (x - x^3) dt + 0.5 sqrt(1 + x^2 / 4) dW``, infers the
equation from 5,000 points, prints what was found beside the truth and writes two pictures to the folder (a
temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from skdyn import DriftDiffusionDisplay, FIMSDERegressor, PathFanDisplay
from skdyn.dynamics.sde import euler_maruyama
from skdyn.dynamics.stationary import fokker_planck


def truth(x):
    return x - x**3, 0.5 * np.sqrt(1 + x**2 / 4)


def observe(span=100.0, step=0.02, seed=0):
    """Times (L,) and states (L, 1) of one path, simulated in steps a tenth as long."""
    t = np.arange(0, span, step)
    units = {"center": np.zeros(1), "scale": np.ones(1)}
    paths = euler_maruyama(truth, np.ones((1, 1)), t, rng=np.random.default_rng(seed), substeps=10, **units)
    return t, paths[0, 0]


def log_likelihood(t, x):
    """Mean log-density of the transitions of a path under the truth, each in one step of Euler and Maruyama."""
    drift, diffusion = truth(x[:-1, 0])
    variance = diffusion**2 * np.diff(t)
    return -0.5 * np.mean((np.diff(x[:, 0]) - drift * np.diff(t)) ** 2 / variance + np.log(2 * np.pi * variance))


def main(folder, model="fim-sde"):
    t, x = observe()
    est = FIMSDERegressor(model=model).fit([(t, x)])
    points = np.linspace(-1.5, 1.5, 7)[:, None]
    table = np.hstack([points, truth(points)[0], est.predict(points), truth(points)[1], est.diffusion(points)])
    print("     x   drift  (inferred)   diffusion  (inferred)")
    for row in table:
        print("{:6.2f}  {:6.2f}     {:6.2f}      {:6.2f}      {:6.2f}".format(*row))
    for point in est.equilibria():
        print(f"equilibrium of the drift at {point.state[0]:.2f}: {point.kind}")

    later = observe(seed=1)
    best = log_likelihood(*later)
    print(f"mean log-likelihood of a transition of another path: {est.score([later]):.3f} (the truth: {best:.3f})")
    grid = np.linspace(-2.5, 2.5, 101)
    difference = np.abs(est.stationary_density(grid) - fokker_planck(truth, [grid])).sum() * (grid[1] - grid[0]) / 2
    print(f"total variation between the stationary densities: {difference:.3f}")

    curves = DriftDiffusionDisplay.from_estimator(est)
    curves.figure_.savefig(Path(folder, "double_well.png"), dpi=110)
    fan = PathFanDisplay.from_estimator(est, [observe(span=20.0, seed=1)], n_paths=100, random_state=0)
    fan.figure_.savefig(Path(folder, "double_well_paths.png"), dpi=110)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
