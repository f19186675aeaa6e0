"""The same panel in one process, in several, by Dask and by Ray: ``python -m skdyn.benchmarks scale --panel``."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_POINTS, _HORIZON = 50, 10
_WORKERS = 2
_LIMIT_S = 180.0
"""For ten thousand groups in two processes on two quiet cores."""
_OF_LIMIT = 10_000


def print_panels(groups: int, backends: list[str]) -> None:
    """Fit and forecast so many groups in every way there is; print seconds, and whether the rows are the same."""
    table = _table(groups)
    print(f"{groups} groups of {_POINTS} points in 2 variables, fitted and forecast {_HORIZON} times ahead")
    print(f"{'':24}{'seconds':>12}{'processor':>12}{'groups/s':>12}  rows", flush=True)
    first: pd.DataFrame | None = None
    for name in backends:
        run = _BACKENDS[name]
        if find_spec(name) is None and name in ("dask", "ray"):
            print(f"{name:24}  is not installed", flush=True)
            continue
        start, given = time.perf_counter(), time.process_time()
        rows = run(table)
        took, given = time.perf_counter() - start, time.process_time() - given
        own = f"{given:.1f}" if name == "alone" else ""  # of workers nothing is known
        said = "" if first is None else ("the same" if _same(first, rows) else "OTHERS")
        first = rows if first is None else first
        over = "   OVER" if name == "processes" and took * _OF_LIMIT / groups > _LIMIT_S else ""
        print(f"{_LABELS[name]:24}{took:12.1f}{own:>12}{groups / took:12.1f}  {said}{over}", flush=True)


def _table(groups: int) -> pd.DataFrame:
    import pandas as pd

    rng = np.random.default_rng(0)
    t = np.linspace(0, 8, _POINTS)
    rates, phases = rng.uniform(0.7, 1.6, (groups, 1)), rng.uniform(0, 6, (groups, 1))
    decay, angles = np.exp(-0.1 * t), rates * t + phases
    x, y = (decay * part + 0.01 * rng.normal(size=angles.shape) for part in (np.cos(angles), -np.sin(angles)))
    columns = {"group": np.repeat(np.arange(groups), len(t)), "t": np.tile(t, groups), "x": x.ravel(), "y": y.ravel()}
    return pd.DataFrame(columns)


def _fitted(table: pd.DataFrame, n_jobs: int) -> pd.DataFrame:
    from skdyn.panel import fit_panel

    return fit_panel(table, "group", outputs="forecast", horizon=_HORIZON, n_jobs=n_jobs)


def _by_dask(table: pd.DataFrame) -> pd.DataFrame:
    import joblib
    from dask.distributed import Client

    with (
        Client(n_workers=_WORKERS, threads_per_worker=1, dashboard_address=None),
        joblib.parallel_config(backend="dask"),
    ):
        return _fitted(table, _WORKERS)


def _by_ray(table: pd.DataFrame) -> pd.DataFrame:
    import joblib
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=_WORKERS, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray"):
            return _fitted(table, _WORKERS)
    finally:
        ray.shutdown()


_BACKENDS: dict[str, Callable[[Any], Any]] = {
    "alone": lambda table: _fitted(table, 1),
    "processes": lambda table: _fitted(table, _WORKERS),
    "dask": _by_dask,
    "ray": _by_ray,
}
_LABELS = {"alone": "n_jobs=1", "processes": f"n_jobs={_WORKERS}", "dask": "Dask", "ray": "Ray"}
BACKENDS = tuple(_BACKENDS)


def _same(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether two results are equal to the last bit."""
    pairs = zip(a["forecast"], b["forecast"], strict=True)
    return (
        bool((a.index == b.index).all())
        and list(a["error"]) == list(b["error"])
        and all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)
    )
