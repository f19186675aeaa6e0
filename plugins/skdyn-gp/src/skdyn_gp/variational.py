"""Variational multiple shooting: the field's inducing values and the segments' first states, optimised together.

Letters: S segments, n steps of each, M inducing points, F Fourier features, D variables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from skdyn_gp.evidence import Array
from skdyn_gp.matching import Match
from skdyn_gp.posterior import FieldPosterior, kernels
from skdyn_gp.segments import Segments

_FEATURES = 64
_JITTER = 1e-6  # of a component's variance
_TIE = 1e-6  # squared distances that differ by less are equal: rounding must not choose
_LEAST = 1e-4  # variance of a whitened inducing value at the start
_CLIP = 10.0  # largest norm of a gradient


@dataclass(frozen=True)
class Settings:
    """How the bound is optimised.

    Attributes
    ----------
    inducing : int
    tolerance : float
        Standard deviation of a segment's first state around the last of the one before, in the variables' deviations.
    steps : int
    learning_rate : float
        At the start; it falls to zero along half a cosine.
    """

    inducing: int
    tolerance: float
    steps: int
    learning_rate: float


class Posterior(torch.nn.Module):
    """The variational posterior of field and first states, and the hyperparameters.

    Inducing values are ``u = C v``, C the Cholesky factor of their prior covariance, and q(v) is normal with a full
    covariance for each component; q of the first states is normal and diagonal.
    """

    def __init__(self, found: Match, segments: Segments, inducing: int) -> None:
        super().__init__()
        field = found.field
        centers = spread_out(found.states, inducing)
        prior = kernels(centers, centers, field.variances, field.lengths)
        jitter = _JITTER * field.variances[:, None, None] * np.eye(len(centers))
        root = np.linalg.cholesky(prior + jitter)
        whitened = np.linalg.solve(root, field.mean(centers).T[..., None])[..., 0]
        half = np.linalg.solve(root, field.covariance(centers))
        covariance = np.linalg.solve(root, half.transpose(0, 2, 1))
        values, vectors = np.linalg.eigh((covariance + covariance.transpose(0, 2, 1)) / 2)
        # Without noise, the differences of the posterior's covariance are rounding errors of either sign.
        values = np.clip(values, _LEAST, 1.0)
        factor = np.linalg.cholesky(vectors * values[:, None] @ vectors.transpose(0, 2, 1))
        noise = np.array([kernel.noise for kernel in found.smoother.kernels])

        def learned(values: Array) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.from_numpy(np.array(values, dtype=np.float64)))

        self.centers = learned(centers)
        self.log_variances, self.log_lengths = learned(np.log(field.variances)), learned(np.log(field.lengths))
        self.means, self.below = learned(whitened), learned(np.tril(factor, -1))
        self.log_diagonals = learned(np.log(np.diagonal(factor, axis1=1, axis2=2)))
        self.starts, self.log_deviations = learned(segments.starts), learned(np.log(segments.deviations + 1e-4))
        self.log_noise = learned(np.log(np.maximum(noise, 1e-6)))

    def factors(self) -> Tensor:
        """Cholesky factors (D, M, M) of the covariances of q(v)."""
        return torch.tril(self.below, -1) + torch.diag_embed(self.log_diagonals.exp())

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """Prior covariances (D, n, m) between points (n, D) and (m, D)."""
        lengths = self.log_lengths.exp()[:, None]
        a, b = a / lengths, b / lengths
        square = a.square().sum(-1)[:, :, None] + b.square().sum(-1)[:, None] - 2 * a @ b.transpose(1, 2)
        return self.log_variances.exp()[:, None, None] * torch.exp(-0.5 * square.clamp(min=0.0))

    def root(self) -> Tensor:
        """Cholesky factors (D, M, M) of the prior covariances of the inducing values."""
        jitter = _JITTER * self.log_variances.exp()[:, None, None] * torch.eye(len(self.centers), dtype=torch.float64)
        return torch.linalg.cholesky(self.kernel(self.centers, self.centers) + jitter)

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence of q(v) from the standard normal."""
        factors = self.factors()
        squares = factors.square().sum() + self.means.square().sum()
        return 0.5 * (squares - self.means.numel()) - self.log_diagonals.sum()


