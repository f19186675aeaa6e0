"""Does the predicted error mean what it says? ``python -m skdyn.benchmarks calibration``.

The field's error at known systems is compared with the predicted Laplace scale: an interval of p percent should hold
the truth p percent of the time. Systems, noise and dropped points are ODEBench's; nothing is fitted to them here.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from tqdm import tqdm

from skdyn.benchmarks.odebench import Job, make_jobs
from skdyn.benchmarks.options import add_estimator, add_jobs, estimator_of
from skdyn.benchmarks.protocol import SETTINGS, Setting
from skdyn.exceptions import SkdynError

LEVELS = (0.5, 0.8, 0.95)
PLACES = ("path", "box")
_BOX_POINTS = 64
_PATH_STEP = 4
_CURVE = np.linspace(0.02, 0.98, 25)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_estimator(parser)
    parser.add_argument("--grid", action="store_true", help="all six settings of noise and gaps, not three")
    add_jobs(parser)
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw the reliability curves")


def run(options: argparse.Namespace) -> int:
    """Measure coverage and print it by place, number of variables and noise."""
    settings = SETTINGS if options.grid else (Setting(0, 0), Setting(0.05, 0), Setting(0.05, 0.5))
    estimator, params = estimator_of(options)
    jobs = [job for setting in settings for job in make_jobs(setting, 0, (1, 2, 3))]
    ratios: dict[tuple[str, int, Setting], list[np.ndarray]] = defaultdict(list)
    solved = Parallel(options.jobs, return_as="generator")(delayed(_ratios)(estimator, job) for job in jobs)
    for job, both in zip(jobs, tqdm(solved, total=len(jobs), desc="calibration", unit="context"), strict=True):
        for place, values in zip(PLACES, both, strict=True):
            ratios[place, job.system.dim, job.setting].append(values)
    joined = {key: np.concatenate(values) for key, values in ratios.items()}
    print(f"\n{options.estimator} {params or ''}: share of true fields inside the predicted interval")
    print(f"{'place':6}{'D':>3}{'(sigma, rho)':>14}{'values':>9}" + "".join(f"{f'{100 * p:g}%':>9}" for p in LEVELS))
    for (place, dim, setting), values in sorted(joined.items()):
        label = f"({setting.sigma:g}, {setting.rho:g})"
        shares = "".join(f"{100 * np.mean(values < interval(p)):9.1f}" for p in LEVELS)
        print(f"{place:6}{dim:3}{label:>14}{len(values):9}{shares}")
    if options.plot:
        _draw(joined, settings, options.plot)
        print(f"Reliability curves written to {options.plot}")
    return 0


def interval(level: float) -> float:
    """Half width, in scales, of the central interval of a Laplace distribution that holds a share ``level``."""
    return float(-np.log1p(-level))


def _ratios(estimator: Any, job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Absolute errors over predicted scales, along the clean path and in the context's box; empty if the fit fails."""
    try:
        fitted = clone(estimator).fit(job.observed)
    except SkdynError:
        return np.empty(0), np.empty(0)
    observed = job.observed.states[0]
    low, high = observed.min(axis=0), observed.max(axis=0)
    rng = np.random.default_rng([job.system.id, job.context])
    box = rng.uniform(low, high, (_BOX_POINTS, len(low)))
    results = []
    for points in (job.clean[::_PATH_STEP], box):
        with np.errstate(all="ignore"):
            truth = job.system.field(points)
        field, scale = fitted.vector_field(points, return_std=True)
        good = np.isfinite(truth)
        error, scale = np.abs(field - truth)[good], scale[good]
        results.append(np.divide(error, scale, out=np.where(error > 0, np.inf, 0.0), where=scale > 0))
    return results[0], results[1]


def _draw(joined: dict[tuple[str, int, Setting], np.ndarray], settings: tuple[Setting, ...], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    for ax, place in zip(figure.subplots(1, 2, sharey=True), PLACES, strict=True):
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="exact")
        for setting in settings:
            values = np.concatenate([part for (p, _, s), part in joined.items() if (p, s) == (place, setting)])
            shares = [np.mean(values < interval(level)) for level in _CURVE]
            ax.plot(_CURVE, shares, marker="o", markersize=3, label=f"noise {setting.sigma:g}, dropped {setting.rho:g}")
        where = {"path": "on the context's path", "box": "in the context's box"}[place]
        ax.set(title=where, xlabel="predicted probability", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        ax.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of true fields inside")
    figure.axes[1].legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
