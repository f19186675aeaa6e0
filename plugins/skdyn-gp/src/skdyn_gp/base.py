"""What the estimators share: the posterior of a field, answered in the user's units."""

from __future__ import annotations

import numpy as np

from skdyn.plugins import BaseDynamicsEstimator
from skdyn_gp.posterior import FieldPosterior
from skdyn_gp.units import Units


class PosteriorRegressor(BaseDynamicsEstimator):
    """Base class of estimators whose `_fit` calls `_keep`."""

    posterior_: FieldPosterior

    def _keep(self, posterior: FieldPosterior, units: Units, speeds: np.ndarray) -> None:
        self.posterior_ = posterior
        self._units = units
        self._speeds = speeds * units.scale / units.duration

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        return (points - self._units.center) / self._units.scale

    def _velocity(self, points: np.ndarray) -> np.ndarray:
        return self.posterior_.mean(self._scaled(points)) * self._speeds

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, deviation = self.posterior_.mean_and_deviation(self._scaled(points))
        return mean * self._speeds, deviation * self._speeds / np.sqrt(2.0)

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        jacobian = self.posterior_.jacobian(self._scaled(points))
        return self._velocity(points), jacobian * self._speeds[:, None] / self._units.scale
