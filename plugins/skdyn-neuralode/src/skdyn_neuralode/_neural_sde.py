"""A neural SDE as an estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from skdyn import Trajectories
from skdyn.plugins import BaseStochasticEstimator, RandomState, check_number, read_generator
from skdyn_neuralode.families import FAMILIES, Sizes
from skdyn_neuralode.parameters import check_sizes
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.units import Units


class NeuralSDERegressor(BaseStochasticEstimator):
    """Drift as a small neural network and noise of one of three stable kinds, by the likelihood of the transitions.

    With a multilayer perceptron gamma (hyperbolic tangents) and one noise sigma for each variable, the families are,
    variable by variable,

    * ``"langevin"``: ``dx = gamma(x) dt + sigma dW``, the noise does not know the state;
    * ``"linear-noise"``: ``dx = gamma(x) dt + sigma x dW``, the noise grows with the state and vanishes at zero;
    * ``"geometric"``: ``dx = x gamma(x) dt + sigma x dW``, rates and noise are relative, and zero is a fixed point.

    No diffusion is less than a thousandth of the one that the data would have without drift.

    The likelihood of each observation given the one before is that of Euler-Maruyama steps, a normal density: one step
    from observation to observation by default, and more where the time between them is longer. It is maximised by
    L-BFGS. Pieces of ten transitions are held out; the iterations stop when their likelihood has not grown for
    ``patience`` of them, and the equation of largest held-out likelihood is kept.

    Parameters
    ----------
    family : {"langevin", "linear-noise", "geometric"}, default="langevin"
        The last two are for quantities whose zero has a meaning; with data that change their sign, they fit badly.
    hidden : sequence of int, default=(16, 16)
        Widths of the hidden layers.
    max_iter : int, default=200
        Most iterations.
    weight_decay : float, default=1e-4
        Weight of the sum of the squared weights of the network, beside nats a transition.
    held_out : float, default=0.2
        Part of the pieces that are held out where there are five or more; 0 holds out none.
    patience : int, default=20
        Iterations without a larger held-out likelihood after which the training stops.
    substeps : int, default=1
        Steps over the median time between observations, at most 8; over a longer time as many more, up to 8.
    max_seconds : float, default=60.0
        Time after which the training stops, with a warning; results then depend on the machine.
    random_state : int, numpy.random.Generator, RandomState or None, default=0
        Of the first weights and the choice of held-out pieces. With anything but an integer, a saved estimator is
        another when it is loaded, because loading fits again.
    progress : bool, default=False
        Show a progress bar.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    perceptron_ : Perceptron
        gamma in units without dimension.
    sigma_ : array of shape (D,)
        sigma: of ``"langevin"`` in units of state per square root of the unit of time, else per that root alone.
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
    Oh, Lim and Kim (2024), *Stable neural stochastic differential equations in analyzing irregular time series data*,
    ICLR, arXiv:2402.14989: its Langevin-type, linear noise and geometric SDEs. There, they move a latent state that a
    path of the data controls, drift and noise depend on time, and what is learned is a classifier or an interpolation.
    Here the observed states move, nothing depends on time, and the transitions' likelihood is maximised. Euler-Maruyama
    likelihood: Kloeden and Platen, *Numerical Solution of Stochastic Differential Equations* (1992), section 9.1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_neuralode import NeuralSDERegressor
    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros(500)
    >>> for i in range(499):  # dx = -x dt + 0.5 dW
    ...     x[i + 1] = x[i] - 0.1 * x[i] + 0.5 * np.sqrt(0.1) * rng.normal()
    >>> est = NeuralSDERegressor().fit([(0.1 * np.arange(500), x)])
    >>> est.sigma_.round(1)
    array([0.5])
    """

    perceptron_: Perceptron
    sigma_: np.ndarray

    def __init__(
        self,
        family: Literal["langevin", "linear-noise", "geometric"] = "langevin",
        hidden: Sequence[int] = (16, 16),
        max_iter: int = 200,
        weight_decay: float = 1e-4,
        held_out: float = 0.2,
        patience: int = 20,
        substeps: int = 1,
        max_seconds: float = 60.0,
        random_state: RandomState = 0,
        progress: bool = False,
        missing: Literal["raise", "drop"] = "raise",
    ) -> None:
        self.family = family
        self.hidden = hidden
        self.max_iter = max_iter
        self.weight_decay = weight_decay
        self.held_out = held_out
        self.patience = patience
        self.substeps = substeps
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.progress = progress
        self.missing = missing

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of the states where the noise does not know them, else scales; and affine maps of time."""
        return frozenset({"scale", "time"} | ({"affine"} if self.family == "langevin" else set()))

    def _fit(self, context: Trajectories) -> None:
        from skdyn_neuralode.likelihood import Settings, train  # it loads torch
        from skdyn_neuralode.transitions import MOST_STEPS

        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(map(repr, FAMILIES))}, got {self.family!r}")
        hidden = check_sizes("hidden", self.hidden)
        for name in ("max_iter", "patience"):
            check_number(name, getattr(self, name), whole=True)
        check_number("substeps", self.substeps, whole=True, low=1, include_low=True, high=MOST_STEPS)
        check_number("max_seconds", self.max_seconds)
        check_number("weight_decay", self.weight_decay, include_low=True)
        check_number("held_out", self.held_out, include_low=True, high=0.5)
        rng = read_generator(self._draw_seed())
        family, units = FAMILIES[self.family], Units.of(context)
        pairs, zero = units.pairs(context), -units.center / units.scale
        sizes = Sizes.of(pairs, zero, family)
        settings = Settings(
            hidden,
            int(self.max_iter),
            float(self.weight_decay),
            float(self.held_out),
            int(self.patience),
            int(self.substeps),
            float(self.max_seconds),
        )
        trained = train(pairs, zero, family, sizes, settings, rng, bool(self.progress))
        self.perceptron_, self._units = trained.perceptron, units
        self._relative_drift, self._relative_noise = family.drift_is_relative, family.noise_is_relative
        root = np.sqrt(units.duration)
        self._speeds = sizes.speeds / units.duration * (1.0 if family.drift_is_relative else units.scale)
        self.sigma_ = trained.noise / root * (1.0 if family.noise_is_relative else units.scale)
        self._floor = sizes.floor * units.scale / root

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        return (points - self._units.center) / self._units.scale

    def _drift_and_diffusion(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, None, None]:
        drift = self.perceptron_.field(self._scaled(points)) * self._speeds
        noise = self.sigma_ * (points if self._relative_noise else np.ones_like(points))
        return drift * points if self._relative_drift else drift, np.hypot(noise, self._floor), None, None

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = self._scaled(points)
        jacobian = self.perceptron_.jacobian(z) * self._speeds[:, None] / self._units.scale
        if self._relative_drift:
            values = self.perceptron_.field(z) * self._speeds
            jacobian = points[:, :, None] * jacobian + values[:, :, None] * np.eye(points.shape[1])
        return self._field(points)[0], jacobian
