"""How high the drift of the double well rises between its wells, as the true positions tell: ten seeds, in units of
the truth. FIM-SDE as it is, the likeliest cubic drift given the true diffusion, and the latter's standard error.
"""

import numpy as np

from skdyn import FIMSDERegressor
from skdyn.benchmarks.coarse_graining import likeliest_cubic
from skdyn.datasets import load_sde_systems
from skdyn.datasets.sde_systems import simulate_sde

STEP = 0.002
TURNS = np.array([-(3**-0.5), 3**-0.5])

(system,) = load_sde_systems(["double-well"])
rise = np.ptp(system.drift(TURNS[:, None]))
print("frames  seeds  FIM-SDE: median [least, largest]  within 25%  cubic: median [least, largest]  within 25%  error")
for count in (5000, 20000):
    t, rows = STEP * np.arange(count), []
    for seed in range(10):
        x = simulate_sde(system, count, dt=STEP, seeds=(seed,))[0]
        drift = FIMSDERegressor().fit(x, t=t).vector_field(TURNS[:, None])[:, 0]
        powers = np.vander(x[:-1, 0], 4, increasing=True) / system.diffusion(x[:-1]).clip(1e-3)
        lever = np.diff(np.vander(TURNS, 4, increasing=True), axis=0)[0]
        error = np.sqrt(lever @ np.linalg.solve(powers.T @ powers * STEP, lever))
        rows.append([np.diff(drift)[0], np.diff(likeliest_cubic(t, x[:, 0], system)(TURNS))[0], error])
    found = np.array(rows) / rise
    heights = [
        f"{np.median(values):6.2f} [{values.min():.2f}, {values.max():.2f}]  {(abs(values - 1) < 0.25).sum():6}"
        for values in found.T[:2]
    ]
    print("  ".join([f"{count:6}  {len(found):5}", *heights, f"{np.median(found[:, 2]):.2f}"]))
