"""Where two competing species come to rest, from ten noisy histories.

``python docs/examples/equilibria.py [FOLDER]`` observes ``r' = r (3 - r - 2 s)``, ``s' = s (2 - r - s)`` with 5% noise,
finds the equilibria of the inferred field and of sparse equations, prints them beside the true ones and writes a
picture of both to the folder (a temporary one by default). Whichever species is ahead wins: a saddle parts the two.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdyn import FIMODERegressor, PhasePortraitDisplay
from skdyn.data.trajectories import Trajectory
from skdyn.datasets import make_trajectories

STARTS = [[0.2, 0.1], [0.1, 0.2], [0.3, 0.3], [0.5, 1.0], [1.2, 0.6], [3.5, 1.6], [1.6, 2.6], [2.6, 2.4], [0.4, 2.7],
          [3.4, 0.4]]  # fmt: skip
TRUTH = {(0.0, 0.0): "unstable node", (3.0, 0.0): "stable node", (0.0, 2.0): "stable node", (1.0, 1.0): "saddle"}
BOX = [[-0.3, 3.8], [-0.3, 2.9]]


def competition(x):
    r, s = x
    return np.array([r * (3 - r - 2 * s), s * (2 - r - s)])


def main(folder, model="fim-ode"):
    pairs = make_trajectories(competition, STARTS, np.linspace(0, 5, 60), noise=0.05, random_state=0)
    histories = [Trajectory(t, x, ("rabbits", "sheep")) for t, x in pairs]
    print("true:", *(f"{kind} at {state}" for state, kind in TRUTH.items()), sep="\n  ")

    figure, axes = plt.subplots(1, 2, figsize=(9, 4.8), sharey=True, layout="constrained")
    for ax, title, refine in zip(axes, ("the inferred field", "sparse equations"), (None, "sparse"), strict=True):
        est = FIMODERegressor(model, refine=refine).fit(histories)
        found = [f"{point.kind} at {tuple(point.state.round(2).tolist())}" for point in est.equilibria(BOX)]
        print(f"{title}:", *found, sep="\n  ")
        PhasePortraitDisplay.from_estimator(est, bounds=BOX, simulate=False, ax=ax, uncertainty=False, legend=False)
        ax.plot(*np.transpose(list(TRUTH)), "x", color="black", markersize=11, label="the truth", zorder=6)
        ax.set_title(title)
    handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(Path(folder, "equilibria.png"), dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
