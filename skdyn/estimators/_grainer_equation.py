"""What the equation of the codes of a coarse-grainer answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from skdyn.diagnosis import Diagnosis
    from skdyn.estimators._fim_ode import FIMODERegressor
    from skdyn.estimators._latent_sde import LatentSDERegressor


class LatentEquation:
    """Questions that the fitted `dynamics_` answers, at codes (..., d).

    Attributes
    ----------
    dynamics_ : LatentSDERegressor or FIMODERegressor
    """

    dynamics_: LatentSDERegressor | FIMODERegressor
    model: Any

    def vector_field(self, points: Any, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Drift of the codes at any points (..., d); see `FIMSDERegressor.vector_field`."""
        check_is_fitted(self)
        return self.dynamics_.vector_field(points, return_std)

    def diffusion(self, points: Any, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Diffusion of the codes at any points (..., d); see `FIMSDERegressor.diffusion`.

        Raises
        ------
        ValueError
            If the model is one of ODEs, which have none.
        """
        check_is_fitted(self)
        if not hasattr(self.dynamics_, "diffusion"):
            raise ValueError(f"the model {self.model!r} is of ODEs and has no diffusion: fit with model='fim-sde'")
        return self.dynamics_.diffusion(points, return_std)

    def jacobian(self, points: Any) -> np.ndarray:
        """Jacobian of the drift, (..., d, d), at codes (..., d)."""
        check_is_fitted(self)
        return self.dynamics_.jacobian(points)

    def equilibria(
        self, bounds: Any = None, *, tolerance: float = 1e-3, supported: Literal["evidence", "all"] = "evidence"
    ) -> list[Any]:
        """Codes at which the drift vanishes; see `FIMSDERegressor.equilibria`."""
        check_is_fitted(self)
        return self.dynamics_.equilibria(bounds, tolerance=tolerance, supported=supported)

    def diagnose(self) -> Diagnosis:
        """Check whether the equation can describe the codes; see `FIMSDERegressor.diagnose`. `fit` warns of nothing."""
        check_is_fitted(self)
        return self.dynamics_.diagnose()

    def simulate(self, z0: Any, t: Any, **settings: Any) -> np.ndarray:
        """Paths of the codes from initial codes; `inverse_transform` turns their points into frames.

        Parameters
        ----------
        z0 : array of shape (d,) or (N, d)
            Codes at ``t[0]``.
        t : array of shape (L,)
            Increasing times, in the units of the recordings.
        **settings
            Those of the ``simulate`` of `dynamics_`: ``n_paths``, ``random_state`` and so on for an SDE.

        Returns
        -------
        array of shape (L, d), (N, L, d), (n_paths, L, d) or (N, n_paths, L, d)
        """
        check_is_fitted(self)
        return self.dynamics_.simulate(z0, t, **settings)
