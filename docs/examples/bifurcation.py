"""A bifurcation seen through a parameter: where a population under harvest can persist, from a dozen noisy histories.

``python docs/examples/bifurcation.py [FOLDER]`` fits all histories at once, with the harvest as a parameter, and draws
the equilibria that the fit has at each harvest beside the true ones (a temporary folder by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from skdyn import FIMODERegressor, Trajectory

T = np.linspace(0, 12, 40)


def history(start, harvest, rng):
    """Logistic growth less a harvest: below a quarter it can be borne, from two states on."""
    x = solve_ivp(lambda _, x: x * (1 - x) - harvest, (0, 12), [start], t_eval=T, rtol=1e-8).y.T
    return Trajectory(T[: len(x)], x + 0.01 * rng.normal(size=x.shape), ("population",), p=harvest,
                      parameter_names=["harvest"])  # fmt: skip


def main(folder, model="fim-ode", refine="sparse"):
    rng = np.random.default_rng(3)
    harvests = [0.0, 0.05, 0.1, 0.15, 0.2]
    histories = [history(start, harvest, rng) for harvest in harvests for start in (0.85, 1.3)]
    histories += [history(start, 0.1, rng) for start in (0.2, 0.35)]
    est = FIMODERegressor(model, refine=refine).fit(histories)
    for line in est.equations():
        print(line)

    figure = Figure(figsize=(6.6, 4.4), layout="constrained")
    ax = figure.subplots()
    curve = np.linspace(0, 1, 200)
    ax.plot(curve * (1 - curve), curve, color="0.75", lw=6, label="true equilibria")
    shown = set()
    for harvest in np.linspace(0, 0.3, 25):
        for point in est.equilibria([[0.0, 1.4]], parameters=harvest, supported="all"):
            label = "stable" if point.stable else "unstable"
            ax.plot(harvest, point.state[0], "o", color="#1d3557", mfc="#1d3557" if point.stable else "white", ms=5,
                    label=None if label in shown else f"found, {label}")  # fmt: skip
            shown.add(label)
    ax.set(xlabel="harvest", ylabel="population", xlim=(-0.01, 0.31))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(Path(folder, "bifurcation.png"), dpi=150)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
