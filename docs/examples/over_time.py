"""Hares and lynxes over time: what the first fifteen years say of the next six.

``python docs/examples/over_time.py [FOLDER]`` fits the first fifteen of 21 yearly counts of pelts, prints what speaks
against the model, and writes the simulation beside all counts to the folder (a temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from skdyn import FIMODERegressor, Trajectory, TrajectoryDisplay
from skdyn.datasets import load_hare_lynx

SEEN = 15
NAMES = ("hare", "lynx")


def main(folder, model="fim-ode", samples=20):
    pelts = load_hare_lynx()
    est = FIMODERegressor(model).fit([Trajectory(pelts.t[:SEEN], pelts.x[:SEEN], NAMES)])
    print(est.diagnose())
    later = Trajectory(pelts.t[SEEN:], pelts.x[SEEN:], NAMES)
    display = TrajectoryDisplay.from_estimator(est, held_out=later, n_samples=samples)
    display.figure_.savefig(Path(folder, "over_time.png"), dpi=120)
    plt.close(display.figure_)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
