"""Errors of sparse equations off the data, with and without true constraints.

``python docs/design/experiments/known_physics.py [COUNT]`` samples COUNT systems of each family (8 by default), fits
one recording with 5% noise, and prints medians of the field's relative error at states of other recordings, and the
largest violation of a conserved sum.
"""

import sys
import warnings

import numpy as np
from scipy.integrate import solve_ivp

from skdyn import Constraints, SparseODERegressor, Trajectories
from skdyn.data.trajectory import Trajectory


def epidemic(rng):
    a, b, c = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.2), rng.uniform(0.02, 0.08)
    field = lambda x: np.array([c * x[2] - a * x[0] * x[1], a * x[0] * x[1] - b * x[1], b * x[1] - c * x[2]])  # noqa: E731
    start = lambda: np.array([rng.uniform(2, 4), rng.uniform(0.05, 0.3), rng.uniform(0, 0.5)])  # noqa: E731
    return field, start, 40.0, ("S", "I", "R"), Constraints(conserved="S + I + R", positive=True)


def compartments(rng):
    k, m, n = rng.uniform(0.2, 1.0, 3)
    field = lambda x: np.array([-k * x[0] + n * x[2], k * x[0] - m * x[1], m * x[1] - n * x[2]])  # noqa: E731
    start = lambda: rng.uniform(0.1, 3.0, 3)  # noqa: E731
    return field, start, 6.0, ("A", "B", "C"), Constraints(conserved="A + B + C", positive=True)


def predators(rng):
    a, b, c, d = rng.uniform(0.5, 1.5, 4)
    field = lambda x: np.array([a * x[0] - b * x[0] * x[1], c * x[0] * x[1] - d * x[1]])  # noqa: E731
    start = lambda: rng.uniform(0.4, 2.0, 2)  # noqa: E731
    return field, start, 12.0, ("prey", "predator"), Constraints(positive=True)


def oscillator(rng):
    w = rng.uniform(0.5, 2.0)
    field = lambda x: np.array([w * x[1], -w * x[0]])  # noqa: E731
    start = lambda: rng.normal(size=2) + 0.5  # noqa: E731
    return field, start, 10.0, ("q", "p"), Constraints(linear_part="skew")


def solve(field, start, duration, points=60):
    t = np.linspace(0, duration, points)
    return t, solve_ivp(lambda _, x: field(x), (0, duration), start, t_eval=t, rtol=1e-8, atol=1e-10).y.T


def main(count):
    warnings.simplefilter("ignore")
    for family in (epidemic, compartments, predators, oscillator):
        rng, errors, violations = np.random.default_rng(0), [], []
        for _ in range(count):
            field, start, duration, names, known = family(rng)
            t, x = solve(field, start(), duration)
            data = Trajectories([Trajectory(t, x * (1 + 0.05 * rng.normal(size=x.shape)), names)])
            states = np.concatenate([solve(field, start(), duration)[1] for _ in range(3)])
            truth = np.array([field(x) for x in states])
            row = []
            for constraints in (None, known):
                est = SparseODERegressor(library="polynomial", constraints=constraints).fit(data)
                row.append(np.sqrt(np.mean((est.vector_field(states) - truth) ** 2) / np.mean(truth**2)))
            errors.append(row)
            if known.conserved:
                violations.append(np.abs(est.equations_.coefficients.sum(axis=1)).max())
        without, within = np.array(errors).T
        print(
            f"{family.__name__:13} without {np.median(without):.3g}, with {np.median(within):.3g}; "
            f"lower with in {int((within < without).sum())}, higher in {int((within > without).sum())} of {count}; "
            f"largest violation {max(violations, default=0.0):.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
