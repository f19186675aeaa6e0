"""Errors of sparse equations off the data, with and without true constraints.

``python docs/design/experiments/known_physics.py [COUNT]`` samples COUNT systems of each family (8 by default), fits
one recording of 60 points, or of 200 of many variables, with 5% noise, and prints medians of the field's relative error
at states of other recordings, the largest violation of a conserved sum and the mean seconds of a fit with constraints.
"""

import sys
import time
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


def cases(rng):
    """An epidemic of six compartments."""
    a, b, c = rng.uniform(0.8, 1.5), rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.5)
    d, e, f = rng.uniform(0.02, 0.06, 3)

    def field(x):
        new = a * x[0] * x[2]
        ill, cured, lost = b * x[1], (c - 0.1) * x[2] + 0.25 * x[3], e * x[2] + f * x[3]
        severe = 0.1 * x[2]
        return np.array(
            [d * x[4] - new, new - ill, ill - severe - (c - 0.1) * x[2] - e * x[2], severe - (0.25 + f) * x[3],
             cured - d * x[4], lost]
        )  # fmt: skip

    def start():
        return np.array([rng.uniform(0.6, 0.95), *rng.uniform(0.01, 0.1, 2), *rng.uniform(0.0, 0.05, 3)])

    return field, start, 40.0, tuple("SEIHRD"), Constraints(conserved="S + E + I + H + R + D", positive=True)


def age_groups(rng):
    """An epidemic in three groups that infect each other, each of a constant size."""
    contacts, recovery = rng.uniform(0.1, 0.5, (3, 3)) + 0.5 * np.eye(3), rng.uniform(0.2, 0.4, 3)

    def field(x):
        s, i, _ = x.reshape(3, 3)
        new = s * (contacts @ i)
        return np.concatenate([-new, new - recovery * i, recovery * i])

    def start():
        ill = rng.uniform(0.01, 0.2, 3)
        return np.concatenate([rng.uniform(0.5, 1.0, 3), ill, rng.uniform(0, 0.3, 3)])

    names = tuple(f"{letter}{group}" for letter in "SIR" for group in range(3))
    sums = [f"S{group} + I{group} + R{group}" for group in range(3)]
    return field, start, 15.0, names, Constraints(conserved=sums, positive=True)


def ring_of_oscillators(rng):
    """Six oscillators with cubic springs to their neighbours, whose speeds are measured."""
    own, to_next, damping = rng.uniform(0.8, 1.6, 6), rng.uniform(0.2, 0.6, 6), rng.uniform(0.02, 0.1)

    def field(x):
        q, v = x[:6], x[6:]
        pulls = to_next * (np.roll(q, -1) - q) + np.roll(to_next, 1) * (np.roll(q, 1) - q)
        return np.concatenate([v, pulls - own * q - 0.3 * q**3 - damping * v])

    def start():
        return rng.normal(size=12)

    names = tuple(f"{letter}{place}" for letter in "qv" for place in range(6))
    return field, start, 15.0, names, Constraints(known={f"q{place}": f"v{place}" for place in range(6)})


def genes(rng):
    """A ring of five genes, each of which represses the next."""
    half, most, decay = rng.uniform(0.4, 1.5, 5), rng.uniform(1, 3, 5), rng.uniform(0.5, 1.2, 5)

    def field(x):
        return 0.1 + most / (1 + (np.roll(x, 1) / half) ** 2) - decay * x

    def start():
        return rng.uniform(0.1, 2.5, 5)

    names = tuple(f"g{place}" for place in range(5))
    known = Constraints(positive=True, bounds={name: {name: "-"} for name in names})
    return field, start, 12.0, names, known


def solve(field, start, duration, points=60):
    t = np.linspace(0, duration, points)
    return t, solve_ivp(lambda _, x: field(x), (0, duration), start, t_eval=t, rtol=1e-8, atol=1e-10).y.T


def main(count):
    warnings.simplefilter("ignore")
    for family in (epidemic, compartments, predators, oscillator, cases, age_groups, ring_of_oscillators, genes):
        rng, errors, violations, seconds = np.random.default_rng(0), [], [], 0.0
        for _ in range(count):
            field, start, duration, names, known = family(rng)
            t, x = solve(field, start(), duration, 60 if len(names) < 4 else 200)
            noise = 0.05 * (x if len(names) < 4 else x.std(axis=0))
            data = Trajectories([Trajectory(t, x + noise * rng.normal(size=x.shape), names)])
            states = np.concatenate([solve(field, start(), duration)[1] for _ in range(3)])
            truth = np.array([field(x) for x in states])
            row = []
            for constraints in (None, known):
                begun = time.process_time()
                library = None if family is genes else "polynomial"
                est = SparseODERegressor(library=library, constraints=constraints).fit(data)
                row.append(np.sqrt(np.mean((est.vector_field(states) - truth) ** 2) / np.mean(truth**2)))
            errors.append(row)
            seconds += time.process_time() - begun
            for text in [known.conserved] if isinstance(known.conserved, str) else known.conserved:
                own = [names.index(name) for name in text.split(" + ")]
                violations.append(np.abs(est.equations_.coefficients[:, own].sum(axis=1)).max())
        without, within = np.array(errors).T
        print(
            f"{family.__name__:19} {len(names):2} without {np.median(without):.3g}, with {np.median(within):.3g}; "
            f"lower with in {int((within < without).sum())}, higher in {int((within > without).sum())} of {count}; "
            f"largest violation {max(violations, default=0.0):.1e}; {seconds / count:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
