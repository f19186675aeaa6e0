"""Train an encoder and a decoder so that a frozen in-context model of their codes predicts the next frame.

For a frame ``y_i`` with code ``z_i = encoder(y_i)``, and drift f and diffusion g that the model reads off the codes of
a context of frames, the loss is ``|y_{i+1} - decoder(z_i + f(z_i) h + g(z_i) sqrt(h) noise)|^2`` with h the time from
one frame to the next. Gradients flow through the code and through the context; the model's weights are fixed.

That loss alone leaves codes folded: frames that lie far apart get codes that lie close together, and the decoder copes.
So training starts without the model, from coarse to fine: the codes are taken for a random walk, and the frame to
predict lies a good part of the system's own time ahead. Its noise smears the codes over a wide stretch, so that only an
order in which neighbours look alike can predict anything. The horizon shrinks to the next frame, and the model takes
over.

Source: *Towards Fast Coarse-graining and Equation Discovery with Foundation Inference Models*, arXiv:2510.12618.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from skdyn.coarse_graining.autoencoder import Autoencoder
from skdyn.coarse_graining.latent import LatentContext, LatentModel
from skdyn.coarse_graining.spread import check_spread, deviation
from skdyn.coarse_graining.windows import draw_transitions, draw_windows
from skdyn.exceptions import SkdynError

_WINDOW = 200  # transitions in a window of the context
_WARM_UP = 0.1  # of the steps, over which the learning rate rises
_SMALL_STEP = 0.02  # of the deviation of the codes
_LEAST_CHANGE = 1e-12  # keeps the logarithm finite where nothing changes
_COARSE = 0.6  # of the steps, over which the horizon shrinks


@dataclass(frozen=True)
class Recordings:
    """All frames in one tensor, scaled so that their variance is one.

    Attributes
    ----------
    frames : float32 Tensor of shape (N, D)
    times : float64 Tensor of shape (N,)
    lengths : tuple of int
        Frames of each recording, in order.
    """

    frames: Tensor
    times: Tensor
    lengths: tuple[int, ...]

    @property
    def mean_step(self) -> float:
        """Mean time from a frame to the next."""
        first = np.cumsum([0, *self.lengths])[:-1]
        last = np.cumsum(self.lengths) - 1
        spans = self.times[last] - self.times[first]
        return float(spans.sum()) / (sum(self.lengths) - len(self.lengths))


@dataclass(frozen=True)
class Settings:
    """How to train; see `FIMCoarseGrainer` for the meaning of each."""

    learning_rate: float
    max_iter: int
    context_size: int
    n_queries: int
    horizon: float
    isometry: float
    tol: float
    n_iter_no_change: int | None

    def horizon_at(self, step: int) -> float:
        """Lead time of a step's random walk, in the model's unit of time: it shrinks by a thousand, then it is zero."""
        progress = step / (_COARSE * self.max_iter)
        return self.horizon * 1e-3**progress if progress < 1 else 0.0


def train(
    autoencoder: Autoencoder,
    recordings: Recordings,
    latent: LatentModel,
    settings: Settings,
    seed: int,
    progress: bool = False,
) -> list[float]:
    """Train the modules of an autoencoder in place.

    The learning rate rises over the first tenth of the steps and then falls to zero (one cycle, Smith and Topin,
    arXiv:1708.07120).

    Parameters
    ----------
    autoencoder : Autoencoder
    recordings : Recordings
    latent : LatentModel
    settings : Settings
    seed : int
        Of the contexts, the queries and the noise.
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    list of float
        The loss of each step, as a fraction of the frames' variance.

    Raises
    ------
    SkdynError
        If a code collapses to a constant, or the loss is not finite.
    """
    modules = (autoencoder.encoder, autoencoder.decoder)
    optimizer = torch.optim.Adam([p for module in modules for p in module.parameters()], settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=int(settings.max_iter) + 1, pct_start=_WARM_UP
    )
    rng = np.random.default_rng(seed)
    losses: list[float] = []
    initial: Tensor | None = None
    for module in modules:
        module.train()
    with tqdm(total=settings.max_iter, desc="coarse-graining", unit="step", disable=not progress) as bar:
        for step in range(settings.max_iter):
            windows = draw_windows(recordings.lengths, _WINDOW, settings.context_size, rng)
            codes = autoencoder.encoder(recordings.frames[windows.frames[windows.mask]])
            initial = deviation(codes) if initial is None else initial
            check_spread(codes, initial, f"at step {step}")
            loss, decoded = prediction_loss(
                autoencoder,
                recordings,
                latent.context(codes, recordings.times[windows.frames], windows.mask),
                horizon=settings.horizon_at(step),
                n_queries=settings.n_queries,
                rng=rng,
            )
            if not bool(torch.isfinite(loss)):
                raise SkdynError(f"the loss is {loss.item()} at step {step}: choose a smaller learning_rate")
            optimizer.zero_grad()
            if settings.isometry > 0:
                penalty = stretch_variance(autoencoder.decoder, decoded, deviation(codes), rng)
                (loss + settings.isometry * penalty).backward()
            else:
                loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            fine = losses[round(_COARSE * settings.max_iter) :]
            if has_converged(fine, settings.tol, settings.n_iter_no_change):
                break
    for module in modules:
        module.eval()
    return losses


def prediction_loss(
    autoencoder: Autoencoder,
    recordings: Recordings,
    context: LatentContext,
    *,
    horizon: float,
    n_queries: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Mean square error of predicted frames.

    Parameters
    ----------
    autoencoder : Autoencoder
    recordings : Recordings
    context : LatentContext
    horizon : float
        Zero predicts next frames by the model. Otherwise, how far ahead to predict by a random walk of the codes, in
        the model's unit of time; a frame at least, and not beyond the recording.
    n_queries : int
        Most frames to predict from.
    rng : numpy.random.Generator

    Returns
    -------
    loss : Tensor of shape ()
    decoded : Tensor of shape (N, d)
        The codes of the predictions, without gradients.
    """
    ahead = max(1, int(horizon / (context.speed * recordings.mean_step)))
    device = recordings.frames.device
    now, later = (torch.from_numpy(i).to(device) for i in draw_transitions(recordings.lengths, ahead, n_queries, rng))
    z = autoencoder.encoder(recordings.frames[now])
    noise = torch.from_numpy(rng.standard_normal(z.shape)).to(z)
    if horizon > 0:
        moved = autoencoder.encoder(recordings.frames[later]) - z
        z = z + moved.square().mean(dim=0).sqrt() * noise
    else:
        step = (recordings.times[later] - recordings.times[now])[:, None].to(z.dtype)
        drift, diffusion = context.dynamics(z)
        z = z + drift * step
        if diffusion is not None:
            z = z + diffusion * step.sqrt() * noise
    return (autoencoder.decoder(z) - recordings.frames[later]).square().mean(), z.detach()


