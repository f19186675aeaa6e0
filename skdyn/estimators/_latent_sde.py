"""The stochastic equation of codes: a model's, corrected by what the codes' transitions show beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from skdyn.data.padding import pad
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._fim_sde import FIMSDERegressor
from skdyn.estimators._stochastic import BaseStochasticEstimator

if TYPE_CHECKING:
    import torch

    from skdyn.coarse_graining.correction import Correction
    from skdyn.models.normalization import Scaling


class LatentSDERegressor(BaseStochasticEstimator):
    """`FIMSDERegressor` with polynomials beside its drift, as far as transitions of the context ask for them.

    The diffusion, and the predicted errors of both, are the model's.

    Parameters
    ----------
    model, device
        See `FIMSDERegressor`.
    missing : {"raise", "drop"}, default="raise"

    Attributes
    ----------
    base_ : FIMSDERegressor
        Fitted to the same context.
    correction_ : skdyn.coarse_graining.correction.Correction
        In the model's normalised units.
    weights_ : dict
        Those of `base_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn.estimators._latent_sde import LatentSDERegressor
    >>> x = np.random.default_rng(0).normal(size=(300, 1)).cumsum(axis=0)
    >>> LatentSDERegressor().fit(x).vector_field([[0.0]]).shape
    (1, 1)
    """

    base_: FIMSDERegressor
    correction_: Correction
    weights_: dict[str, str]
    _scaling: Scaling

    def __init__(
        self,
        model: str | os.PathLike[str] = "fim-sde",
        *,
        device: str | torch.device = "auto",
        missing: str = "raise",
    ) -> None:
        self.model = model
        self.device = device
        self.missing = missing

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of the states and of time."""
        return frozenset({"affine", "time"})

    @property
    def most_evaluations(self) -> int:
        """As many as of the model."""
        return FIMSDERegressor().most_evaluations

    def _fit(self, context: Trajectories) -> None:
        from skdyn.coarse_graining.correction import fit_correction
        from skdyn.models.normalization import fim_sde_scaling

        self.base_ = FIMSDERegressor(self.model, device=self.device).fit(context)
        self.weights_ = self.base_.weights_
        self._scaling = scaling = fim_sde_scaling(*pad([context]))
        states = [scaling.normalise(x[None])[0] for x in context.states]
        start = np.concatenate([z[:-1] for z in states])
        change = np.concatenate([np.diff(z, axis=0) for z in states])
        step = np.concatenate([np.diff(t) for t in context.times]) * scaling.speed[0]
        _, diffusion, _, _ = self.base_._drift_and_diffusion(self._of_states(start))
        self.correction_ = fit_correction(
            start,
            change,
            step,
            lambda z: scaling.normalise_field(self.base_._velocity(self._of_states(z))[None])[0],
            scaling.normalise_diffusion(diffusion[None])[0],
        )

    def _of_states(self, z: np.ndarray) -> np.ndarray:
        return z * self._scaling.std[0] + self._scaling.mean[0]

    def _correct(self, points: np.ndarray) -> np.ndarray:
        """What is added to the drift at states (N, D), in their units."""
        return self._scaling.field(self.correction_(self._scaling.normalise(points[None])[0])[None])[0]

    def _drift_and_diffusion(
        self, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        drift, *others = self.base_._drift_and_diffusion(points)
        return drift + self._correct(points), *others

    def _velocity_alike(self, points: np.ndarray) -> np.ndarray:
        return self.base_._velocity_alike(points) + self._correct(points)

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        field, jacobian = self.base_._field_jacobian(points)
        slopes = self.correction_.jacobian(self._scaling.normalise(points[None])[0])
        return field + self._correct(points), jacobian + self._scaling.jacobian(slopes[None])[0]
