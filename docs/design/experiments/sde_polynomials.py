"""Errors of the polynomials alone on the double well: ``python docs/design/experiments/sde_polynomials.py``."""

import torch
from torch.nn.functional import pad

from skdyn.datasets.sde_systems import load_sde_systems, observe, simulate_sde
from skdyn.models.normalization import fim_sde_scaling
from skdyn.nn.least_squares import evaluate_fits, fit_polynomials

POINTS, FINE = 5000, 0.002


def main() -> None:
    """Print mean square errors of drift and diffusion by step and noise."""
    (system,) = load_sde_systems(["double-well"])
    grid = system.grid()
    drift, diffusion = system.drift(grid), system.diffusion(grid)
    print("| step | noise | drift: linear | cubic | cubic, instruments | diffusion: raw | corrected |")
    print("|---|---|---|---|---|---|---|")
    for every in (1, 5, 10, 100):
        path = simulate_sde(system, POINTS, dt=FINE, every=every)[0]
        for level in (0.0, 0.05, 0.1):
            x = torch.from_numpy(observe(path, level, random_state=1)).reshape(1, 1, -1, 1)
            t = FINE * every * torch.arange(x.shape[2], dtype=torch.float64)[None, None]
            mask = torch.ones_like(t, dtype=torch.bool)
            scaling = fim_sde_scaling(x, t, mask)
            fits = fit_polynomials(pad(scaling.normalise(x), (0, 2)), scaling.normalise_times(t), mask, 3)
            queries = pad(scaling.normalise(torch.from_numpy(grid)[None]), (0, 2))
            drifts, squares, _ = evaluate_fits(fits, 3, queries)
            found = [scaling.field(drifts[:, :, k, :1])[0] for k in range(3)]
            sizes = [scaling.diffusion(squares[:, :, k, :1].clamp(min=0).sqrt())[0] for k in range(2)]
            errors = [float(((f.numpy() - drift) ** 2).mean()) for f in found]
            errors += [float(((g.numpy() - diffusion) ** 2).mean()) for g in sizes]
            print(f"| {FINE * every:g} | {level:g} | " + " | ".join(f"{error:.3g}" for error in errors) + " |")


if __name__ == "__main__":
    main()
