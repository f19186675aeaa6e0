"""Learn an autoencoder from recordings: on trial first, with the last frames held out, then on all of them.

What is trained has to foresee and to summarise frames that it has not seen better than the principal components that
it starts from do; otherwise these are the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from skdyn.coarse_graining.autoencoder import Autoencoder
from skdyn.coarse_graining.latent import LatentModel
from skdyn.coarse_graining.steps import follow, steps_of
from skdyn.coarse_graining.training import Recordings, Settings, train
from skdyn.coarse_graining.windows import draw_transitions, draw_windows

Recording = tuple[np.ndarray, np.ndarray]
"""Times (L,) and frames (L, D)."""

_WINDOW = 200  # transitions in a window of the context
_MOST = 10_000  # transitions that are judged


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
    """Build an autoencoder and train it, or leave it as it was built where that does better on what is held out.

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
        tried, unseen = parts
        autoencoder = build(_frames(tried))
        seen = prepare(autoencoder, tried)
        before = held_out_error(autoencoder, latent, seen, prepare(autoencoder, unseen))
        train(autoencoder, seen, latent, settings, seed, progress)
        if not held_out_error(autoencoder, latent, seen, prepare(autoencoder, unseen)) < before:
            return build(_frames(recordings)), []
    autoencoder = build(_frames(recordings))
    return autoencoder, train(autoencoder, prepare(autoencoder, recordings), latent, settings, seed, progress)


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
