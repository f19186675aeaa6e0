"""A neural ODE as an estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from skdyn import Trajectories
from skdyn.plugins import BaseDynamicsEstimator, RandomState, check_number, read_generator
from skdyn_neuralode.parameters import check_sizes
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.units import Units


class NeuralODERegressor(BaseDynamicsEstimator):
    """Vector field as a small neural network, trained through the solver by multiple shooting.

    A multilayer perceptron with hyperbolic tangents, in units without dimension, is integrated (Runge-Kutta, by
    torchdiffeq) along segments of the trajectories and compared with their observations, on short segments first and
    then on longer ones. The first states of the segments are free, and held to the ends of the segments before. The
    weights to start from are found without integration: the way between two observations of a first segment's length is
    compared with the field's integral along the data. All of it is minimised by L-BFGS. Some segments are held out:
    each stage stops when their error has not fallen for ``patience`` iterations, and keeps the network of least error.

    Inputs and parameters are arguments of the network beside the states, standardised. Between two observations an
    input lies on the straight line or is held, as the trajectories say; no step of the solver crosses an observation,
    and so none crosses a jump. An input or a parameter that is the same in all of the data does not act on the field.

    Parameters
    ----------
    hidden : sequence of int, default=(32, 32)
        Widths of the hidden layers.
    lengths : sequence of int, default=(4, 12, 36)
        Intervals of a segment in each stage; more than the longest trajectory has are cut down to it.
    max_iter : int, default=80
        Most iterations of a stage; three times as many before the first, where nothing is integrated.
    weight_decay : float, default=1e-5
        Weight of the sum of the squared weights of the network, beside errors in squared deviations of the variables.
    continuity : float, default=10.0
        Weight of the squared distance between the end of a segment and the first state of the next.
    held_out : float, default=0.15
        Part of the segments that are held out where there are five or more; 0 holds out none.
    patience : int, default=15
        Iterations without a smaller held-out error after which a stage stops.
    substeps : int, default=1
        Steps of the solver between two observations.
    max_seconds : float, default=60.0
        Time after which the training stops, with a warning; results then depend on the machine.
    random_state : int, numpy.random.Generator, RandomState or None, default=0
        Of the first weights and the choice of held-out segments. With anything but an integer, a saved estimator is
        another when it is loaded, because loading fits again.
    progress : bool, default=False
        Show a progress bar.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    perceptron_ : Perceptron
        The field in units without dimension.
    errors_ : list of float
        Least mean square error of the held-out segments in each stage, in squared deviations of the variables; of the
        trained ones where none were held out.
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
    Chen, Rubanova, Bettencourt and Duvenaud (2018), *Neural ordinary differential equations*, NeurIPS,
    arXiv:1806.07366, equation (2). Gradients go through the solver's steps, not through the adjoint equation. Multiple
    shooting: Bock and Plitt (1984), IFAC Proceedings 17:1603.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_neuralode import NeuralODERegressor
    >>> t = np.linspace(0, 6, 60)
    >>> circle = np.column_stack([np.cos(t), -np.sin(t)])
    >>> est = NeuralODERegressor(hidden=(16,), lengths=(4,), max_iter=40).fit([(t, circle)])
    >>> est.predict([[0.0, 1.0]]).round() + 0.0
    array([[1., 0.]])
    """

    takes_inputs = True
    perceptron_: Perceptron

    def __init__(
        self,
        hidden: Sequence[int] = (32, 32),
        lengths: Sequence[int] = (4, 12, 36),
        max_iter: int = 80,
        weight_decay: float = 1e-5,
        continuity: float = 10.0,
        held_out: float = 0.15,
        patience: int = 15,
        substeps: int = 1,
        max_seconds: float = 60.0,
        random_state: RandomState = 0,
        progress: bool = False,
        missing: Literal["raise", "drop"] = "raise",
    ) -> None:
        self.hidden = hidden
        self.lengths = lengths
        self.max_iter = max_iter
        self.weight_decay = weight_decay
        self.continuity = continuity
        self.held_out = held_out
        self.patience = patience
        self.substeps = substeps
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.progress = progress
        self.missing = missing

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of states and of time; those of inputs and parameters change nothing."""
        return frozenset({"affine", "scale", "time"})

    def _fit(self, context: Trajectories) -> None:
        from skdyn_neuralode.training import Settings, train  # it loads torch

        hidden, lengths = check_sizes("hidden", self.hidden), check_sizes("lengths", self.lengths)
        for name in ("max_iter", "patience", "substeps"):
            check_number(name, getattr(self, name), whole=True)
        check_number("max_seconds", self.max_seconds)
        for name in ("weight_decay", "continuity"):
            check_number(name, getattr(self, name), include_low=True)
        check_number("held_out", self.held_out, include_low=True, high=0.5)
        rng = read_generator(self._draw_seed())
        units = Units.of(context)
        pairs = units.pairs(context)
        settings = Settings(
            hidden,
            lengths,
            int(self.max_iter),
            float(self.weight_decay),
            float(self.continuity),
            float(self.held_out),
            int(self.patience),
            int(self.substeps),
            float(self.max_seconds),
        )
        dim = context.n_features
        sizes = speeds([(tau, z[:, :dim]) for tau, z in pairs])
        trained = train(pairs, context.given.holds, sizes, settings, rng, bool(self.progress))
        self.perceptron_, self.errors_ = trained.perceptron, trained.errors
        self._units = units
        self._speeds = sizes * units.scale[:dim] / units.duration

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        return (points - self._units.center) / self._units.scale

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, None]:
        return self.perceptron_.field(self._scaled(points)) * self._speeds, None

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        jacobian = self.perceptron_.jacobian(self._scaled(points))
        return self._field(points)[0], jacobian * self._speeds[:, None] / self._units.scale


def speeds(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Median size (D,) of the slopes of each variable between neighbours; a constant one takes the largest."""
    slopes = np.concatenate([np.diff(z, axis=0) / np.diff(tau)[:, None] for tau, z in pairs])
    sizes = np.median(np.abs(slopes), axis=0)
    return np.where(sizes > 0, sizes, max(float(np.abs(slopes).max()) * 1e-3, sizes.max()))
