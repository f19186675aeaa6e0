"""Searches with the pretrained prior and without it, on the development systems of the refinement.

Each system's first trajectory is corrupted, and in one of the settings cut to 25 to 80 of its points. Equations are
searched for with the pretrained field as the prior and without it. Printed, for several thresholds: how often the
field found without a prior would be taken because the data alone say so (the difference of the scores without the
prior's share, twice the log-odds), and what that changes: trajectories with R2 > .9 that are gained and lost, the
context's own and the other, and the mean change of R2 cut at 0 and 1.
`PYTHONPATH=. python docs/design/experiments/refinement_prior.py [every]`, with each n-th system.
"""

import sys
import warnings

import numpy as np
from refinement_systems import sampled, textbook
from scipy.stats import qmc
from tqdm import tqdm

from skdyn import FIMODERegressor, Trajectories
from skdyn.benchmarks.protocol import R2_THRESHOLD, corrupt
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import rk4
from skdyn.dynamics.units import widened_box
from skdyn.exceptions import SkdynError
from skdyn.sparse import FieldPrior, fit_sparse

SETTINGS = ((0.0, 0.0, False), (0.05, 0.5, False), (0.05, 0.0, True), (0.05, 0.0, False), (0.1, 0.0, True))
THRESHOLDS = (0, 2, 4, 6, 8, 10, 14)
PRIOR_POINTS = 64


def prior_of(context):
    """The pretrained field, as `FIMODERegressor` gives it to a search."""
    estimator = FIMODERegressor(device="cpu").fit(context)
    low, high = widened_box(context.points)
    around = low + (high - low) * qmc.Sobol(context.n_features, scramble=False).random(PRIOR_POINTS)
    field, scale = estimator.vector_field(around, return_std=True)
    return FieldPrior(around, field, scale * estimator._doubt())


def judged(ode, system):
    """R2 of the paths of an equation from the initial states of both trajectories."""
    with np.errstate(all="ignore"):
        paths = rk4(ode.field, system.paths[:, 0], system.t, 4)
        return [variance_weighted_r2(truth, path) for truth, path in zip(system.paths, paths, strict=True)]


def case(system, number, sigma, rho, short):
    """Evidence against the prior, and R2 with and without it."""
    rng = np.random.default_rng([number, round(1000 * sigma), round(1000 * rho)])
    kept, noisy = corrupt(system.paths[0], sigma, rho, rng)
    t = system.t[kept]
    if short:
        own = np.sort(rng.permutation(len(t))[: rng.integers(25, 80)])
        t, noisy = t[own], noisy[own]
    context = Trajectories([(t, noisy)])
    prior = prior_of(context)
    believed, free = fit_sparse(context, prior), fit_sparse(context)
    against = believed.score - prior.penalty(believed.field(prior.points)) - free.score
    return against, judged(believed, system), judged(free, system)


def table(name, found):
    """Print what each threshold would change."""
    against = np.array([entry[0] for entry in found])
    believed, free = (np.array([entry[k] for entry in found]) for k in (1, 2))
    change = free.clip(0, 1) - believed.clip(0, 1)
    right, right_free = believed > R2_THRESHOLD, free > R2_THRESHOLD
    shares = [np.round(100 * values.mean(axis=0), 1) for values in (right, right_free)]
    print(f"\n{name}, {len(found)} cases: with the prior {shares[0]}, without {shares[1]}")
    print(f"{'from':>6}{'taken':>7}{'gained':>12}{'lost':>12}{'mean change, own':>26}{'other':>22}")
    for threshold in THRESHOLDS:
        taken = (against > threshold)[:, None]
        moved = change * taken
        error = 2 * moved.std(axis=0) / len(moved) ** 0.5
        own, other = (f"{m:+.4f} +- {e:.4f}" for m, e in zip(moved.mean(axis=0), error, strict=True))
        gained = (taken & right_free & ~right).sum(axis=0)
        lost = (taken & right & ~right_free).sum(axis=0)
        counts = f"{gained[0]:6}{gained[1]:6}{lost[0]:6}{lost[1]:6}"
        print(f"{threshold:6}{taken.sum():7}{counts}{own:>26}{other:>22}")


def main(every):
    """Run all cases and print the tables."""
    warnings.simplefilter("ignore")
    found = {"textbook forms": [], "drawn from the prior": []}
    for name, systems in (
        ("textbook forms", list(textbook(2))),
        ("drawn from the prior", [system for dim in (1, 2, 3) for system in sampled(20, dim)]),
    ):
        for number, system in enumerate(tqdm(systems[::every], desc=name, unit="system")):
            for setting in SETTINGS:
                try:
                    found[name].append(case(system, number, *setting))
                except SkdynError:
                    continue
    for name, entries in found.items():
        table(name, entries)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
