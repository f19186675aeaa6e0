"""``python -m skdyn.benchmarks coarse-graining``: the equation behind a video, beside the one of the true coordinate.

A blob moves across 51 x 51 pixels as a particle in two wells does, with a diffusion that vanishes at the edge, for
5,000 frames. `FIMCoarseGrainer` sees the video; the oracle, `FIMSDERegressor` with the same model, sees the position.
The code is mapped to the position by the straight line that fits best, and its drift and diffusion with it.

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

from skdyn.datasets.blob_video import BlobVideo, make_blob_video, render_blob
from skdyn.datasets.sde_systems import load_sde_systems
from skdyn.estimators._coarse_graining import FIMCoarseGrainer
from skdyn.estimators._fim_sde import FIMSDERegressor

_RESOLUTION = 81
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
    parser.add_argument("--seeds", default="0,1,2", help="of video and training, by commas (default: %(default)s)")
    parser.add_argument("--model", default="fim-sde", help="name or folder of the model (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=5000, help="frames of the video (default: %(default)s)")
    parser.add_argument("--params", type=json.loads, default={}, help="parameters of FIMCoarseGrainer as JSON")
    parser.add_argument("--json", type=Path, help="write every case with its curves")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw drift and diffusion of every seed")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its table."""
    seeds = [int(text) for text in options.seeds.split(",")]
    results = [
        run_case(seed, options.model, options.frames, options.params)
        for seed in tqdm(seeds, desc="coarse-graining", unit="seed")
    ]
    cases = [case for case, _ in results]
    print_table(cases)
    if options.json:
        written = [dataclasses.asdict(case) | {"curves": dataclasses.asdict(curves)} for case, curves in results]
        options.json.write_text(json.dumps(written, indent=1, default=np.ndarray.tolist) + "\n", encoding="utf-8")
    if options.plot:
        draw([picture for _, picture in results], options.plot)
    return 0


def run_case(seed: int, model: str, n_frames: int = 5000, params: dict[str, Any] | None = None) -> tuple[Case, Picture]:
    """Train on the video of one seed and compare with the truth and with the oracle."""
    (system,) = load_sde_systems(["double-well"])
    video = make_blob_video(n_frames, seed=seed)
    settings: dict[str, Any] = {"model": model, "random_state": seed} | (params or {})
    start = time.process_time()
    grainer = FIMCoarseGrainer(**settings).fit(video.frames, t=video.t)
    seconds = time.process_time() - start
    oracle = FIMSDERegressor(model).fit(video.x, t=video.t)
    codes, positions = grainer.transform(video.frames)[:, 0], video.x[:, 0]
    slope, offset = np.polyfit(codes, positions, 1)

    low, high = np.quantile(positions, _COMPARED)
    x = np.linspace(low, high, _RESOLUTION)
    learned = _curves(grainer, x, slope, offset)
    seen = _curves(oracle, x, 1.0, 0.0)
    truth = _curves(system, x, 1.0, 0.0)
    (drift, diffusion), (drift_oracle, diffusion_oracle) = learned.errors(truth), seen.errors(truth)
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
        equilibria=_equilibria(grainer, slope, offset),
        equilibria_oracle=_equilibria(oracle, 1.0, 0.0),
        cpu_seconds=seconds,
    )
    return case, Picture(x, learned, seen, truth)


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
    print("diffusion: root mean square over the positions visited, relative to the truth's.\n")
    print("seed  correlation  rank    drift error    diffusion error  next-frame error  CPU seconds")
    row = "{:>4}  {:11.3f}  {:.4f}  {:.3f} ({:.3f})  {:.3f} ({:.3f})    {:.4f} ({:.4f})   {:11.0f}"
    columns = [field.name for field in dataclasses.fields(Case) if field.type == "float"]
    values = np.array([[getattr(case, name) for name in columns] for case in cases])
    for case, numbers in zip(cases, values, strict=True):
        print(row.format(case.seed, *numbers))
    print(row.format("med.", *np.median(values, axis=0)))
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
