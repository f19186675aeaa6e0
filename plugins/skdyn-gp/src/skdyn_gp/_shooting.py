"""Variational multiple shooting with Gaussian processes as an estimator."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skdyn import Trajectories
from skdyn.plugins import RandomState, check_number, read_generator
from skdyn_gp.base import PosteriorRegressor
from skdyn_gp.matching import match
from skdyn_gp.units import Units, thinned


class ShootingGPODERegressor(PosteriorRegressor):
    """Vector field as a Gaussian process, by variational multiple shooting.

    Trajectories are cut into short segments whose first states are unknown; a segment has to end where the next begins.
    The field is a Gaussian process with inducing points and a squared exponential kernel that has a length for each
    variable of each component. Inducing values, first states, lengths, variances and the noise of the observations are
    optimised together on a lower bound of the evidence, from draws of the field that are integrated (Runge-Kutta,
    fixed steps). `GPODERegressor` gives the start.

    Units are removed before the fit, but the optimiser is stopped before its end, so that other units of states or time
    may change the field by about a hundredth: no symmetry is promised.

    Parameters
    ----------
    n_inducing : int, default=24
        Inducing points, at most one for each observation.
    segment : int, default=5
        Steps of a segment: one from each observation to the next, more where the field is fast.
    tolerance : float, default=0.01
        Standard deviation of a segment's first state around the end of the one before, in the variables' deviations.
    max_iter : int, default=400
        Steps of the optimiser (Adam).
    learning_rate : float, default=0.01
        At the start; it falls to zero.
    max_points : int, default=500
        Most points that enter the fit; more are thinned evenly, and of many short trajectories some are left out, with
        a warning.
    random_state : int, numpy.random.Generator, RandomState or None, default=0
        Of the draws. With anything but an integer, a saved estimator differs a little when it is loaded, because
        loading fits again.
    progress : bool, default=False
        Show a progress bar.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    posterior_ : FieldPosterior
        The field in units without dimension.
    noise_ : array of shape (D,)
        Standard deviation of the noise of observations, in the variables' units.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.
    seed_ : int
        Seed of all that was drawn. What is saved has it as its ``random_state``.

    References
    ----------
    Hegde, Yildiz, Lähdesmäki, Kaski and Heinonen (2022), *Variational multiple shooting for Bayesian ODEs with Gaussian
    processes*, UAI (arXiv:2106.10905): the ODE, equations (1) and (2); the inducing variables, decoupled draws and
    probabilistic shooting of its method. Here a segment may span several observations, an observation is compared with
    the segment that holds it, and the first states have a flat prior.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_gp import ShootingGPODERegressor
    >>> t = np.linspace(0, 6, 40)
    >>> circle = np.column_stack([np.cos(t), -np.sin(t)])
    >>> est = ShootingGPODERegressor(max_iter=20, n_inducing=8).fit([(t, circle)])
    >>> est.predict([[0.0, 1.0]]).round() + 0.0
    array([[1., 0.]])
    """

    def __init__(
        self,
        n_inducing: int = 24,
        segment: int = 5,
        tolerance: float = 0.01,
        max_iter: int = 400,
        learning_rate: float = 0.01,
        max_points: int = 500,
        random_state: RandomState = 0,
        progress: bool = False,
        missing: Literal["raise", "drop"] = "raise",
    ) -> None:
        self.n_inducing = n_inducing
        self.segment = segment
        self.tolerance = tolerance
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_points = max_points
        self.random_state = random_state
        self.progress = progress
        self.missing = missing

    def _fit(self, context: Trajectories) -> None:
        from skdyn_gp import variational  # it loads torch
        from skdyn_gp.segments import cut

        for name in ("n_inducing", "segment", "max_iter", "max_points"):
            check_number(name, getattr(self, name), whole=True)
        for name in ("tolerance", "learning_rate"):
            check_number(name, getattr(self, name))
        seed = int(read_generator(self._draw_seed()).integers(2**31))
        units = Units.of(context)
        pairs = units.pairs(thinned(context, int(self.max_points)))
        found = match(pairs)
        settings = variational.Settings(
            int(self.n_inducing), float(self.tolerance), int(self.max_iter), float(self.learning_rate)
        )
        field, noise = variational.fit(found, cut(pairs, found, int(self.segment)), settings, seed, bool(self.progress))
        self._keep(field, units, found.speeds)
        self.noise_ = np.asarray(noise) * units.scale
