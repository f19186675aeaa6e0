"""A driven pendulum: its law from one noisy recording under a known torque, tried under a torque of another kind.

``python docs/examples/driven_pendulum.py [FOLDER]`` prints the equations and the score under the new torque, and
draws the new motion with the prediction into the folder (a temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from skdyn import SparseODERegressor, Trajectories, Trajectory

T = np.linspace(0, 30, 300)


def motion(torque, start, seed, noise=0.02):
    """Angle and speed of a damped pendulum under a torque that is held between the times."""
    rng = np.random.default_rng(seed)

    def rates(time, x):
        held = torque[min(np.searchsorted(T, time, side="right") - 1, len(T) - 1)]
        return [x[1], -np.sin(x[0]) - 0.25 * x[1] + held]

    x = solve_ivp(rates, (0, T[-1]), start, t_eval=T, rtol=1e-8, max_step=0.05).y.T
    x += noise * x.std(axis=0) * rng.normal(size=x.shape)
    return Trajectory(T, x, ("angle", "speed"), u=torque, input_names=["torque"], interpolation="previous")


def main(folder, library="angle, speed, torque, sin(angle), angle*speed, speed**2"):
    rng = np.random.default_rng(0)
    random_steps = np.repeat(rng.uniform(-0.8, 0.8, 30), 10)
    wave = 0.35 * np.sign(np.sin(2 * np.pi * T / 9))
    seen, unseen = motion(random_steps, [0.4, 0.0], 1), motion(wave, [-1.0, 0.0], 2)
    est = SparseODERegressor(library=library).fit([seen])
    for line in est.equations():
        print(line)
    print(f"R2 of the simulation under the new torque: {est.score(Trajectories([unseen])):.3f}")

    path = est.simulate(unseen.x[0], T, inputs=wave)
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot(T, unseen.x[:, 0], "o", ms=3, mew=0, color="#d1495b", label="observed, not used for the fit")
    top.plot(T, path[:, 0], color="#1d3557", label="simulated from the first state")
    top.set_ylabel("angle")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    bottom.step(T, wave, where="post", color="0.4")
    bottom.set(xlabel="time", ylabel="torque", xlim=(0, T[-1]))
    figure.savefig(Path(folder, "driven_pendulum.png"), dpi=150)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
