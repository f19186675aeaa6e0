"""Forecasts of two series from their beginnings, beside what came after.

``python docs/examples/forecast_pelts.py [FOLDER]`` continues yearly pelts of hares and lynxes, a real series of 21
points, from its first fourteen years; and a Brusselator, of a family that the model was not trained on, from the first
half. It prints the mean square errors of what came after, in half-ranges of the whole series, beside those of repeating
the last value, and writes a picture to the folder (a temporary one by default).
"""

import sys
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from skdyn import ForecastDisplay, LASSODEForecaster
from skdyn.data.trajectories import Trajectory
from skdyn.datasets import load_hare_lynx, make_family_series
from skdyn.exceptions import ForecastWarning


def main(folder, model="lass-ode"):
    pelts = load_hare_lynx()
    t, x = make_family_series("brusselator", 1, points=(120, 120), random_state=3)[0]
    series = {
        "pelts": (pelts.t, pelts.x, pelts.feature_names, 14),
        "Brusselator": (t, x, ["x", "y"], 60),
    }
    figure, axes = plt.subplots(2, 2, figsize=(11, 6), layout="constrained", sharex="col")
    for column, (title, (times, values, names, seen)) in zip(axes.T, series.items(), strict=True):
        with warnings.catch_warnings():
            # Of counts below zero: the picture shows them.
            warnings.simplefilter("ignore", ForecastWarning)
            forecaster = LASSODEForecaster(model).fit([Trajectory(times[:seen], values[:seen], names)])
            ForecastDisplay.from_estimator(forecaster, truth=(times[seen:], values[seen:]), ax=column)
            ahead = forecaster.predict(times[seen:])
        column[0].set_title(title)
        column[-1].xaxis.set_major_locator(MaxNLocator(6, integer=title == "pelts"))
        half = np.ptp(values, axis=0) / 2
        error = np.mean(((ahead - values[seen:]) / half) ** 2)
        naive = np.mean(((values[seen - 1] - values[seen:]) / half) ** 2)
        print(f"{title}: error {error:.3f}, of the last value {naive:.3f}")
    figure.savefig(Path(folder, "forecast_pelts.png"), dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
