"""Growth at twice the prefix: ``python docs/design/experiments/forecast_growth.py``.

Errors, in per cent of the truth, of the default forecaster and of the expert of growth curves alone; sixty points,
without noise and with noise of .5% of the range, of four seeds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from skdyn import LASSODEForecaster
from skdyn.forecasting.experts.registry import get_expert

CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{f"exp({rate} t)": lambda t, rate=rate: np.exp(rate * t) for rate in (1, 2, 3, 4)},
    "logistic, turns at .6": lambda t: 1 / (1 + np.exp(-8 * (t - 0.6))),
    "logistic, turns at .9": lambda t: 1 / (1 + np.exp(-6 * (t - 0.9))),
}


def main() -> None:
    """Print a row for every curve and noise."""
    warnings.simplefilter("ignore")
    t, later = np.linspace(0, 1, 60), np.array([2.0])
    print(f"{'curve':24}{'noise':>7}  default, growth alone (largest error of the seeds, %)")
    for noise, seeds in ((0.0, 1), (0.005, 4)):
        for name, curve in CURVES.items():
            errors = []
            for seed in range(seeds):
                x = curve(t)
                x = (x + noise * np.ptp(x) * np.random.default_rng(seed).normal(size=len(t)))[:, None]
                default = np.ravel(LASSODEForecaster(device="cpu").fit([(t, x)]).predict(later))
                alone = np.ravel(get_expert("growth").fit(t, x)(later))
                errors.append(100 * np.abs(np.array([default[0], alone[0]]) / curve(later) - 1))
            largest = np.max(errors, axis=0)
            print(f"{name:24}{noise:7.3f}{largest[0]:9.2f}{largest[1]:14.2f}", flush=True)


if __name__ == "__main__":
    main()
