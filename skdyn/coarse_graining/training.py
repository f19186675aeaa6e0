"""Train an encoder and a decoder so that a frozen in-context model of their codes predicts the next frame.

For a frame ``y_i`` with code ``z_i = encoder(y_i)``, and drift f and diffusion g that the model reads off the codes of
a context of frames, the loss is ``|y_{i+1} - decoder(z_i + f(z_i) h + g(z_i) sqrt(h) noise)|^2`` with h the time from
one frame to the next, where the drift is followed in several steps if it is fast. Gradients flow through the code and
through the context; the model's weights are fixed.

Where most of a frame is news, that loss alone rewards codes of the little that can be foreseen. So a frame has to be
found again from its code too: ``|y_i - decoder(z_i)|^2`` is weighed beside the prediction.

Both losses may leave codes folded: frames that lie far apart get codes that lie close together, and the decoder copes.
So training starts without the model, from coarse to fine: the codes are taken for a random walk, and the frame to
predict lies a good part of the system's own time ahead. Its noise smears the codes over a wide stretch, so that only an
order in which neighbours look alike can predict anything. The horizon shrinks, and once it is less than two
frames the model takes over; where it is that short to begin with, the model is there from the start.

Source: *Towards Fast Coarse-graining and Equation Discovery with Foundation Inference Models*, arXiv:2510.12618.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from skdyn.coarse_graining.autoencoder import Autoencoder
from skdyn.coarse_graining.latent import LatentContext, LatentModel
from skdyn.coarse_graining.spread import check_spread, deviation
from skdyn.coarse_graining.steps import follow, steps_of
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
    reconstruction: float
    denoising: float
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
    watch: Callable[[int], None] | None = None,
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
    watch : callable, optional
        Called after each step with the number of steps taken.

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
            losses_of_step = losses_of(
                autoencoder,
                recordings,
                latent.context(codes, recordings.times[windows.frames], windows.mask),
                horizon=settings.horizon_at(step),
                n_queries=settings.n_queries,
                denoising=settings.denoising,
                rng=rng,
            )
            loss = losses_of_step.balanced(settings.reconstruction)
            if not bool(torch.isfinite(loss)):
                raise SkdynError(f"the loss is {loss.item()} at step {step}: choose a smaller learning_rate")
            optimizer.zero_grad()
            if settings.isometry > 0:
                penalty = stretch_variance(autoencoder.decoder, losses_of_step.codes, deviation(codes), rng)
                (loss + settings.isometry * penalty).backward()
            else:
                loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            if watch is not None:
                watch(step + 1)
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            fine = losses[round(_COARSE * settings.max_iter) :]
            if has_converged(fine, settings.tol, settings.n_iter_no_change):
                break
    for module in modules:
        module.eval()
    return losses


class Losses(NamedTuple):
    """Mean square errors of predicted and of decoded frames, and the codes (N, d) of predictions, without gradients."""

    prediction: Tensor
    reconstruction: Tensor
    codes: Tensor

    def balanced(self, reconstruction: float) -> Tensor:
        """Mean of the two, where the second has a weight in units of the first's."""
        return (self.prediction + reconstruction * self.reconstruction) / (1 + reconstruction)


def losses_of(
    autoencoder: Autoencoder,
    recordings: Recordings,
    context: LatentContext,
    *,
    horizon: float,
    n_queries: int,
    denoising: float,
    rng: np.random.Generator,
) -> Losses:
    """Mean square errors of predicted frames, and of the frames that they are predicted from.

    Parameters
    ----------
    autoencoder : Autoencoder
    recordings : Recordings
    context : LatentContext
    horizon : float
        How far ahead to predict by a random walk of the codes, in the model's unit of time, not beyond the recording;
        less than two frames predicts next frames by the model.
    n_queries : int
        Most frames to predict from.
    denoising : float
        Deviation of the noise that the encoder sees in each feature of those frames.
    rng : numpy.random.Generator
    """
    ahead = int(horizon / (context.speed * recordings.mean_step))
    device = recordings.frames.device
    pairs = draw_transitions(recordings.lengths, max(ahead, 1), n_queries, rng)
    now, later = (torch.from_numpy(i).to(device) for i in pairs)
    frames = recordings.frames[now]
    seen = frames + denoising * torch.from_numpy(rng.standard_normal(frames.shape)).to(frames) if denoising else frames
    start = autoencoder.encoder(seen)
    noise = torch.from_numpy(rng.standard_normal(start.shape)).to(start)
    if ahead > 1:
        moved = autoencoder.encoder(recordings.frames[later]) - start
        z = start + moved.square().mean(dim=0).sqrt() * noise
    else:
        step = (recordings.times[later] - recordings.times[now])[:, None].to(start.dtype)
        drift, diffusion = context.dynamics(start)
        count = steps_of((drift * step).detach(), deviation(start))
        z = follow(lambda codes: context.dynamics(codes)[0], start, step, count, drift)
        if diffusion is not None:
            z = z + diffusion * step.sqrt() * noise
    predicted, again = autoencoder.decoder(torch.cat([z, start])).split(len(z))
    return Losses((predicted - recordings.frames[later]).square().mean(), (again - frames).square().mean(), z.detach())


def stretch_variance(decoder: nn.Module, codes: Tensor, units: Tensor, rng: np.random.Generator) -> Tensor:
    """Variance of the logarithm of how much frames change with a small step of their codes in a random direction.

    It is zero if the decoder is an isometry up to a factor, as principal components are.

    Parameters
    ----------
    decoder : torch.nn.Module
    codes : Tensor of shape (N, d)
    units : Tensor of shape (d,)
        Deviations of the codes, whose root mean square is the unit of a step.
    rng : numpy.random.Generator

    References
    ----------
    A. Gropp, M. Atzmon and Y. Lipman, *Isometric autoencoders*, arXiv:2006.09289, whose factor is one.
    """
    direction = torch.from_numpy(rng.standard_normal(codes.shape)).to(codes)
    step = _SMALL_STEP * units.square().mean().sqrt() * direction / direction.norm(dim=1, keepdim=True)
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