def stretch_variance(decoder: nn.Module, codes: Tensor, units: Tensor, rng: np.random.Generator) -> Tensor:
    """Variance of the logarithm of how much frames change with a small step of their codes in a random direction.

    It is zero if the decoder is an isometry up to a factor, in the units given.

    Parameters
    ----------
    decoder : torch.nn.Module
    codes : Tensor of shape (N, d)
    units : Tensor of shape (d,)
        Deviations of the codes.
    rng : numpy.random.Generator

    References
    ----------
    A. Gropp, M. Atzmon and Y. Lipman, *Isometric autoencoders*, arXiv:2006.09289, whose factor is one.
    """
    direction = torch.from_numpy(rng.standard_normal(codes.shape)).to(codes)
    step = _SMALL_STEP * units * direction / direction.norm(dim=1, keepdim=True)
    change = (decoder(codes + step) - decoder(codes - step)).square().mean(dim=1)
    return (change + _LEAST_CHANGE).log().var(correction=0) / 4


def has_converged(losses: Sequence[float], tol: float, patience: int | None) -> bool:
    """Whether the mean loss of the latest steps is not below that of as many steps before by a fraction ``tol``.

    Parameters
    ----------
    losses : sequence of float
    tol : float
    patience : int or None
        How many steps; None is never.

    Examples
    --------
    >>> has_converged([1.0, 0.9, 0.8, 0.7], 0.01, 2), has_converged([1.0, 0.9, 0.9, 1.0], 0.01, 2)
    (False, True)
    """
    if patience is None or len(losses) < 2 * patience:
        return False
    return bool(np.mean(losses[-patience:]) > (1 - tol) * np.mean(losses[-2 * patience : -patience]))
