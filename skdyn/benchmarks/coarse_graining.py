"""``python -m skdyn.benchmarks coarse-graining``: codes of recordings, and the equation behind a video.

Codes are compared with principal components on what is held out of recordings
(`skdyn.benchmarks.coarse_graining_recordings`). The video shows what the equation is worth: a blob moves across 51 x 51
pixels as a particle in two wells does, with a diffusion that vanishes at the edge. `FIMCoarseGrainer` sees the video;
the oracle, `FIMSDERegressor` with the same model, sees the position. The code is mapped to the position by the
straight line that fits best, and its drift and diffusion with it. The height of a drift is its rise from where the
truth is lowest between the wells to where it is highest, in units of the truth's; beside it stands that of the cubic
drift of largest likelihood, given the position and the true diffusion, as a measure of what the recording can tell.

Source: *Towards Fast Coarse-graining and Equation Discovery with Foundation Inference Models*, arXiv:2510.12618.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm

from skdyn.benchmarks.coarse_graining_recordings import (
    Comparison,
    Parts,
    compare,
    fit,
    print_comparisons,
    recordings,
)
from skdyn.datasets.blob_video import BlobVideo, make_blob_video, render_blob
from skdyn.datasets.sde_systems import load_sde_systems
from skdyn.estimators._fim_sde import FIMSDERegressor

_RESOLUTION = 81
_TURNS = (-(3**-0.5), 3**-0.5)  # where the true drift is lowest and highest between the wells
_DEGREE = 3
_UNSEEN = 1000  # added to the seed for the video that codes are judged by
_VIDEO = "video"
_COMPARED = (0.01, 0.99)  # quantiles of the path between which drift and diffusion are compared


@dataclass(frozen=True)
class Curves:
    """Drift and diffusion at positions, each of shape (N,)."""

    drift: np.ndarray
    diffusion: np.ndarray

    def errors(self, truth: Curves) -> tuple[float, float]:
        """Root mean square errors of drift and diffusion, relative to the truth's root mean square."""
        return _relative(self.drift, truth.drift), _relative(self.diffusion, truth.diffusion)


@dataclass(frozen=True)
class Case:
    """What one seed gave; errors are relative root mean squares, next-frame errors fractions of the variance."""

    seed: int
    correlation: float
    rank_correlation: float
    drift_error: float
    drift_error_oracle: float
    diffusion_error: float
    diffusion_error_oracle: float
    next_frame: float
    next_frame_oracle: float
    height: float
    height_oracle: float
    height_likelihood: float
    equilibria: tuple[tuple[str, float], ...]
    equilibria_oracle: tuple[tuple[str, float], ...]
    cpu_seconds: float


