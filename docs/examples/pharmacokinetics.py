"""A pharmacokinetic study: one law for twelve people of different doses and weights, tried on whom it has not seen.

``python docs/examples/pharmacokinetics.py [FOLDER]`` reads concentrations of theophylline after a dose by mouth. The
gut was not measured, and a concentration that first rises and then falls obeys no law of its own; what is known is that
absorption takes an hour or so, so that the share that is left, ``exp(-t / 1 h)``, enters as an input. Dose and weight
are parameters. Each person is left out once and simulated from the first sample. It prints errors and the law, and
draws the people into the folder (a temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from skdyn import SparseODERegressor, Trajectories, Trajectory
from skdyn.datasets import load_theophylline
from skdyn.model_selection import LeaveOneTrajectoryOut

TERMS = "unabsorbed*dose, unabsorbed, concentration, concentration*weight, concentration^2"


def with_absorption(study):
    """Give every person the share of the drug that is still to be absorbed as an input."""
    return Trajectories(
        [
            Trajectory(
                t,
                x,
                ("concentration",),
                number,
                u=np.exp(-t),
                input_names=["unabsorbed"],
                p=parameters,
                parameter_names=["dose", "weight"],
            )
            for number, (t, x), parameters in zip(study.ids, study, study.parameters, strict=True)
        ]
    )


def simulated(est, data, k, times):
    """A person's course from the first sample, at any times."""
    start, parameters = data.states[k][0], data.parameters[k]
    return est.simulate(start, times, inputs=lambda t: np.exp(-t)[:, None], parameters=parameters)


def main(folder, people=12):
    data = with_absorption(load_theophylline().trajectories)
    hours = np.linspace(0, 24, 200)
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    axes = figure.subplots(3, 4, sharex=True, sharey=True)
    errors = []
    for k, (train, _) in enumerate(LeaveOneTrajectoryOut().split(data)):
        if k == people:
            break
        est = SparseODERegressor(library=TERMS).fit(data[train])
        (t, x), ax = data[k], axes.flat[k]
        errors.append(np.sqrt(np.mean((simulated(est, data, k, t)[1:] - x[1:]) ** 2)))
        ax.plot(hours, simulated(est, data, k, hours), color="#1d3557", label="simulated, others fitted")
        ax.plot(t, x, "o", ms=4, mew=0, color="#d1495b", label="measured")
        ax.set_title(f"{data.parameters[k][0]:.2f} mg/kg, {data.parameters[k][1]:.0f} kg", fontsize=9)
    print(f"root mean square error of {len(errors)} people who were left out: {np.mean(errors):.2f} mg/L")
    est = SparseODERegressor(library=TERMS).fit(data)
    for line in est.equations():
        print(line)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    figure.supxlabel("hours since the dose", fontsize=10)
    figure.supylabel("theophylline in mg/L", fontsize=10)
    figure.savefig(Path(folder, "pharmacokinetics.png"), dpi=150)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
