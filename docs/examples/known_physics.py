"""An epidemic whose total is conserved, from forty noisy days.

``python docs/examples/known_physics.py [FOLDER]`` fits a simulated epidemic with lost immunity twice, without and with
what is known (nobody is born or dies, and no number falls below zero), prints both equations and how much the total
changes in each simulation, and draws the years after to the folder (a temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

from skdyn import Constraints, SparseODERegressor, Trajectories
from skdyn.data.trajectory import Trajectory

NAMES = ("susceptible", "infected", "recovered")


def epidemic(_, x):
    infection, recovery, loss = 0.4 * x[0] * x[1], 0.15 * x[1], 0.05 * x[2]
    return [loss - infection, infection - recovery, recovery - loss]


def main(folder):
    days, later = np.linspace(0, 40, 40), np.linspace(0, 120, 200)
    start = [3.0, 0.1, 0.2]
    path = solve_ivp(epidemic, (0, 120), start, dense_output=True, rtol=1e-8).sol
    noisy = path(days).T * (1 + 0.05 * np.random.default_rng(0).normal(size=(40, 3)))
    data = Trajectories([Trajectory(days, noisy, NAMES)])
    known = Constraints(conserved=" + ".join(NAMES), positive=True)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    for ax, title, constraints in zip(axes, ("without", "with"), (None, known), strict=True):
        est = SparseODERegressor(library="polynomial", constraints=constraints).fit(data)
        print(f"{title} constraints:", *est.equations(), sep="\n  ")
        simulated = est.simulate(start, later)
        total = simulated.sum(axis=1)
        print(f"  the total changes by {np.ptp(total):.1e}")
        for d, name in enumerate(NAMES):
            ax.plot(later, path(later)[d], color=f"C{d}", alpha=0.4, linewidth=4)
            ax.plot(later, simulated[:, d], color=f"C{d}", label=name)
            ax.plot(days, noisy[:, d], ".", color=f"C{d}", markersize=3)
        ax.set(title=f"{title} constraints", xlabel="days", ylim=(-0.2, 3.5))
    axes[1].legend()
    figure.savefig(Path(folder, "known_physics.png"), dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
