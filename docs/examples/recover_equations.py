"""Equations of three textbook systems from data with 5% noise, and a picture of one of them.

``python docs/examples/recover_equations.py [FOLDER]`` prints what is found from four noisy trajectories of each and
writes the picture to the folder (a temporary one by default). The truth is in the docstrings of
`skdyn.datasets.classics`.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdyn import FIMODERegressor
from skdyn.data.trajectories import Trajectory
from skdyn.datasets.classics import lorenz, make_trajectories
from skdyn.dynamics.simulate import rk4

SYSTEMS = {
    "lotka_volterra": (("prey", "predator"), 12.0, [[2.0, 0.5], [4.0, 2.0], [1.0, 1.0], [6.0, 1.0]]),
    "van_der_pol": (("x", "v"), 15.0, [[2.0, 0.0], [0.3, 0.3], [-1.0, 2.0], [3.0, -1.0]]),
    "lorenz": (("x", "y", "z"), 4.0, [[1.0, 2.0, 20.0], [-5.0, -5.0, 25.0], [8.0, 1.0, 15.0], [-10.0, 0.0, 30.0]]),
}


def draw(estimator, path):
    """The noisy context beside a long run of the equations found, and of the true ones."""
    times = np.linspace(0, 40, 8001)
    start = np.array([[1.0, 2.0, 20.0]])
    found = rk4(estimator.refinement_.field, start, times, 1)[0]
    truth = rk4(lorenz, start, times, 1)[0]
    figure, axes = plt.subplots(1, 3, figsize=(11, 4.3), sharex=True, sharey=True, layout="constrained")
    for k, (_, x) in enumerate(estimator.context_):
        axes[0].plot(x[:, 0], x[:, 2], ".", markersize=3, color=f"C{k}")
    axes[1].plot(found[:, 0], found[:, 2], linewidth=0.5, color="C0")
    axes[2].plot(truth[:, 0], truth[:, 2], linewidth=0.5, color="0.35")
    titles = ("data: four runs, 5% noise", "the equations found, run for 40 units", "the true equations")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel="x")
    axes[0].set_ylabel("z")
    figure.supxlabel("     ".join(estimator.equations()), fontsize=9, family="monospace")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main(folder, model="fim-ode", systems=tuple(SYSTEMS)):
    for name in systems:
        names, span, starts = SYSTEMS[name]
        pairs = make_trajectories(name, starts, np.linspace(0, span, 200), noise=0.05, random_state=0)
        estimator = FIMODERegressor(model, refine="sparse").fit([Trajectory(t, x, names) for t, x in pairs])
        print(name)
        for equation in estimator.equations():
            print(f"  {equation}")
        if name == "lorenz":
            draw(estimator, Path(folder, "lorenz_equations.png"))


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
