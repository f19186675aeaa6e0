"""One measured variable of three: Lorenz's x alone, and its past in place of y and z.

``python docs/examples/hidden_lorenz.py [FOLDER]`` fits the field of delay coordinates in one pass, chooses the lag by
forecasts within what was seen, and foretells the measured variable from the last window of its past. It prints how long
forecasts stay near, and draws the last into the folder (a temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from skdyn import FIMODERegressor, Trajectories
from skdyn.preprocessing import TimeDelayEmbedding

SEEN, AHEAD, STEP = 2000, 200, 0.02


def measured():
    """The first variable of Lorenz's system at even steps, and the units of time after."""

    def field(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    t = STEP * np.arange(SEEN + AHEAD)
    settled = solve_ivp(field, (0, 10), [1.0, 1.0, 20.0], rtol=1e-9, atol=1e-9).y[:, -1]
    return t, solve_ivp(field, (0, t[-1]), settled, t_eval=t, rtol=1e-10, atol=1e-10).y[0]


def near(est, embedding, t, x, origin):
    """Forecast (M,) of the measured variable from its past until ``origin``, and for how long it stays near."""
    past = embedding.transform(Trajectories([(t[:origin], x[:origin])])).states[0]
    path = est.simulate(past[-1], t[origin - 1 : origin + AHEAD])
    ahead = embedding.inverse_transform(path)[:, 0]
    away = np.abs(ahead - x[origin - 1 : origin + AHEAD]) > 0.4 * x[:origin].std()
    return path, STEP * (away.argmax() if away.any() else AHEAD)


def main(folder, lags=(5, 8, 12), seen=SEEN):
    t, x = measured()
    t, x = t[SEEN - seen :], x[SEEN - seen :]
    fitted, tried = seen - 2 * AHEAD, [seen - 2 * AHEAD, seen - 3 * AHEAD // 2, seen - AHEAD]
    best = None
    for lag in lags:
        embedding = TimeDelayEmbedding(n_delays=2, lag=lag).fit([(t[:fitted], x[:fitted])])
        est = FIMODERegressor().fit(embedding.transform([(t[:fitted], x[:fitted])]))
        stays = np.mean([near(est, embedding, t, x, origin)[1] for origin in tried])
        print(f"lag {lag * STEP:.2f}: forecasts within what was seen stay near for {stays:.1f} units of time")
        if best is None or stays > best[0]:
            best = stays, est, embedding
    _, est, embedding = best
    path, stays = near(est, embedding, t, x, seen)
    print(f"the forecast after it, with lag {embedding.lag_ * STEP:.2f}, for {stays:.1f}")
    ahead = embedding.inverse_transform(path)[:, 0]
    delayed = embedding.transform([(t[:seen], x[:seen])])

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 2))
    left.plot(*delayed.states[0][:, :2].T, color="0.7", linewidth=0.5, label="observed")
    left.plot(*path[:, :2].T, color="#1d3557", linewidth=1.2, label="simulated")
    left.set(xlabel="x(t)", ylabel=f"x(t - {embedding.lag_ * embedding.step_:.2f})")
    left.legend(frameon=False, loc="upper left")
    right.plot(t[seen - 200 : seen], x[seen - 200 : seen], color="0.5", label="seen (last part)")
    right.plot(t[seen - 1 :], x[seen - 1 :], color="#d1495b", label="truth, not seen")
    right.plot(t[seen - 1 :], ahead, color="#1d3557", linestyle="--", label="forecast")
    right.set(xlabel="time", ylabel="x", ylim=(1.5 * x.min(), 1.9 * x.max()))
    right.legend(frameon=False, ncols=3, loc="upper center")
    figure.savefig(Path(folder, "hidden_lorenz.png"), dpi=150)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