class SampledField:
    """A draw of the field: Fourier features of the prior, corrected to a draw of the inducing values.

    The decoupled sampling of Wilson et al. (2020, ICML, arXiv:2002.09309), as Hegde et al. use it.
    """

    def __init__(self, posterior: Posterior, generator: torch.Generator) -> None:
        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        dim, count = posterior.means.shape
        self.posterior = posterior
        self.frequencies = normal(dim, dim, _FEATURES) / posterior.log_lengths.exp()[..., None]
        self.phases = 2 * math.pi * torch.rand(dim, 1, _FEATURES, generator=generator, dtype=torch.float64)
        size = torch.sqrt(2 * posterior.log_variances.exp() / _FEATURES)[:, None]
        self.amplitudes = (size * normal(dim, _FEATURES))[..., None]
        root = posterior.root()
        drawn = posterior.means[..., None] + posterior.factors() @ normal(dim, count, 1)
        missing = root @ drawn - self._prior(posterior.centers)
        self.weights = torch.cholesky_solve(missing, root)

    def _prior(self, z: Tensor) -> Tensor:
        return torch.cos(z @ self.frequencies + self.phases) @ self.amplitudes

    def __call__(self, z: Tensor) -> Tensor:
        """Field (N, D) at points (N, D)."""
        values = self._prior(z) + self.posterior.kernel(z, self.posterior.centers) @ self.weights
        return values[..., 0].T


def fit(
    found: Match, segments: Segments, settings: Settings, seed: int, progress: bool
) -> tuple[FieldPosterior, Array]:
    """Maximise the bound by stochastic gradients; returns the field's posterior and the noise (D,) of observations."""
    generator = torch.Generator().manual_seed(seed)
    posterior = Posterior(found, segments, settings.inducing)
    bound = _Bound(segments, found.speeds, settings.tolerance)
    optimizer = torch.optim.Adam(posterior.parameters(), lr=settings.learning_rate, eps=1e-6)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    for _ in tqdm(range(settings.steps), desc="gp-shooting", unit="step", disable=not progress):
        optimizer.zero_grad()
        loss = -bound(posterior, generator)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(posterior.parameters(), _CLIP)
        if torch.isfinite(norm):  # a draw whose states run away says nothing
            optimizer.step()
        schedule.step()
    return _frozen(posterior), posterior.log_noise.detach().exp().sqrt().numpy()


class _Bound:
    """The evidence lower bound of variational multiple shooting, estimated from one draw, for each observation."""

    def __init__(self, segments: Segments, speeds: Array, tolerance: float) -> None:
        self.steps = torch.from_numpy(segments.steps)
        self.observed = torch.from_numpy(segments.observed)
        self.values = torch.from_numpy(segments.values)
        self.following = torch.from_numpy(segments.following)
        self.speeds = torch.from_numpy(speeds)
        self.tolerance = tolerance

    def __call__(self, posterior: Posterior, generator: torch.Generator) -> Tensor:
        field = SampledField(posterior, generator)
        noise = torch.randn(posterior.starts.shape, generator=generator, dtype=torch.float64)
        starts = posterior.starts + posterior.log_deviations.exp() * noise
        paths = self._integrate(field, starts)
        errors = (self.values - paths)[self.observed]
        likelihood = -0.5 * (errors.square() / posterior.log_noise.exp() + posterior.log_noise).sum()
        defects = starts[self.following] - paths[self.following - 1, -1]
        continuity = -0.5 * (defects / self.tolerance).square().sum()
        entropy = posterior.log_deviations.sum()
        return (likelihood + continuity + entropy - posterior.divergence()) / self.observed.sum()

    def _integrate(self, field: SampledField, z: Tensor) -> Tensor:
        """States (S, n + 1, D) by the classical method of Runge and Kutta."""
        path = [z]
        for h in self.steps.T[..., None] * self.speeds:
            k1 = field(z)
            k2 = field(z + h / 2 * k1)
            k3 = field(z + h / 2 * k2)
            k4 = field(z + h * k3)
            z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            path.append(z)
        return torch.stack(path, dim=1)


@torch.no_grad()
def _frozen(posterior: Posterior) -> FieldPosterior:
    """The field's posterior under q: mean ``k C^-T m``, variance ``k(x, x) - k C^-T (1 - S) C^-1 k``."""
    root, factors = posterior.root(), posterior.factors()
    identity = torch.eye(len(posterior.centers), dtype=torch.float64)
    inverse = torch.linalg.solve_triangular(root, identity.expand_as(root), upper=False)
    weights = (inverse.transpose(1, 2) @ posterior.means[..., None])[..., 0]
    shrinkages = inverse.transpose(1, 2) @ (identity - factors @ factors.transpose(1, 2)) @ inverse
    parts = posterior.centers, posterior.log_variances.exp(), posterior.log_lengths.exp(), weights, shrinkages
    return FieldPosterior(*(part.numpy().copy() for part in parts))


def spread_out(states: Array, count: int) -> Array:
    """Some of the states (n, D), each the farthest from those before it, the first nearest to the mean."""
    distances = np.square(states - states.mean(axis=0)).sum(axis=1)
    chosen = [_first(distances <= distances.min() + _TIE)]
    distances = np.square(states - states[chosen[0]]).sum(axis=1)
    while len(chosen) < count and distances.max() > _TIE:
        chosen.append(_first(distances >= distances.max() - _TIE))
        distances = np.minimum(distances, np.square(states - states[chosen[-1]]).sum(axis=1))
    return states[chosen]


def _first(where: np.ndarray) -> int:
    return int(where.argmax())
