"""How fast should the correction at the join fade? ``python docs/design/experiments/forecast_join.py [recordings]``.

Mean square error of the forecasts of the benchmark's cases, in half ranges, for several fades and for none.
"""

import sys

import numpy as np
from tqdm import tqdm

import skdyn.forecasting.curve as curve_module
from skdyn.benchmarks.forecast_cases import RATIOS, Setting, make_cases
from skdyn.datasets.families import FAMILIES
from skdyn.models.weights import load_model

FADES = (1e-3, 0.01, 0.03, 0.1, 0.3)


def forecast(network, case, fade):
    curve_module.JOIN = fade
    values = curve_module.Curve(network, case.times, case.values, case.future[-1]).values(case.future)
    return values[..., values.shape[-1] // 2]


def main(recordings):
    network = load_model("lass-ode").network
    for noise in (0.0, 0.05):
        errors = {}
        for family in tqdm(FAMILIES, desc=f"noise {noise:g}", unit="family"):
            for case in make_cases(family, Setting(noise, 0.0), recordings):
                for fade in FADES:
                    errors.setdefault((case.split, fade), []).append(case.error(forecast(network, case, fade)))
        for split in ("in-domain", "zero-shot"):
            cells = "  ".join(f"{fade:g}: {100 * np.mean(errors[split, fade]):.2f}" for fade in FADES)
            print(
                f"noise {noise:g}, {split}, {recordings} recordings a family, prefixes {RATIOS}, error x 100: {cells}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
