"""Names of variables that a transformer of trajectories was fitted to, as scikit-learn keeps them."""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories


class FittedNames:
    """Remember the number and the names of the variables of a fit.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : array of shape (D,)
        Only where the trajectories came with names.
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    def _remember(self, context: Trajectories) -> None:
        self.n_features_in_ = context.n_features
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if context.feature_names is not None:
            self.feature_names_in_ = np.array(context.feature_names, dtype=object)

    @property
    def _names_in(self) -> tuple[str, ...] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else tuple(names)