@dataclass(frozen=True)
class Picture:
    """Curves of one seed over the positions x (N,) where they are compared."""

    x: np.ndarray
    learned: Curves
    oracle: Curves
    truth: Curves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--seeds", type=int, default=3, help="how many, of video and training (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="*", metavar="NAME", help="of the recordings, 'video' among them (default: all)"
    )
    parser.add_argument("--model", default="fim-sde", help="name or folder of the model (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=5000, help="frames of the video (default: %(default)s)")
    parser.add_argument("--params", type=json.loads, default={}, help="parameters of FIMCoarseGrainer as JSON")
    parser.add_argument("--json", type=Path, help="write every case of the video with its curves")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw drift and diffusion of every seed")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    settings = {"model": options.model} | options.params
    found: list[Comparison] = []
    results: list[tuple[Case, Picture]] = []
    for parts in recordings():
        if not options.only or parts.name in options.only:
            seeds = _progress(options.seeds, parts.name)
            found.extend(compare(parts, fit(parts, seed, settings), seed) for seed in seeds)
    if not options.only or _VIDEO in options.only:
        for seed in _progress(options.seeds, _VIDEO):
            case, picture, comparison = run_case(seed, options.frames, settings)
            results.append((case, picture))
            found.append(comparison)
    if not found:
        raise ValueError(f"--only: no such recording: {' '.join(options.only)}")
    print_comparisons(found)
    if results:
        print_table([case for case, _ in results])
    if options.json:
        written = [dataclasses.asdict(case) | {"curves": dataclasses.asdict(curves)} for case, curves in results]
        options.json.write_text(json.dumps(written, indent=1, default=np.ndarray.tolist) + "\n", encoding="utf-8")
    if options.plot and results:
        draw([picture for _, picture in results], options.plot)
    return 0


def _progress(seeds: int, name: str) -> Any:
    return tqdm(range(seeds), desc=name, unit="seed")


def run_case(seed: int, n_frames: int, settings: dict[str, Any]) -> tuple[Case, Picture, Comparison]:
    """Train on the video of one seed and compare with the truth, with the oracle, and with principal components."""
    (system,) = load_sde_systems(["double-well"])
    video, unseen = (make_blob_video(n_frames, seed=s) for s in (seed, seed + _UNSEEN))
    parts = Parts(_VIDEO, 1, [(video.t, video.frames)], [(unseen.t, unseen.frames)])
    start = time.process_time()
    grainer = fit(parts, seed, settings)
    seconds = time.process_time() - start
    oracle = FIMSDERegressor(settings["model"]).fit(video.x, t=video.t)
    codes, positions = grainer.transform(video.frames)[:, 0], video.x[:, 0]
    slope, offset = np.polyfit(codes, positions, 1)

    low, high = np.quantile(positions, _COMPARED)
    x, turns = np.linspace(low, high, _RESOLUTION), np.array(_TURNS)
    learned = _curves(grainer, x, slope, offset)
    seen = _curves(oracle, x, 1.0, 0.0)
    truth = _curves(system, x, 1.0, 0.0)
    (drift, diffusion), (drift_oracle, diffusion_oracle) = learned.errors(truth), seen.errors(truth)
    rise = np.ptp(_curves(system, turns, 1.0, 0.0).drift)
    case = Case(
        seed=seed,
        correlation=abs(float(np.corrcoef(codes, positions)[0, 1])),
        rank_correlation=abs(float(spearmanr(codes, positions)[0])),
        drift_error=drift,
        drift_error_oracle=drift_oracle,
        diffusion_error=diffusion,
        diffusion_error_oracle=diffusion_oracle,
        next_frame=-grainer.score(video.frames, t=video.t),
        next_frame_oracle=_next_frame_error(video, oracle),
        height=float(np.diff(_curves(grainer, turns, slope, offset).drift)[0] / rise),
        height_oracle=float(np.diff(_curves(oracle, turns, 1.0, 0.0).drift)[0] / rise),
        height_likelihood=float(np.diff(likeliest_cubic(video.t, positions, system)(turns))[0] / rise),
        equilibria=_equilibria(grainer, slope, offset),
        equilibria_oracle=_equilibria(oracle, 1.0, 0.0),
        cpu_seconds=seconds,
    )
    return case, Picture(x, learned, seen, truth), compare(parts, grainer, seed)


def likeliest_cubic(t: np.ndarray, x: np.ndarray, system: Any) -> np.polynomial.Polynomial:
    """Cubic drift of largest likelihood of positions x (L,), for Euler steps with the true diffusion."""
    step, moved = np.diff(t), np.diff(x)
    weight = np.sqrt(step) / system.diffusion(x[:-1, None])[:, 0].clip(min=1e-3)
    basis = np.vander(x[:-1], _DEGREE + 1, increasing=True)
    coefficients = np.linalg.lstsq(basis * weight[:, None], moved / step * weight, rcond=None)[0]
    return np.polynomial.Polynomial(coefficients)


def _curves(dynamics: Any, x: np.ndarray, slope: float, offset: float) -> Curves:
    """Drift and diffusion at positions x (N,) of dynamics whose coordinate z is ``(x - offset) / slope``."""
    z = ((x - offset) / slope)[:, None]
    drift = dynamics.drift if hasattr(dynamics, "drift") else dynamics.vector_field
    return Curves(slope * drift(z)[:, 0], abs(slope) * dynamics.diffusion(z)[:, 0])


def _relative(estimate: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.square(estimate - truth).mean() / np.square(truth).mean()))


