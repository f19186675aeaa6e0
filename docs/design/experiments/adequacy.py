"""Which contexts does `fit` warn of? ``python docs/design/experiments/adequacy.py [--contexts N] [--seed S]``.

Contexts of `adequacy_contexts.py`, so many of each kind and size; printed is the share that `fit` would warn of, and
what it would call likely. With ``--choose``, the shares for several thresholds instead: those of `skdyn.diagnosis.ode`
were chosen so, on seeds 1 and 2.
"""

import argparse
from collections import Counter, defaultdict
from itertools import product

import numpy as np
from adequacy_contexts import KINDS
from tqdm import tqdm

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Diagnosis
from skdyn.diagnosis.ode import JUMP, data_checks
from skdyn.diagnosis.paths import Paths
from skdyn.diagnosis.sampling import jump
from skdyn.diagnosis.velocities import contradiction


def contexts(options):
    for seed in options.seed:
        for kind, make in KINDS.items():
            yield from ((kind, context) for context in tqdm(make(options.contexts, seed), desc=kind, unit="context"))


def table(options):
    warned, causes = defaultdict(list), defaultdict(Counter)
    for kind, context in contexts(options):
        findings = Diagnosis(tuple(data_checks(Trajectories(context.pairs)))).findings
        visible = kind != "forced" or context.contradicts
        suffix = "" if visible else ", not seen"
        for name in (context.kind + suffix, f"all {kind}{suffix}"):
            warned[name].append(bool(findings))
            causes[name].update([findings[0].likely.split(",")[0].split(":")[0] for _ in findings[:1]])
    print(f"{'contexts':40}{'count':>7}{'warned':>9}  most often called")
    for name, values in warned.items():
        often = "; ".join(f"{cause} ({count})" for cause, count in causes[name].most_common(2))
        print(f"{name:40}{len(values):7}{np.mean(values):9.1%}  {often}")


def choose(options):
    evidence = defaultdict(list)
    for kind, context in contexts(options):
        if kind != "forced" or context.contradicts:
            paths = Paths.of(Trajectories(context.pairs))
            found = contradiction(paths)
            if len(paths.variables) < 3:
                evidence[kind].append((jump(paths), paths.roughness.max(), found.size, found.excess))
    print(f"{'size':>6}{'excess':>8}{'rough':>7}", *(f"{kind:>8}" for kind in evidence))
    for size, excess, rough in product((0.05, 0.055, 0.06, 0.07), (1.5, 2.0, 2.6, 3.0), (0.015, 0.025)):
        shares = []
        for rows in evidence.values():
            j, r, s, e = np.array(rows).T
            shares.append(np.mean((j > JUMP) | (r > rough) | ((s > size) & (e > excess))))
        print(f"{size:6g}{excess:8g}{rough:7g}", *(f"{share:8.1%}" for share in shares))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=80, help="of each kind and size")
    parser.add_argument("--seed", type=int, nargs="+", default=[3])
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    (choose if options.choose else table)(options)
