"""The equation behind a video of a blob in two wells, from the pixels alone.

``python docs/examples/coarse_graining.py [FOLDER]`` films the blob, trains the autoencoder (a progress bar says how
long that takes), prints what was found beside the truth and writes three pictures to the folder (a
temporary one by default).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from skdyn import FIMCoarseGrainer, FIMSDERegressor
from skdyn.datasets import load_sde_systems, make_blob_video

(TRUTH,) = load_sde_systems(["double-well"])


def main(folder, model="fim-sde", n_frames=5000, size=51, **settings):
    video = make_blob_video(n_frames, size=size)
    grainer = FIMCoarseGrainer(model=model, random_state=0, verbose=True, **settings).fit(video.frames, t=video.t)
    oracle = FIMSDERegressor(model).fit(video.x, t=video.t)
    codes, positions = grainer.transform(video.frames)[:, 0], video.x[:, 0]
    slope, offset = np.polyfit(codes, positions, 1)  # to compare; the training knows nothing of the positions

    print(f"correlation of code and position: {abs(np.corrcoef(codes, positions)[0, 1]):.3f}")
    print(f"error of the next frame, as a fraction of the variance: {-grainer.score(video.frames, t=video.t):.3f}")
    for point in grainer.equilibria():
        print(f"equilibrium at position {slope * point.state[0] + offset:.2f}: {point.kind}")

    pictures = {
        "video": draw_video(video, grainer),
        "code": draw_code(codes, positions, slope, offset),
        "equation": draw_equation(grainer, oracle, positions, slope, offset),
    }
    for name, figure in pictures.items():
        figure.savefig(Path(folder, f"coarse_graining_{name}.png"), dpi=110)


def draw_video(video, grainer):
    """Some frames, and below each what the decoder makes of its code."""
    chosen = [np.abs(video.x[:, 0] - at).argmin() for at in np.linspace(video.x.min(), video.x.max(), 5)]
    decoded = grainer.inverse_transform(grainer.transform(video.frames[chosen]))
    figure = Figure(figsize=(8.5, 3.7), layout="constrained")
    axes = figure.subplots(2, len(chosen))
    for column, (i, frame) in enumerate(zip(chosen, decoded, strict=True)):
        for ax, image in zip(axes[:, column], (video.frames[i], frame), strict=True):
            ax.imshow(image.reshape(video.size, video.size), cmap="magma", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        axes[0, column].set_title(f"t = {video.t[i]:.2f}", fontsize=10)
    axes[0, 0].set_ylabel("frame")
    axes[1, 0].set_ylabel("decoded")
    return figure


def draw_code(codes, positions, slope, offset):
    """Code against position, which the training has never seen."""
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    ax = figure.subplots()
    ends = np.array([positions.min(), positions.max()])
    ax.plot(ends, (ends - offset) / slope, color="0.6", linewidth=1, label="straight line")
    ax.plot(positions, codes, ".", color="tab:blue", markersize=2, alpha=0.4, label="frames")
    ax.set(xlabel="true position", ylabel="code")
    ax.legend(frameon=False)
    return figure


def draw_equation(grainer, oracle, positions, slope, offset):
    """Drift and diffusion over the positions visited, with the code mapped to the position by a straight line."""
    x = np.linspace(positions.min(), positions.max(), 121)[:, None]
    z = (x - offset) / slope
    curves = {
        "drift": (TRUTH.drift(x), oracle.vector_field(x), slope * grainer.vector_field(z)),
        "diffusion": (TRUTH.diffusion(x), oracle.diffusion(x), abs(slope) * grainer.diffusion(z)),
    }
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for ax, (name, (truth, seen, learned)) in zip(figure.subplots(1, 2), curves.items(), strict=True):
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.plot(x, truth, "k--", linewidth=1.4, label="truth")
        ax.plot(x, seen, color="tab:orange", linewidth=1.6, label="from the true position")
        ax.plot(x, learned, color="tab:blue", linewidth=1.6, label="from the video")
        ax.set(xlabel="position", ylabel=name)
        ax.legend(frameon=False)
    return figure


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
