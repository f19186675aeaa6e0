"""SINDy in its weak form."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from skdyn import Trajectories
from skdyn.plugins import check_number
from skdyn_sindy.base import PolynomialRegressor
from skdyn_sindy.regression import Regression, Units, check_library, library
from skdyn_sindy.rollout import rollout_scores
from skdyn_sindy.search import affordable_degree, candidates
from skdyn_sindy.weak import weak_rows


class WeakSINDyRegressor(PolynomialRegressor):
    """Sparse polynomial field by thresholded least squares on averages over windows, without slopes.

    The windows and their weights are pysindy's (``WeakPDELibrary``), placed at random with a fixed seed; a trajectory
    has as many of them as its part of the longest duration, at least ten. Where fewer than eight intervals would lie
    in a window, straight lines between the points are divided: the weak form assumes them anyway. As in
    `SINDyRegressor`, every column and every average slope is scaled to a mean square of one. The degree and the
    threshold (0.01, 0.05, 0.1, 0.15 or 0.5) are those whose simulations from the first observed states follow the
    context best; degrees with more terms than the context has points are left out.

    Parameters
    ----------
    max_degree : int, default=3
        Highest total degree to try.
    width : float, default=0.1
        Of a window, as a part of the longest trajectory's duration, at most 1.
    windows : int, default=200
        Number of windows in the longest trajectory.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    best_params_ : dict
        The chosen ``degree`` and ``threshold``.
    best_score_ : float
        Coefficient of determination of its simulations; minus infinity if those of every candidate overflow.
    polynomial_ : Polynomial
        The field: ``exponents`` (P, D) and ``coefficients`` (P, D) in the user's units.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.

    References
    ----------
    Messenger and Bortz (2021), Multiscale Modeling & Simulation 19:1474; Reinbold, Gurevich and Grigoriev (2020),
    Physical Review E 101:010203.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_sindy import WeakSINDyRegressor
    >>> t = np.linspace(0, 10, 400)
    >>> circle = np.column_stack([np.cos(t), -np.sin(t)])
    >>> WeakSINDyRegressor(width=0.1).fit([(t, circle)]).equations(2)
    ['d(x0)/dt = x1', 'd(x1)/dt = -x0']
    """

    symmetries: ClassVar[frozenset[str]] = frozenset({"time"})

    def __init__(
        self,
        max_degree: int = 3,
        width: float = 0.1,
        windows: int = 200,
        missing: Literal["raise", "drop"] = "raise",
    ) -> None:
        self.max_degree = max_degree
        self.width = width
        self.windows = windows
        self.missing = missing

    def _fit(self, context: Trajectories) -> None:
        check_library(self.max_degree, context.n_features)
        check_number("width", self.width, high=1)
        check_number("windows", self.windows, whole=True)
        units = Units.of(context)
        trajectories = units.scale(context)
        degree = affordable_degree(self.max_degree, context)
        rows = [
            weak_rows(tau, u, degree, self.width, max(10, round(self.windows * tau[-1]))) for tau, u in trajectories
        ]
        terms, averages = map(np.concatenate, zip(*rows, strict=True))
        exponents = library(np.zeros((1, context.n_features)), degree)[1]
        found = candidates(Regression.of(terms, averages), exponents)
        fields = np.stack([candidate.coefficients for candidate in found])
        starts = np.stack([u[0] for _, u in trajectories])
        starts = np.broadcast_to(starts, (len(found), *starts.shape))
        scores = rollout_scores(exponents, fields, starts, trajectories)
        best = int(np.argmax(scores))
        self.best_params_ = {"degree": found[best].degree, "threshold": found[best].threshold}
        self.best_score_ = float(scores[best])
        self.polynomial_ = units.polynomial(exponents, fields[best])
