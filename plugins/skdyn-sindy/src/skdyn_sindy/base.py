"""What the three estimators share: a fitted polynomial field."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.plugins import BaseDynamicsEstimator, check_number
from skdyn_sindy.polynomial import Polynomial


class PolynomialRegressor(BaseDynamicsEstimator):
    """Base class of estimators whose `_fit` sets ``polynomial_``."""

    polynomial_: Polynomial

    def equations(self, precision: int = 3) -> list[str]:
        """Write the field down in the user's variables and units.

        Parameters
        ----------
        precision : int, default=3
            Significant digits of the coefficients.

        Returns
        -------
        list of D str
            Such as ``"d(hare)/dt = 0.55 hare - 0.028 hare lynx"``; variables without names are ``x0``, ``x1``, ...
        """
        check_is_fitted(self)
        check_number("precision", precision, whole=True)
        names = self._names + self.context_.given.names
        return self._said_per_unit(self.polynomial_.equations(names, int(precision)))

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self.polynomial_.field(points), None

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.polynomial_.field(points), self.polynomial_.jacobian(points)
