"""SINDy whose smoothing, degree and threshold are chosen by simulating the context."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from skdyn import Trajectories
from skdyn_sindy.base import PolynomialRegressor
from skdyn_sindy.differentiation import Smoothing, slopes
from skdyn_sindy.regression import Regression, Units, check_library, library
from skdyn_sindy.rollout import rollout_scores
from skdyn_sindy.search import Candidate, affordable_degree, candidates

SMOOTHINGS: tuple[Smoothing, ...] = (None, 9, 15, 25, 41, "spline")


class TunedSINDyRegressor(PolynomialRegressor):
    """`SINDyRegressor` with the smoothing, degree and threshold whose simulations follow the context best.

    Tried are no smoothing, Savitzky-Golay windows of 9, 15, 25 and 41 points and the smoothing spline, with degrees 1
    to ``max_degree`` and thresholds of 0.01, 0.05, 0.1, 0.15 and 0.5. Degrees with more terms than the context has
    points are left out. Each candidate is simulated over the times of every trajectory (at most 500 points of each),
    from its first observed and from its first smoothed state, because the one is noisy and the other biased; the
    highest sum of the two coefficients of determination wins, and of equals the one tried first. Candidates share
    slopes and libraries, and are simulated together.

    Parameters
    ----------
    max_degree : int, default=3
        Highest total degree to try.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    best_params_ : dict
        ``degree``, ``threshold`` and ``smoothing`` of the chosen `SINDyRegressor`, which gives the same field.
    best_score_ : float
        Mean of its two coefficients of determination; minus infinity if every candidate's simulations overflow.
    polynomial_ : Polynomial
        The field: ``exponents`` (P, D + G) and ``coefficients`` (P, D) in the user's units, with G inputs and
        parameters behind the variables.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_sindy import TunedSINDyRegressor
    >>> t = np.linspace(0, 10, 200)
    >>> noise = 0.05 * np.random.default_rng(0).normal(size=(200, 2))
    >>> circle = np.column_stack([np.cos(t), -np.sin(t)])
    >>> TunedSINDyRegressor().fit([(t, circle + noise)]).equations(1)
    ['d(x0)/dt = x1', 'd(x1)/dt = -x0']
    """

    takes_inputs = True
    symmetries: ClassVar[frozenset[str]] = frozenset({"time"})

    def __init__(self, max_degree: int = 3, missing: Literal["raise", "drop"] = "raise") -> None:
        self.max_degree = max_degree
        self.missing = missing

    def _fit(self, context: Trajectories) -> None:
        check_library(self.max_degree, context.n_features + len(context.given))
        units = Units.of(context)
        trajectories, outside = units.scale(context), units.scale_outside(context)
        degree = affordable_degree(self.max_degree, context)
        found: list[tuple[Smoothing, Candidate]] = []
        smoothed_starts: list[np.ndarray] = []
        for smoothing in SMOOTHINGS:
            pairs = [slopes(tau, u, smoothing) for tau, u in trajectories]
            states, derivatives = map(np.concatenate, zip(*pairs, strict=True))
            terms, exponents = library(np.hstack([states, np.concatenate(outside)]), degree)
            for candidate in candidates(Regression.of(terms, derivatives), exponents):
                found.append((smoothing, candidate))
                smoothed_starts.append(np.stack([u[0] for u, _ in pairs]))
        fields = np.stack([candidate.coefficients for _, candidate in found])
        observed_starts = np.broadcast_to(np.stack([u[0] for _, u in trajectories]), np.shape(smoothed_starts))
        scores = [
            rollout_scores(exponents, fields, starts, trajectories, outside, context.given.holds)
            for starts in (observed_starts, np.stack(smoothed_starts))
        ]
        best = int(np.argmax(np.mean(scores, axis=0)))
        smoothing, chosen = found[best]
        self.best_params_ = {"degree": chosen.degree, "threshold": chosen.threshold, "smoothing": smoothing}
        self.best_score_ = float(np.mean(scores, axis=0)[best])
        self.polynomial_ = units.polynomial(exponents, chosen.coefficients)
