"""What every estimator of an SDE shares: diffusion, simulated paths, likelihood, stationary density."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.parameters import RandomState, check_number, check_size, read_generator
from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check
from skdyn.diagnosis.sde import sde_checks
from skdyn.dynamics.measurement import Measurement, StateSpace
from skdyn.dynamics.sde import euler_maruyama
from skdyn.dynamics.stationary import fokker_planck, histogram
from skdyn.dynamics.units import state_units
from skdyn.estimators._field import BaseFieldEstimator
from skdyn.estimators._grid import read_grid
from skdyn.estimators._moving import MovingVariables
from skdyn.estimators._order import by_mean_state, some_states

_STEP = 0.05  # longest Euler-Maruyama step, in the time in which the states move by their deviation
_FAST = 0.95  # which of the states of the context, from the slowest to the fastest, tells that time
_RATE_STATES = 256
_STEPS_A_TIME = 16
_MOST_SOLVED_CELLS = 1_000_000  # of the Fokker-Planck equation: a factorisation of two to three gigabytes
_SAMPLE_TIMES = 100


class BaseStochasticEstimator(BaseFieldEstimator):
    """Base class of estimators that infer ``dx = f(x) dt + g(x) dW`` (Ito) from trajectories.

    The noise of the variables is independent, unless the context shows it to be correlated (`correlation_`); the
    observations may have noise of their own (`noise_`). Both are estimated when they are first needed, from what drift
    and diffusion leave of the context.

    A subclass stores its parameters in ``__init__`` (``missing`` among them) and implements `_fit`,
    `_drift_and_diffusion` and `_field_jacobian`; everything else follows from these. `predict`, `vector_field`,
    `jacobian` and `equilibria` are of the drift f. The diffusion g is the diagonal of the matrix that multiplies dW.
    """

    @property
    def most_evaluations(self) -> int:
        """Evaluations of drift and diffusion, each at any number of states, that one simulation may take.

        It may take sixteen for each requested time, if that is more. An estimator whose drift is slow says fewer here,
        so that a wrong unit of time costs no hours.
        """
        return 1_000_000

    @abstractmethod
    def _drift_and_diffusion(
        self, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Drift and diffusion (N, D) at ``points`` (N, D), and the scales of their errors, (N, D) or None."""

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        drift, _, scale, _ = self._drift_and_diffusion(points)
        return drift, scale

    def _coefficients(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._drift_and_diffusion(points)[:2]

    def _data_checks(self) -> list[Check]:
        return sde_checks(self.context_, lambda: self.noise_)

    def _remember(self, context: Trajectories) -> None:
        super()._remember(context)
        self._measured: Measurement | None = None
        self._moving = MovingVariables.of(context)

    @property
    def _state_space(self) -> StateSpace:
        """The inferred equation of the variables that move."""
        data = np.concatenate(self.context_.states)
        _, scale = state_units(data)
        _, _, drift_scale, diffusion_scale = self._drift_and_diffusion(data[:1])
        known = drift_scale is not None and diffusion_scale is not None
        return StateSpace(
            self._moving.answers(self._coefficients),
            self._rate(scale),
            scale[self._moving.moves],
            self._moving.answers(self._errors) if known else None,
        )

    def _errors(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, _, drift_scale, diffusion_scale = self._drift_and_diffusion(points)
        assert drift_scale is not None
        assert diffusion_scale is not None
        return drift_scale, diffusion_scale

    @property
    def _measurement(self) -> Measurement:
        """Of the variables that move."""
        check_is_fitted(self)
        if self._measured is None:
            ordered = self.context_[by_mean_state(self.context_)]  # of a long context, every n-th piece is measured
            self._measured = self._state_space.measure(self._moving.part(ordered))
        return self._measured

    @property
    def _mixing(self) -> np.ndarray | None:
        """Correlations of the noise that drives the variables; None where it is independent."""
        if self.n_features_in_ == 1:
            return None
        correlation = self.correlation_
        return correlation if (correlation != np.eye(len(correlation))).any() else None

    @property
    def noise_(self) -> np.ndarray:
        """Standard deviations (D,) of the noise of the observations, in units of the states.

        The likeliest, given drift and diffusion; zero where the context does not tell it from zero. It is found when it
        is first asked for, and belongs to no state: paths are without it, unless ``simulate(observed=True)`` adds it.
        """
        measured, moves = self._measurement.noise, self._moving.moves
        noise = np.zeros(len(moves))
        noise[moves] = measured
        return noise

    @property
    def correlation_(self) -> np.ndarray:
        """Correlations (D, D) of the noise that drives the variables; zero where the context shows none."""
        measured, moves = self._measurement.correlation, self._moving.moves
        correlation = np.eye(len(moves))
        correlation[np.ix_(moves, moves)] = measured
        return correlation

    def diffusion(
        self, points: Any, return_std: bool = False, *, full: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Diffusion at any points: g of ``dx = f dt + g dW``.

        Parameters
        ----------
        points : array of shape (..., D)
        return_std : bool, default=False
            Also return the predicted scale of its error, as `vector_field` does.
        full : bool, default=False
            Return the matrix ``G G'`` instead, ``correlation_[i, j] g_i g_j``: the covariance of the increments of the
            states per unit of time.

        Returns
        -------
        diffusion : array of shape (..., D), or (..., D, D) if ``full``
            Not negative, in units of state per square root of the unit of time; squared, if ``full``.
        scale : array of shape (..., D)
            Only if ``return_std``; same units.

        Raises
        ------
        ValueError
            If the last axis does not have D entries, a value is not a finite real number, or ``full`` and
            ``return_std`` are asked for together.
        """
        points = self._check_points(points)
        if full and return_std:
            raise ValueError(
                "the error of the full matrix is not predicted: use full=True or return_std=True, not both"
            )
        _, diffusion, _, scale = self._drift_and_diffusion(points.reshape(-1, points.shape[-1]))
        self._check_finite(points, diffusion, self.context_)
        if full:
            square = diffusion[:, :, None] * diffusion[:, None, :] * self.correlation_
            return square.reshape(*points.shape, points.shape[-1])
        if not return_std:
            return diffusion.reshape(points.shape)
        if scale is None:
            raise ValueError(f"{type(self).__name__} does not predict the error of its diffusion: use return_std=False")
        self._check_finite(points, scale, self.context_)
        return diffusion.reshape(points.shape), scale.reshape(points.shape)

    def simulate(
        self,
        x0: Any,
        t: Any,
        *,
        n_paths: int | None = None,
        random_state: RandomState = None,
        substeps: int | None = None,
        bound: float = 100.0,
        progress: bool = False,
        observed: bool = False,
    ) -> np.ndarray:
        """Draw paths of the inferred equation from any number of initial states, all in one batch (Euler-Maruyama).

        The noise of the variables has the correlations `correlation_`. With an integer as ``random_state`` a path
        does not depend on how many other initial states there are, but for the rounding of drift and diffusion.

        Parameters
        ----------
        x0 : array of shape (D,) or (N, D)
            States at ``t[0]``.
        t : array of shape (L,)
            Increasing times, in the units of the context.
        n_paths : int, optional
            Paths from each initial state; one, without an axis of its own, by default.
        random_state : int, numpy.random.Generator, RandomState or None, default=None
            An integer gives the same paths each time.
        substeps : int, optional
            Steps from one time to the next. By default as many as keep each step below a twentieth of the time in
            which drift or diffusion move the states by their deviation, where they are fast (the 95% quantile over
            the context), so that the paths' law does not depend on how finely ``t`` is cut.
        bound : float, default=100.0
            States further than this from the data's mean, in standard deviations, have diverged: they are NaN from
            there on, and one ConvergenceWarning names their initial states.
        progress : bool, default=False
            Show a progress bar.
        observed : bool, default=False
            Add noise as the observations of the context have it, `noise_`.

        Returns
        -------
        array of shape (L, D), (N, L, D), (n_paths, L, D) or (N, n_paths, L, D)

        Raises
        ------
        ValueError
            If states, times or settings are wrong, or there would be more than `most_evaluations` steps.
        """
        x0 = self._check_start(x0)
        check_number("bound", bound)
        for name, value in (("n_paths", n_paths), ("substeps", substeps)):
            if value is not None:
                check_number(name, value, whole=True)
        times = self._check_times(t)
        steps = self._steps(times) if substeps is None else np.full(len(times) - 1, substeps)
        starts = np.atleast_2d(x0)
        check_size("the simulated paths", len(starts), n_paths or 1, len(times), self.n_features_in_)
        most = max(self.most_evaluations, _STEPS_A_TIME * len(times))
        if steps.sum() > most:
            raise ValueError(
                f"t would take {steps.sum():.3g} steps, more than {most}: choose a shorter span of times, or "
                "fewer substeps"
            )
        center, scale = state_units(np.concatenate(self.context_.states))
        paths = euler_maruyama(
            self._coefficients,
            starts,
            times,
            rng=read_generator(random_state),
            n_paths=1 if n_paths is None else int(n_paths),
            substeps=steps.astype(np.int64),
            center=center,
            scale=scale,
            bound=bound,
            progress=progress,
            correlation=self._mixing,
            noise=self.noise_ if observed else None,
        )
        if n_paths is None:
            paths = paths[:, 0]
        return paths if x0.ndim == 2 else paths[0]

    def _steps(self, times: np.ndarray) -> np.ndarray:
        """Number of steps (L - 1,) in each interval; floats, because there may be very many."""
        _, scale = state_units(np.concatenate(self.context_.states))
        with np.errstate(all="ignore"):
            # The rounding of times must not cost one more step.
            return np.maximum(np.ceil(np.diff(times) * self._rate(scale) / _STEP * (1 - 1e-9)), 1)

    def _rate(self, scale: np.ndarray) -> float:
        """At which drift or diffusion move the states by their deviation, where they are fast."""
        with np.errstate(all="ignore"):
            drift, diffusion = self._coefficients(some_states(self.context_, _RATE_STATES))
            # An Ornstein-Uhlenbeck process has the diffusion sqrt(2 theta) in units of its deviation.
            rates = (np.abs(drift) / scale + (diffusion / scale) ** 2 / 2).max(axis=1)
        rates = rates[np.isfinite(rates)]
        return float(np.quantile(rates, _FAST)) if len(rates) else 0.0

    def score(self, X: Any, y: Any = None, *, t: Any = None) -> float:
        """Mean log-likelihood of held-out transitions, from each point to the next.

        The density of an observation given those before it in its trajectory is that of a Kalman filter: between two
        points mean and covariance follow drift and diffusion, linearised where the observation before lies and anew in
        every part of a long step, and the observations have the noise `noise_`. It is exact for a linear drift and a
        constant diffusion, however long and unequal the steps. Where the estimator predicts the errors of drift and
        diffusion, their variance is added and the density is Student's, with the fewer degrees of freedom the less the
        diffusion is known, so that what happens far from the data is predicted with less certainty.
        Scores depend on the units of the states, as densities do. Variables that are the same everywhere in the context
        are left out.

        Parameters
        ----------
        X : trajectories in any accepted form
        y : ignored
        t : see `fit`

        Returns
        -------
        float
            In nats a transition; never NaN or infinite: no transition counts less than -1e12.
        """
        return float(self._log_likelihoods(self._check_held_out(X, t)).mean())

    def _log_likelihoods(self, observed: Trajectories) -> np.ndarray:
        """Log-density of every observation given those before it in its trajectory, but for the first of each."""
        return self._state_space.log_likelihoods(self._moving.part(observed), self._measurement)

    def stationary_density(
        self,
        grid: Any,
        *,
        method: Literal["auto", "fokker-planck", "simulation"] = "auto",
        n_paths: int = 200,
        duration: float | None = None,
        random_state: RandomState = None,
        progress: bool = False,
    ) -> np.ndarray:
        """Density that the states settle to, on a rectangular grid.

        Parameters
        ----------
        grid : list of D increasing arrays of shape (R_d,), or of one variable that array
            Centres of the cells along each variable, at least 3 each. The process is confined to the grid; a
            ConvergenceWarning says so if that shows.
        method : {"auto", "fokker-planck", "simulation"}, default="auto"
            Solve the Fokker-Planck equation (one or two variables), or count the states of simulated paths. ``"auto"``
            solves where it can.
        n_paths : int, default=200
            Simulated paths, from states of the context drawn at random.
        duration : float, optional
            Time to simulate, of which the second half is counted; twice the longest trajectory by default, which may
            take minutes. Some tens of the time in which the slowest motion is forgotten are enough.
        random_state : int, numpy.random.Generator, RandomState or None, default=None
            For simulations.
        progress : bool, default=False
            Show a progress bar of the simulation.

        Returns
        -------
        array of shape (R_1, ..., R_D)
            Per unit of each variable; the sum of density times cell volume is one.

        Raises
        ------
        ValueError
            If the grid does not fit the variables, or drift and diffusion cannot be computed on all of it.
        """
        check_is_fitted(self)
        axes = read_grid(grid, self.n_features_in_)
        if method not in ("auto", "fokker-planck", "simulation"):
            raise ValueError(f"method must be 'auto', 'fokker-planck' or 'simulation', got {method!r}")
        if method == "auto":
            method = "fokker-planck" if len(axes) <= 2 else "simulation"
        if method == "fokker-planck":
            if len(axes) > 2:
                raise ValueError(f"{len(axes)} variables are too many for method='fokker-planck': use 'simulation'")
            cells = int(np.prod([len(axis) for axis in axes]))
            if len(axes) == 2 and cells > _MOST_SOLVED_CELLS:
                raise ValueError(
                    f"the grid has {cells:.3g} cells, more than the {_MOST_SOLVED_CELLS} for which the equation is "
                    "solved: choose a coarser one, or method='simulation'"
                )
            return fokker_planck(self._coefficients, axes, self._mixing)
        return self._simulated_density(axes, n_paths, duration, random_state, progress)

    def _simulated_density(
        self,
        axes: list[np.ndarray],
        n_paths: int,
        duration: float | None,
        random_state: RandomState,
        progress: bool,
    ) -> np.ndarray:
        check_number("n_paths", n_paths, whole=True)
        if duration is None:
            duration = 2 * max(t[-1] - t[0] for t in self.context_.times)
        check_number("duration", duration)
        rng = read_generator(random_state)
        data = np.concatenate(self.context_.states)
        times = np.linspace(0, duration, 2 * _SAMPLE_TIMES + 1)
        starts = data[rng.integers(len(data), size=n_paths)]
        paths = self.simulate(starts, times, random_state=rng, progress=progress)
        samples = paths[:, _SAMPLE_TIMES + 1 :].reshape(-1, data.shape[1])
        return histogram(samples[np.isfinite(samples).all(axis=1)], axes)
