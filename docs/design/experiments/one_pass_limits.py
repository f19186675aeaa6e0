"""What limits one pass of FIM-ODE: its arbiter, its sparse fits, or what they are made of.

Textbook forms with random constants, the first path of each clean or with 5% noise. Printed are shares of other
paths followed with R2 > .9: by the field of one pass, by the best of its sparse fits in hindsight, and by a search
(`refine="sparse"`), and for which forms the search follows more clean paths than the pass.
``PYTHONPATH=. python docs/design/experiments/one_pass_limits.py [draws of each form]``
"""

import sys
import warnings
from collections import defaultdict

import numpy as np
from refinement_systems import textbook

from skdyn import FIMODERegressor, Trajectories
from skdyn.benchmarks.protocol import R2_THRESHOLD, corrupt
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import rk4
from skdyn.nn.fits.equations import Equations
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.library import listed


def followed(field, system):
    """Whether a field follows the second path from its first state."""
    with np.errstate(all="ignore"):
        path = rk4(field, system.paths[1:, 0], system.t, 4)
    return variance_weighted_r2(system.paths[1], path[0]) > R2_THRESHOLD


def sparse_fits(estimator):
    """Fields of the sparse fits of one pass, in the user's units."""
    _, context = estimator._session.opened
    equations = Equations.of(context.encoded.groups[0].fits)
    scaling, dim = context.scaling, equations.coefficients.shape[2]
    unit = np.asarray(scaling.std[0])[:dim]
    functions = tuple(ScalarFunction(*function) for function in equations.functions)
    library = listed(tuple(map(tuple, equations.exponents.tolist())), functions, tuple(equations.function_of.tolist()))
    for own in equations.coefficients.numpy() * unit * float(scaling.speed[0]):
        yield lambda x, own=own: (library.design((x / unit).reshape(-1, dim))[:, : len(own)] @ own).reshape(x.shape)


def main(draws):
    """Print the shares."""
    warnings.simplefilter("ignore")
    found, more = defaultdict(list), defaultdict(list)
    for number, system in enumerate(textbook(draws)):
        for sigma in (0.0, 0.05):
            kept, noisy = corrupt(system.paths[0], sigma, 0.0, np.random.default_rng([number, round(1000 * sigma)]))
            context = Trajectories([(system.t[kept], noisy)])
            one = FIMODERegressor(device="cpu").fit(context)
            path = one.simulate(system.paths[1, 0], system.t)
            own = variance_weighted_r2(system.paths[1], path) > R2_THRESHOLD
            hindsight = any(followed(field, system) for field in sparse_fits(one))
            searched = FIMODERegressor(device="cpu", refine="sparse").fit(context).refinement_
            refined = followed(searched.field, system)
            found[sigma].append((own, hindsight, refined))
            if sigma == 0:
                more[system.name].append(int(refined) - int(own))
    for sigma, rows in found.items():
        shares = 100 * np.mean(rows, axis=0)
        print(
            f"noise {sigma:.0%}, {len(rows)} cases: one pass {shares[0]:.0f}%, its best sparse fit in hindsight "
            f"{shares[1]:.0f}%, a search {shares[2]:.0f}%",
            flush=True,
        )
    print("more by the search, of clean paths:", {name: sum(gains) for name, gains in more.items() if any(gains)})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
