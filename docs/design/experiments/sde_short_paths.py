"""Many short paths of a known Ornstein-Uhlenbeck process: the answers of FIM-SDE, and whether their scales hold them.

Rate 1, diffusion .3, known exactly; windows start in the stationary law. Printed are the median and the quantiles of
10 and 90% of the diffusion at the mean, the median of the drift at .2, and the shares of the seeds whose errors are
within two predicted scales. ``python docs/design/experiments/sde_short_paths.py [seeds]``.
"""

import sys
import warnings

import numpy as np

from skdyn import FIMSDERegressor
from skdyn.exceptions import ModelWarning

SIZE, AT = 0.3, 0.2


def windows(step, noise, paths, points, seed):
    """Exact samples (paths, points, 1), observed with noise."""
    rng = np.random.default_rng([seed, paths, points, round(100 * step), round(100 * noise)])
    decay = np.exp(-step)
    x = np.empty((paths, points))
    x[:, 0] = SIZE / np.sqrt(2) * rng.normal(size=paths)
    for i in range(1, points):
        x[:, i] = decay * x[:, i - 1] + SIZE * np.sqrt((1 - decay**2) / 2) * rng.normal(size=paths)
    return (x + noise * rng.normal(size=x.shape))[..., None]


def main(seeds):
    """Print a row for each kind of context."""
    warnings.simplefilter("ignore", ModelWarning)
    print("| step | noise | windows | diffusion | within | drift at .2 | within |")
    print("|---|---|---|---|---|---|---|")
    for step in (0.1, 0.5):
        for noise in (0.0, 0.03):
            for paths, points in ((5, 10), (40, 10), (20, 20)):
                rows = []
                for seed in range(seeds):
                    fitted = FIMSDERegressor(device="cpu").fit(windows(step, noise, paths, points, seed), t=step)
                    g, g_scale = fitted.diffusion([[0.0]], return_std=True)
                    f, f_scale = fitted.vector_field([[AT]], return_std=True)
                    rows.append([g.item(), g_scale.item(), f.item(), f_scale.item()])
                g, g_scale, f, f_scale = np.array(rows).T
                low, middle, high = np.quantile(g, [0.1, 0.5, 0.9])
                held = np.mean(np.abs(g - SIZE) <= 2 * g_scale), np.mean(np.abs(f + AT) <= 2 * f_scale)
                print(
                    f"| {step:g} | {noise:g} | {paths} x {points} | {middle:.3f} [{low:.3f}, {high:.3f}] "
                    f"| {held[0]:.2f} | {np.median(f):.3f} | {held[1]:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
