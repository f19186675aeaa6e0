"""How often what is called supported is true, on systems of the pretraining prior.

``python docs/design/experiments/evidence.py equilibria`` prints the table of equilibria, ``... terms`` that of terms,
both of docs/howto/evidence.md. ``--seed`` draws other systems.
"""

import argparse
import warnings
from collections import defaultdict

import numpy as np
from evidence_systems import SETTINGS, Case, cases, true_equilibria, true_terms
from tqdm import tqdm

from skdyn import FIMODERegressor
from skdyn.dynamics.equilibria import Equilibrium
from skdyn.dynamics.units import state_units
from skdyn.exceptions import SkdynError

TOLERANCE = 0.3
"""Deviations of the data, times the root of the number of variables, within which two equilibria are the same."""
ESTIMATORS = {"zero-shot": {}, 'refine="sparse"': {"refine": "sparse"}}


def index(point: Equilibrium) -> int:
    """-1 for a saddle of two variables, 1 for anything else there."""
    return int(np.sign(np.prod(point.eigenvalues).real))


def stability(kind: str) -> str:
    """Without what tells a node from a spiral."""
    return kind.split()[0]


def count_equilibria(case: Case, params: dict) -> np.ndarray:
    """Supported ones, true, clear in kind, of true stability; true ones in the hull, supported; systems."""
    scale = state_units(np.concatenate([x for _, x in case.context]))[1] * case.dim**0.5 * TOLERANCE
    true, found = true_equilibria(case), FIMODERegressor(device="cpu", **params).fit(case.context).equilibria()

    def same(a: Equilibrium, b: Equilibrium) -> bool:
        return index(a) == index(b) and np.linalg.norm((a.state - b.state) / scale) <= 1

    counts = np.zeros(7, dtype=int)
    for point in found:
        twins = [other for other in true if same(point, other)]
        clear = bool(twins) and point.kind_is_clear
        counts[:4] += 1, bool(twins), clear, clear and any(stability(t.kind) == stability(point.kind) for t in twins)
    for point in true:
        if point.inside and point.kind != "non-hyperbolic":  # points of a line of equilibria are no separate ones
            counts[4:6] += 1, any(same(point, other) for other in found)
    counts[6] = 1
    return counts


def count_terms(case: Case, n_fits: int) -> np.ndarray:
    """Terms found, true, supported, supported and true; true terms, found, supported; systems."""
    est = FIMODERegressor(device="cpu", refine="sparse").fit(case.context)
    true, ode = true_terms(case), est.refinement_
    names = {
        (f"x{d}", name): bool(t < len(true) and true[t, d])
        for t, name in enumerate(ode.library.names([f"x{d}" for d in range(case.dim)]))
        for d in range(case.dim)
    }
    evidence = est.equation_evidence(n_fits)
    found = [names[term.variable, term.term] for term in evidence.terms]
    supported = [names[term.variable, term.term] for term in evidence.terms if term.supported]
    return np.array([len(found), sum(found), len(supported), sum(supported), true.sum(), sum(found), sum(supported), 1])


def share(part: int, whole: int) -> str:
    """As percentage, with the numbers behind it."""
    return f"{100 * part / whole:.0f}% of {whole}" if whole else "none"


def print_equilibria(table: dict) -> None:
    """The table of equilibria."""
    print("| estimator | noise | points | systems | supported exist | kind, where clear | true in the hull supported |")
    print("|---|---|---|---|---|---|---|")
    for (name, noise, points), row in table.items():
        print(f"| {name} | {noise} | {points} | {row[6]} | {share(row[1], row[0])} | {share(row[3], row[2])} "
              f"| {share(row[5], row[4])} |")  # fmt: skip


def print_terms(table: dict) -> None:
    """The table of terms."""
    print("| noise | points | systems | found terms true | supported terms true | true terms found | and supported |")
    print("|---|---|---|---|---|---|---|")
    for (_, noise, points), row in table.items():
        print(f"| {noise} | {points} | {row[7]} | {share(row[1], row[0])} | {share(row[3], row[2])} "
              f"| {share(row[5], row[4])} | {share(row[6], row[4])} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["equilibria", "terms"])
    parser.add_argument("--systems", type=int, default=180)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--fits", type=int, default=20, help="resampled fits for each system")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    of_terms = options.what == "terms"
    runs = {'refine="sparse"': ESTIMATORS['refine="sparse"']} if of_terms else ESTIMATORS
    counts = defaultdict(int)
    for case in tqdm(cases(options.systems, options.seed, polynomial=of_terms), total=options.systems, mininterval=30):
        for name, params in runs.items():
            try:
                row = count_terms(case, options.fits) if of_terms else count_equilibria(case, params)
            except SkdynError:
                continue
            counts[name, case.noise, case.points] += row
            counts[name, "all", "all"] += row
    keys = [(name, *setting) for name in runs for setting in (*SETTINGS, ("all", "all"))]
    table = {key: counts[key] for key in keys if key in counts}
    (print_terms if of_terms else print_equilibria)(table)


if __name__ == "__main__":
    main()
