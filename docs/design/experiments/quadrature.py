"""What finer quadrature is worth to one pass of FIM-ODE: cubics alone, quintics where contexts ask, and the flow too.

Textbook forms with random constants, draws of the prior in two and three variables, and of its family that is mostly
chaotic, the first path of each in several ways of observing it. Printed are geometric means of the field's relative
errors along that path and along another, with a floor of 1e-5, logarithms of the last ratio with 95% intervals, and
shares of paths followed with R2 > .9.
``PYTHONPATH=. python docs/design/experiments/quadrature.py [draws of each form] [draws of the prior]``
"""

import sys
import warnings
from collections import defaultdict

import numpy as np
from refinement_systems import sampled, textbook

from skdyn import FIMODERegressor, Trajectories
from skdyn.benchmarks.protocol import R2_THRESHOLD, corrupt
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.nn.fits import fitting

FLOOR = 1e-5
CHOSEN, FOLLOWED = fitting.quadrature, fitting.followed
WAYS = {
    "all points": (0.0, 0.0, 1),
    "half of them at random": (0.0, 0.5, 1),
    "every third": (0.0, 0.0, 3),
    "half, then every second": (0.0, 0.5, 2),
    "half, 0.5% noise": (0.005, 0.5, 1),
    "half, 5% noise": (0.05, 0.5, 1),
}


def judged(context, system):
    """Errors of the field along both paths, and whether both are followed."""
    one = FIMODERegressor(device="cpu").fit(context)
    field = one.vector_field(system.paths)
    errors = np.abs(field - system.path_fields).sum((1, 2)) / np.abs(system.path_fields).sum((1, 2))
    paths = one.simulate(system.paths[:, 0], system.t)
    followed = [variance_weighted_r2(*pair) > R2_THRESHOLD for pair in zip(system.paths, paths, strict=True)]
    return errors, followed


def as_observed(path, *_):
    """The path that is not followed between its points."""
    return path


def main(forms, draws):
    """Print the comparison."""
    warnings.simplefilter("ignore")
    systems = [("forms", s) for s in textbook(forms, seed=50) if s.paths.shape[-1] > 1]
    systems += [("draws", s) for dim in (2, 3) for s in sampled(draws, dim, 50)]
    systems += [("chaotic", s) for s in sampled(draws, 3, 50, {"chaotic": 1.0})]
    found = defaultdict(list)
    for number, (kind, system) in enumerate(systems):
        for way, (sigma, rho, every) in WAYS.items():
            rng = np.random.default_rng([number, round(1000 * sigma)])
            kept, noisy = corrupt(system.paths[0], sigma, rho, rng)
            context = Trajectories([(system.t[kept][::every], noisy[::every])])
            rows = []
            arms = (
                (lambda times, mask, smooth: CHOSEN(times, mask), as_observed),
                (CHOSEN, as_observed),
                (CHOSEN, FOLLOWED),
            )
            for fitting.quadrature, fitting.followed in arms:
                rows.append(judged(context, system))
            found[kind, way].append([np.stack(part) for part in zip(*rows, strict=True)])
    for (kind, way), rows in found.items():
        errors, followed = (np.stack(part) for part in zip(*rows, strict=True))
        logs = np.log(errors + FLOOR)
        gaps = logs[:, -1] - logs[:, 0]
        half = 1.96 * gaps.std(0) / len(gaps) ** 0.5
        for place, name in enumerate(("own path", "another")):
            means = " -> ".join(f"{mean:.5f}" for mean in np.exp(logs.mean(0))[:, place])
            shares = " -> ".join(f"{100 * share:.0f}" for share in followed.mean(0)[:, place])
            print(
                f"{kind}, {way:24}{name:9}{len(gaps):4} contexts: {means}, {gaps.mean(0)[place]:+.2f} +- "
                f"{half[place]:.2f}, followed {shares}%",
                flush=True,
            )


if __name__ == "__main__":
    main(*(int(value) for value in (*sys.argv[1:], 2, 20)[:2]))
