"""Any estimator on the development systems of the refinement: ``python docs/design/experiments/refinement.py``.

Each system's first trajectory is corrupted as in ODEBench and fitted; the field is then integrated from the clean
initial states of both trajectories. Printed is the share with R2 > 0.9, and with ``--compare`` the cases that only this
run or only the other one passes.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from refinement_systems import sampled, textbook
from tqdm import tqdm

from skdyn import make_estimator
from skdyn.benchmarks.protocol import R2_THRESHOLD, corrupt
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import rk4
from skdyn.exceptions import SkdynError

TASKS = ("reconstruction", "generalization")


def score(estimator, system, number, sigma, rho):
    """R2 of the fitted system's two trajectories; minus infinity where the estimator refuses the context."""
    rng = np.random.default_rng([number, 0, round(1000 * sigma), round(1000 * rho)])
    kept, noisy = corrupt(system.paths[0], sigma, rho, rng)
    try:
        fitted = estimator.fit([(system.t[kept], noisy)])
    except SkdynError:
        return [-np.inf, -np.inf]
    with np.errstate(all="ignore"):
        paths = rk4(fitted._velocity, system.paths[:, 0], system.t, 4)
    return [variance_weighted_r2(truth, path) for truth, path in zip(system.paths, paths, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--estimator", default="fim-ode")
    parser.add_argument("--params", type=json.loads, default={"refine": "sparse"})
    parser.add_argument("--settings", nargs="+", default=["0.05,0.5"])
    parser.add_argument("--every", type=int, default=1, help="use each n-th system")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--compare", type=Path)
    options = parser.parse_args()
    systems = [*textbook(2), *(system for dim in (1, 2, 3) for system in sampled(20, dim))]
    estimator = make_estimator(options.estimator, **options.params)
    other = json.loads(options.compare.read_text(encoding="utf-8")) if options.compare else {}
    results = {}
    for setting in options.settings:
        sigma, rho = map(float, setting.split(","))
        for number, system in enumerate(tqdm(systems, desc=f"({setting})", unit="system")):
            if number % options.every == 0:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    results[f"{setting} {number} {system.name}"] = score(estimator, system, number, sigma, rho)
        keys = [key for key in results if key.startswith(f"{setting} ")]
        for task, name in enumerate(TASKS):
            ours = np.array([results[key][task] > R2_THRESHOLD for key in keys])
            text = f"({setting}) {name}: {100 * ours.mean():.1f}% of {len(keys)}"
            if other:
                theirs = np.array([other[key][task] > R2_THRESHOLD for key in keys])
                text += f"; only this one {np.sum(ours & ~theirs)}, only the other {np.sum(theirs & ~ours)}"
            print(text)
    if options.json:
        options.json.write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