def _next_frame_error(video: BlobVideo, oracle: FIMSDERegressor) -> float:
    """Error of frames rendered at the position that the oracle predicts for them."""
    predicted = video.x[:-1] + oracle.predict(video.x[:-1]) * np.diff(video.t)[:, None]
    error = np.square(render_blob(predicted, video.size) - video.frames[1:]).mean()
    return float(error / np.square(video.frames - video.frames.mean(axis=0)).mean())


def _equilibria(estimator: Any, slope: float, offset: float) -> tuple[tuple[str, float], ...]:
    """Kind and position of each equilibrium of the drift, from left to right."""
    found = [
        (point.kind.split()[0], slope * float(point.state[0]) + offset)
        for point in estimator.equilibria(supported="all")
    ]
    return tuple(sorted(found, key=lambda item: item[1]))


def print_table(cases: list[Case]) -> None:
    """Print a row for each seed, the learned beside the oracle, and the median over the seeds."""
    print("\nLearned from the video, and (in brackets) by the oracle from the true position. Errors of drift and")
    print(
        "diffusion: root mean square over the positions visited, relative to the truth's. Height of the drift, of which"
    )
    print(
        "the truth's is 1: from the video, by the oracle, and of the likeliest cubic, given position and diffusion.\n"
    )
    print(
        "seed  correlation  rank    drift error    diffusion error  next-frame error  height               CPU seconds"
    )
    row = (
        "{:>4}  {:11.3f}  {:.4f}  {:.3f} ({:.3f})  {:.3f} ({:.3f})    {:.4f} ({:.4f})  {:.2f} ({:.2f}) {:.2f} {:15.0f}"
    )
    columns = [field.name for field in dataclasses.fields(Case) if field.type == "float"]
    values = np.array([[getattr(case, name) for name in columns] for case in cases])
    for case, numbers in zip(cases, values, strict=True):
        print(row.format(case.seed, *numbers))
    print(row.format("med.", *np.median(values, axis=0)))
    print("\nHeight of the drift, mean over the seeds and its standard error:")
    for who, name in (("video", "height"), ("oracle", "height_oracle"), ("likeliest cubic", "height_likelihood")):
        heights = [getattr(case, name) for case in cases]
        spread = f"{np.std(heights, ddof=1) / len(heights) ** 0.5:.2f}" if len(heights) > 1 else "unknown"
        print(f"{who:>16}  {np.mean(heights):5.2f} +- {spread}")
    print("\nEquilibria of the drift (the truth: stable at -1 and 1, unstable at 0)")
    for case in cases:
        print(f"{case.seed:>4}  {_listed(case.equilibria)}  (oracle: {_listed(case.equilibria_oracle)})")


def _listed(equilibria: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{kind} {position:.2f}" for kind, position in equilibria) or "none"


def draw(pictures: list[Picture], path: Path) -> None:
    """Draw drift and diffusion of every seed, the oracles' and the truth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax, name in zip(axes, ("drift", "diffusion"), strict=True):
        ax.axhline(0, color="0.6", linewidth=0.8)
        for i, picture in enumerate(pictures):
            for who, colour in (("oracle", "tab:orange"), ("learned", "tab:blue")):
                label = None if i else {"oracle": "from the true position", "learned": "from the video"}[who]
                curve = getattr(getattr(picture, who), name)
                ax.plot(picture.x, curve, color=colour, linewidth=1.2, alpha=0.7, label=label)
        widest = max(pictures, key=lambda picture: np.ptp(picture.x))
        ax.plot(widest.x, getattr(widest.truth, name), "k--", linewidth=1.4, label="truth")
        ax.set(xlabel="position", ylabel=name)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)
