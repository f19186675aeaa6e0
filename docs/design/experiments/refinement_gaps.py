"""Clean chaotic paths with gaps: one pass, a refinement, the choice between them, and a search without a model.

Draws of the prior's family that is mostly chaotic, of which every second point, or half of the points at random, are
seen. Printed are geometric means of the field's relative errors along the path that was observed and along another,
with a floor of 1e-5, and shares of errors below a hundredth.
``PYTHONPATH=. python docs/design/experiments/refinement_gaps.py [draws]``
"""

import sys
import warnings
from collections import defaultdict

import numpy as np
from refinement_systems import sampled

from skdyn import FIMODERegressor, SparseODERegressor, Trajectories
from skdyn.benchmarks.protocol import corrupt

FLOOR, SMALL = 1e-5, 0.01
ESTIMATORS = {
    "one pass": lambda: FIMODERegressor(device="cpu"),
    'refine="sparse"': lambda: FIMODERegressor(device="cpu", refine="sparse"),
    'refine="auto"': lambda: FIMODERegressor(device="cpu", refine="auto"),
    "sparse-ode": SparseODERegressor,
}
WAYS = {"every second point": (0.0, 2), "half at random": (0.5, 1), "half, then every second": (0.5, 2)}


def main(draws):
    """Print the comparison."""
    warnings.simplefilter("ignore")
    found = defaultdict(list)
    for number, system in enumerate(sampled(draws, 3, 71, {"chaotic": 1.0})):
        for way, (rho, every) in WAYS.items():
            kept, states = corrupt(system.paths[0], 0.0, rho, np.random.default_rng(number))
            context = Trajectories([(system.t[kept][::every], states[::every])])
            for name, make in ESTIMATORS.items():
                field = make().fit(context).vector_field(system.paths)
                sizes = np.abs(system.path_fields).sum((1, 2))
                found[way, name].append(np.abs(field - system.path_fields).sum((1, 2)) / sizes)
    for (way, name), errors in found.items():
        means = np.exp(np.log(np.array(errors) + FLOOR).mean(0))
        small = 100 * (np.array(errors) < SMALL).mean(0)
        print(
            f"{way:24} {name:16} {len(errors):3} paths: observed {means[0]:.5f}, another {means[1]:.5f}; "
            f"below {SMALL}: {small[0]:.0f} and {small[1]:.0f}%",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
