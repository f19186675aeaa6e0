"""Terms that a search finds in chaotic paths as exact as a solver's tolerances, which are far from exact at their end.

Eight textbook flows, none of which is in a benchmark, on their attractors: 1,000 points of some tens of turns. Printed
are the terms of the truth, those found, and the field's relative error along the path.
``PYTHONPATH=. python docs/design/experiments/chaotic_paths.py``
"""

import warnings

import numpy as np
from scipy.integrate import solve_ivp

from skdyn import SparseODERegressor

POINTS = 1000
# Sprott 1994 (B, D, G, K), Hoover 1985, Lorenz 1984, a model of finance (Ma and Chen 2001), Rucklidge 1992.
FLOWS = {
    "Sprott B": (lambda x, y, z: (y * z, x - y, 1 - x * y), 5, 200),
    "Sprott D": (lambda x, y, z: (-y, x + z, x * z + 3 * y**2), 5, 200),
    "Sprott G": (lambda x, y, z: (0.4 * x + z, x * z - y, -x + y), 6, 200),
    "Sprott K": (lambda x, y, z: (x * y - z, x - y, x + 0.3 * z), 6, 200),
    "Nose-Hoover": (lambda x, y, z: (y, -x + y * z, 1 - y**2), 5, 150),
    "Lorenz 1984": (
        lambda x, y, z: (-(y**2) - z**2 - 0.25 * x + 2, x * y - 4 * x * z - y + 1, 4 * x * y + x * z - z), 11, 60,
    ),
    "finance": (lambda x, y, z: (z + (y - 0.9) * x, 1 - 0.2 * y - x**2, -x - 1.2 * z), 8, 150),
    "Rucklidge": (lambda x, y, z: (-2 * x + 6.7 * y - y * z, x, -z + y**2), 6, 40),
}  # fmt: skip
TOLERANCES = {"exact": {"rtol": 1e-12, "atol": 1e-12}, "rtol 1e-9": {"rtol": 1e-9}, "rtol 1e-6": {"rtol": 1e-6}}


def main():
    """Print the comparison."""
    warnings.simplefilter("ignore")
    for name, (field, n_terms, duration) in FLOWS.items():
        start = [0.0, 5.0, 0.0] if name == "Nose-Hoover" else [0.05, 0.05, 0.05]

        def rates(_, x, field=field):
            return field(*x)

        start = solve_ivp(rates, (0, 100), start, rtol=1e-10, atol=1e-12).y[:, -1]
        t = np.linspace(0, duration, POINTS)
        for label, tolerances in TOLERANCES.items():
            x = solve_ivp(rates, (0, duration), start, t_eval=t, **tolerances).y.T
            fitted = SparseODERegressor().fit([(t, x)])
            truth = np.array([field(*row) for row in x])
            error = np.abs(fitted.predict(x) - truth).sum() / np.abs(truth).sum()
            found = f"{n_terms:2} terms, found {fitted.equations_.n_terms:2}"
            print(f"{name:12} {label:9} {found}, error {error:.1e}", flush=True)


if __name__ == "__main__":
    main()
