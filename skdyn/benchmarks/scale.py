"""How time and memory grow with the size of the problem: ``python -m skdyn.benchmarks scale``.

Along each axis the same operation runs at growing sizes; printed are seconds of processor time, the peak of the
process's memory where the system tells it (Linux), and the exponents in the size, fitted to the three largest sizes, of
the time and of the memory above what was in use before. Each axis has a process of its own, so that memory that earlier
ones have left does not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skdyn.benchmarks.panel_backends import BACKENDS, print_panels

_LIMIT_MB = 1500.0
_LINEAR = 1.1
_ATTENTION = 2.1
_NOTHING_MB = 16.0
"""Memory below which the growth is that of caches and of the allocator."""


@dataclass(frozen=True)
class Axis:
    """Sizes of something, and what is done at each.

    Attributes
    ----------
    name : str
    sizes : tuple of int
    prepare : callable (int) -> callable () -> Any
        What is measured, made ready outside the measurement.
    most : float, default=1.1
        Largest exponent of the time; context attention is quadratic.
    """

    name: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], Callable[[], Any]]
    most: float = _LINEAR


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--axes", nargs="+", choices=[axis.name for axis in AXES], help="which axes (default: all)")
    parser.add_argument("--most", type=float, default=1e6, help="largest size along any axis (default: %(default)g)")
    parser.add_argument(
        "--panel",
        type=int,
        nargs="?",
        const=10_000,
        metavar="GROUPS",
        help="instead: so many groups (default: 10,000) by one process, two, Dask and Ray",
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS, help="of the panel")


def run(options: argparse.Namespace) -> int:
    """Measure along every axis and print a table of each."""
    if options.panel is not None:
        print_panels(options.panel, options.backends)
        return 0
    axes = [axis for axis in AXES if axis.name in (options.axes or [axis.name])]
    if len(axes) == 1:
        _print_axis(axes[0], options.most)
        return 0
    command = [sys.executable, "-m", "skdyn.benchmarks", "scale", "--most", str(options.most), "--axes"]
    return max(subprocess.run([*command, axis.name], check=False).returncode for axis in axes)


def _print_axis(axis: Axis, most: float) -> None:
    sizes = [size for size in axis.sizes if size <= most] or [axis.sizes[0]]
    seconds, peaks = [], []
    axis.prepare(sizes[0])()  # what the first call of a process costs is not of the axis
    print(f"\n{axis.name:>16}{'seconds':>12}{'peak MB':>12}", flush=True)
    for size in sizes:
        call = axis.prepare(size)
        before = _restart_peak()
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
        peaks.append(_peak())
        over = "   OVER" if peaks[-1] > _LIMIT_MB else ""
        print(f"{size:16}{seconds[-1]:12.3f}{peaks[-1]:12.0f}{over}", flush=True)
        peaks[-1] -= before
    own = f"{exponent(sizes, peaks):.2f}" if max(peaks) > _NOTHING_MB else "none"
    over = "   OVER" if exponent(sizes, seconds) > axis.most else ""
    print(f"{'exponent':>16}{exponent(sizes, seconds):12.2f}{own:>12}{over}", flush=True)


def exponent(sizes: list[int], values: list[float]) -> float:
    """Slope of the logarithms of values over those of sizes, for the three largest; NaN where nothing grows.

    Examples
    --------
    >>> round(exponent([1, 10, 100, 1000], [5.0, 1.0, 100.0, 10000.0]), 3)
    2.0
    """
    x, y = np.array(sizes[-3:], dtype=float), np.array(values[-3:])
    if len(x) < 2 or not (y > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _restart_peak() -> float:
    """Forget the peak of the process's memory so far; the memory now, in MB."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), float("nan"))


def _orbits(count: int, points: int, dim: int = 2) -> list[tuple[np.ndarray, np.ndarray]]:
    """Damped oscillations of ``dim`` variables."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 8, points)
    rates, phases = 1 + np.arange(dim) / dim, rng.uniform(0, 6, (count, dim))
    return [(t, np.exp(-0.1 * t)[:, None] * np.cos(t[:, None] * rates + phase)) for phase in phases]


def _fit(data: list[tuple[np.ndarray, np.ndarray]]) -> Any:
    from skdyn import FIMODERegressor

    return FIMODERegressor(device="cpu").fit(data)


def _fitting(make: Callable[[int], Any]) -> Callable[[int], Callable[[], Any]]:
    def prepare(size: int) -> Callable[[], Any]:
        data = make(size)
        return lambda: _fit(data)

    return prepare


def _querying(size: int) -> Callable[[], Any]:
    estimator, points = _fit(_orbits(3, 100)), np.random.default_rng(1).normal(size=(size, 2))
    return lambda: estimator.vector_field(points)


def _simulating(size: int) -> Callable[[], Any]:
    estimator, starts = _fit(_orbits(3, 100)), np.random.default_rng(1).normal(size=(size, 2))
    return lambda: estimator.simulate(starts, np.linspace(0, 4, 20))


def _asking_times(size: int) -> Callable[[], Any]:
    estimator, t = _fit(_orbits(3, 100)), np.linspace(0, 20, size)
    return lambda: estimator.simulate([1.0, 0.0], t)


def _scoring(size: int) -> Callable[[], Any]:
    estimator, data = _fit(_orbits(3, 100)), _orbits(size, 20)
    return lambda: estimator.score(data)


def _forecasting(make: Callable[[int], Any]) -> Callable[[int], Callable[[], Any]]:
    def prepare(size: int) -> Callable[[], Any]:
        from skdyn import LASSODEForecaster

        data = make(size)
        return lambda: LASSODEForecaster(device="cpu", ensemble=None).fit(data).predict(horizon=50)

    return prepare


def _panels(size: int) -> Callable[[], Any]:
    import pandas as pd

    from skdyn.panel import fit_panel

    parts = [pd.DataFrame({"g": k, "t": t, "x": x[:, 0], "y": x[:, 1]}) for k, (t, x) in enumerate(_orbits(size, 50))]
    table = pd.concat(parts)
    return lambda: fit_panel(table, "g", outputs="forecast")


AXES = (
    Axis("encoded points", (500, 2_000, 4_000, 8_000), _fitting(lambda size: _orbits(1, size)), _ATTENTION),
    Axis("recorded points", (10_000, 100_000, 1_000_000), _fitting(lambda size: _orbits(1, size))),
    Axis("trajectories", (1_000, 10_000, 100_000), _fitting(lambda size: _orbits(size, 10))),
    Axis("variables", (4, 8, 16, 32, 64), _fitting(lambda size: _orbits(3, 60, size))),
    Axis("queries", (1_000, 10_000, 100_000, 1_000_000), _querying),
    Axis("initial states", (100, 1_000, 10_000), _simulating),
    Axis("times", (10_000, 100_000, 1_000_000), _asking_times),
    Axis("scored", (10, 100, 1_000), _scoring),
    Axis("series", (16, 64, 256), _forecasting(lambda size: _orbits(size, 100))),
    Axis("channels", (4, 16, 64), _forecasting(lambda size: _orbits(2, 100, size))),
    Axis("groups", (128, 512, 2_048), _panels),
)
