"""The noise of observations that FIM-SDE reports, against the truth, on systems drawn from the prior.

Recordings are those of `sde_predictions.py`, each as a whole. Printed are, for those with noise of at least a fiftieth
of the states' deviation, quantiles of ``noise_`` over the truth, and for those without, the share in which more than a
hundredth is found. ``PYTHONPATH=. python docs/design/experiments/sde_noise.py [recordings]``.
"""

import sys
import warnings

import numpy as np
from sde_predictions import SEED, recordings

from skdyn import FIMSDERegressor
from skdyn.exceptions import ModelWarning


def main(count):
    """Print a row for each number of variables."""
    warnings.simplefilter("ignore", ModelWarning)
    print("| variables | noisy | found over true: 10% | 25% | median | 75% | 90% | without noise | found some |")
    print("|---|---|---|---|---|---|---|---|---|")
    for dim in (1, 2):
        found, truth = [], []
        for t, x, noise in recordings(count if dim == 1 else count // 3, dim, np.random.default_rng(SEED + dim)):
            scale = x.std(axis=0)
            found.append(FIMSDERegressor(device="cpu").fit([(t, x)]).noise_ / scale)
            truth.append(noise / scale)
        found, truth = np.concatenate(found), np.concatenate(truth)
        noisy, clean = truth >= 0.02, truth == 0
        shares = " | ".join(f"{q:.2f}" for q in np.quantile(found[noisy] / truth[noisy], [0.1, 0.25, 0.5, 0.75, 0.9]))
        print(f"| {dim} | {noisy.sum()} | {shares} | {clean.sum()} | {np.mean(found[clean] > 0.01):.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
