"""The phase portrait of hares and lynxes, from 21 yearly counts of pelts.

``python docs/examples/hare_lynx.py [FOLDER]`` fits the Hudson Bay pelts of 1900 to 1920, prints the equilibria and
writes the portrait to the folder (a temporary one by default). ``skdyn demo`` draws the same.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from skdyn import FIMODERegressor, PhasePortraitDisplay
from skdyn.data.trajectories import Trajectory
from skdyn.datasets import load_hare_lynx


def main(folder, model="fim-ode"):
    pelts = load_hare_lynx()
    est = FIMODERegressor(model).fit([Trajectory(pelts.t, pelts.x, ("hare", "lynx"))])
    for point in est.equilibria():
        print(f"hare = {point.state[0]:.1f}, lynx = {point.state[1]:.1f}: {point.kind}")
    display = PhasePortraitDisplay.from_estimator(est)
    display.figure_.savefig(Path(folder, "hare_lynx.png"), dpi=150)
    plt.close(display.figure_)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
