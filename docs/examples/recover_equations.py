"""Equations of three textbook systems from data with 5% noise.

``python docs/examples/recover_equations.py`` prints what is found from four noisy trajectories of each. The truth is in
the docstrings of `skdyn.datasets.classics`. Lotka-Volterra and Van der Pol come out term for term; Lorenz keeps small
terms that are not there.
"""

import numpy as np

from skdyn import FIMODERegressor
from skdyn.datasets.classics import make_trajectories
from skdyn.trajectories import Trajectory

SYSTEMS = {
    "lotka_volterra": (("prey", "predator"), 12.0, [[2.0, 0.5], [4.0, 2.0], [1.0, 1.0], [6.0, 1.0]]),
    "van_der_pol": (("x", "v"), 15.0, [[2.0, 0.0], [0.3, 0.3], [-1.0, 2.0], [3.0, -1.0]]),
    "lorenz": (("x", "y", "z"), 4.0, [[1.0, 2.0, 20.0], [-5.0, -5.0, 25.0], [8.0, 1.0, 15.0], [-10.0, 0.0, 30.0]]),
}


def main():
    for name, (names, span, starts) in SYSTEMS.items():
        pairs = make_trajectories(name, starts, np.linspace(0, span, 200), noise=0.05, random_state=0)
        estimator = FIMODERegressor(refine="sparse").fit([Trajectory(t, x, names) for t, x in pairs])
        print(name)
        for equation in estimator.equations():
            print(f"  {equation}")


if __name__ == "__main__":
    main()
