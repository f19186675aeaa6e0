"""Ten variables at once: Lorenz's ring of 1996 from three short noisy recordings.

``python docs/examples/lorenz96.py [FOLDER]`` fits the ring's field in one pass and its equations by sparse regression,
prints the equations of the first variable and how long simulations stay near a new path, and draws that path beside
the simulation into the folder (a temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from skdyn import FIMODERegressor, Library, SparseODERegressor

D = 10
T = np.linspace(0, 5, 100)


def ring(_, x):
    """Each variable is pushed by its neighbours, damped, and forced by 8."""
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8


def recording(seed, times, noise=0.0):
    rng = np.random.default_rng(seed)
    settled = solve_ivp(ring, (0, 20), 8 + rng.normal(size=D), rtol=1e-9, atol=1e-9).y[:, -1]
    x = solve_ivp(ring, (0, times[-1]), settled, t_eval=times, rtol=1e-9, atol=1e-9).y.T
    return x + noise * x.std(axis=0) * rng.normal(size=x.shape)


def near(path, truth):
    """Time until a path is 0.4 standard deviations from the truth, over the variables."""
    away = np.sqrt(np.mean(((path - truth) / truth.std(axis=0)) ** 2, axis=1)) > 0.4
    return T[away.argmax()] if away.any() else T[-1]


def main(folder, noise=0.02, estimators=("one pass", "sparse equations")):
    data = [(T, recording(seed, T, noise)) for seed in range(3)]
    new = recording(9, T)
    made = {
        "one pass": FIMODERegressor(),
        "sparse equations": SparseODERegressor(library=Library(degree=2, functions=False)),
    }
    paths = {}
    for name in estimators:
        est = made[name].fit(data)
        paths[name] = est.simulate(new[0], T)
        print(f"{name}: near a new path for {near(paths[name], new):.1f} units of time")
        if name == "sparse equations":
            print(est.equations()[0])
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = {"truth": new, **paths}
    axes = figure.subplots(1, len(panels), sharey=True)
    for ax, (name, path) in zip(axes, panels.items(), strict=True):
        image = ax.pcolormesh(np.arange(D + 1), T, path[:-1], cmap="RdBu_r", vmin=-12, vmax=12)
        ax.set(title=name, xlabel="place on the ring", xticks=range(0, D + 1, 2))
        if name in paths:
            ax.axhline(near(path, new), color="k", linestyle=":", linewidth=1.5)
    axes[0].set_ylabel("time")
    figure.colorbar(image, ax=axes, label="state")
    figure.savefig(Path(folder, "lorenz96.png"), dpi=150)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
