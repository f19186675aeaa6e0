"""Learn an autoencoder from recordings: on trial first, with the last frames held out, then on all of them.

What is held out tells how many steps to train for: after how many do codes foresee and summarise frames that they have
not seen best? None may be best, and the principal components that training starts from are then the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from skdyn.coarse_graining.autoencoder import Autoencoder
from skdyn.coarse_graining.latent import LatentModel
from skdyn.coarse_graining.steps import follow, steps_of
from skdyn.coarse_graining.training import Recordings, Settings, train
from skdyn.coarse_graining.windows import draw_transitions, draw_windows
from skdyn.nn.plain_torch import plain_torch

Recording = tuple[np.ndarray, np.ndarray]
"""Times (L,) and frames (L, D)."""

_WINDOW = 200  # transitions in a window of the context
_MOST = 10_000  # transitions that are judged
_LOOKS = 5  # at what is held out, evenly over the trial


@plain_torch()
def learn(
    recordings: Sequence[Recording],
    build: Callable[[np.ndarray], Autoencoder],
    latent: LatentModel,
    settings: Settings,
    seed: int,
    *,
    held_out: float | None,
    progress: bool = False,
) -> tuple[Autoencoder, list[float]]:
    """Build an autoencoder and train it for as many steps as do best on what is held out.

    Parameters
    ----------
    recordings : sequence of (t, frames)
    build : callable
        From frames (N, D) to an autoencoder.
    latent : LatentModel
    settings : Settings
    seed : int
    held_out : float or None
        Fraction of each recording, at its end, by which training is judged. None trains without.
    progress : bool, default=False

    Returns
    -------
    autoencoder : Autoencoder
    losses : list of float
        Of each step; none if it is as it was built.
    """
    parts = None if held_out is None else split(recordings, held_out)
    if parts is not None:
        settings = replace(settings, max_iter=best_steps(*parts, build, latent, settings, seed, progress))
    autoencoder = build(_frames(recordings))
    if settings.max_iter == 0:
        return autoencoder, []
    return autoencoder, train(autoencoder, prepare(autoencoder, recordings), latent, settings, seed, progress)


def best_steps(
    seen: Sequence[Recording],
    unseen: Sequence[Recording],
    build: Callable[[np.ndarray], Autoencoder],
    latent: LatentModel,
    settings: Settings,
    seed: int,
    progress: bool,
) -> int:
    """After how many steps of training on what is seen the error on what is not is least, of a few that are tried."""
    autoencoder = build(_frames(seen))
    prepared, held_out = prepare(autoencoder, seen), prepare(autoencoder, unseen)
    every = -(-settings.max_iter // _LOOKS)
    errors: dict[int, float] = {}

    def look(steps: int) -> None:
        if steps % every == 0 or steps == settings.max_iter:
            errors[steps] = held_out_error(autoencoder, latent, prepared, held_out)

    look(0)
    train(autoencoder, prepared, latent, settings, seed, progress, look)
    return min(errors, key=lambda steps: errors[steps] if np.isfinite(errors[steps]) else np.inf)


def prepare(autoencoder: Autoencoder, recordings: Sequence[Recording]) -> Recordings:
    """Scaled frames of recordings where the autoencoder is."""
    frames = autoencoder.scaled(_frames(recordings))
    times = torch.from_numpy(np.concatenate([t for t, _ in recordings])).to(frames.device)
    return Recordings(frames, times, tuple(len(t) for t, _ in recordings))


def split(recordings: Sequence[Recording], fraction: float) -> tuple[list[Recording], list[Recording]] | None:
    """What comes first of each recording, and its end, which share a frame; None if there is no end of two frames.

    Examples
    --------
    >>> import numpy as np
    >>> seen, unseen = split([(np.arange(10.0), np.zeros((10, 1))), (np.arange(2.0), np.zeros((2, 1)))], 0.2)
    >>> [t.tolist() for t, _ in unseen], [len(t) for t, _ in seen]
    ([[7.0, 8.0, 9.0]], [8, 2])
    """
    seen, unseen = [], []
    for t, frames in recordings:
        cut = len(t) - int(fraction * len(t))
        if 2 <= cut < len(t):
            unseen.append((t[cut - 1 :], frames[cut - 1 :]))
            t, frames = t[:cut], frames[:cut]
        seen.append((t, frames))
    return (seen, unseen) if unseen else None


@torch.no_grad()
def held_out_error(autoencoder: Autoencoder, latent: LatentModel, seen: Recordings, unseen: Recordings) -> float:
    """Mean square error of predicted and of decoded frames together, with the context from what was seen."""
    rng = np.random.default_rng(0)
    windows = draw_windows(seen.lengths, _WINDOW, _MOST, rng)
    codes = autoencoder.encoder(seen.frames[windows.frames[windows.mask]])
    context = latent.context(codes, seen.times[windows.frames], windows.mask)
    now, later = (torch.from_numpy(i) for i in draw_transitions(unseen.lengths, 1, _MOST, rng))
    start = autoencoder.encoder(unseen.frames[now])
    step = (unseen.times[later] - unseen.times[now])[:, None].to(start.dtype)
    drift, _ = context.dynamics(start)
    count = steps_of(drift * step, codes.std(dim=0))
    z = follow(lambda codes: context.dynamics(codes)[0], start, step, count, drift)
    predicted = (autoencoder.decoder(z) - unseen.frames[later]).square().mean()
    decoded = (autoencoder.decoder(start) - unseen.frames[now]).square().mean()
    return float(predicted + decoded)


def _frames(recordings: Sequence[Recording]) -> np.ndarray:
    return np.concatenate([frames for _, frames in recordings])
