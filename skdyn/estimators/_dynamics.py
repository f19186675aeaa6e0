"""What every estimator of an ODE shares: simulation, and scores of simulated trajectories."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.parameters import check_number, check_size
from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check
from skdyn.diagnosis.ode import all_checks, data_checks, given_checks
from skdyn.dynamics.driving import read_signals
from skdyn.dynamics.rollout import rollout_scores
from skdyn.dynamics.simulate import METHODS, MOST_EVALUATIONS, Method, integrate
from skdyn.dynamics.units import state_units
from skdyn.estimators._field import BaseFieldEstimator
from skdyn.exceptions import TrajectoryError, warn

_EVALUATIONS_A_TIME = 16  # of the classical method with its four steps from one time to the next
_MOST_SPANS = 10  # times `most_evaluations` that a simulation may take for its span, however few times are asked for


class BaseDynamicsEstimator(BaseFieldEstimator):
    """Base class of estimators that infer an ODE ``dx/dt = f(x)``, or ``f(x, u, p)``, from trajectories.

    A subclass stores its parameters in ``__init__`` (``missing`` among them) and implements `_fit`, `_field` and
    `_field_jacobian`; everything else follows from these. Letters: K trajectories, L points, D variables, N queries.
    """

    score_range = (-1.0, 1.0)

    @property
    def most_evaluations(self) -> int:
        """Evaluations of the field that one simulated path, or one trajectory of a score, may take.

        All that are under way are evaluated in one call. A simulation may take sixteen for each time at which its span
        would have been observed as the context was, up to ten times as many, and for each requested time, if that is
        more. An estimator whose field is slow says fewer here, so that a wrong unit of time costs no hours.
        """
        return MOST_EVALUATIONS

    def simulate(
        self,
        x0: Any,
        t: Any,
        *,
        inputs: Any = None,
        parameters: Any = None,
        method: Method = "auto",
        bound: float = 100.0,
        rtol: float = 1e-5,
        atol: float = 1e-6,
        substeps: int = 4,
        progress: bool = False,
    ) -> np.ndarray:
        """Integrate the inferred system from any number of initial states side by side.

        With the adaptive methods a state depends on its initial state and on the field: not on the other initial states
        nor on which other times are asked for.

        Parameters
        ----------
        x0 : array of shape (D,) or (N, D)
            States at ``t[0]``.
        t : array of shape (L,)
            Increasing times, in the units of the context.
        inputs : callable, pair (t_u, u), or array of shape (L, U), (N, L, U) or (U,)
            Needed where the trajectories of the fit have inputs: a function of times (n,) that returns (n, U), values
            ``u`` (M, U) at times ``t_u`` (M,) that span ``t``, values at the times ``t``, or one constant; a number, or
            a mapping of names to any of these arrays, too. Between two times inputs are what they are in the
            trajectories of the fit: on a straight line, or held; the solver restarts where a held input jumps.
        parameters : array of shape (P,) or (N, P), a number if there is one, or a mapping by names
            Needed where the trajectories of the fit have parameters.
        method : {"auto", "dopri5", "rodas4", "rk4"}, default="auto"
            ``"dopri5"`` adapts the steps of each initial state, ``"rodas4"`` does so for stiff fields by the Jacobian,
            ``"auto"`` begins with the first and changes as stiffness demands; ``"rk4"`` takes ``substeps`` fixed ones
            between any two times, and takes no inputs nor parameters.
        bound : float, default=100.0
            States further than this from the data's mean, in standard deviations, have diverged: they are NaN from
            there on, and one ConvergenceWarning names them.
        rtol, atol : float
            Tolerances of the adaptive solver, ``atol`` in standard deviations of the data.
        substeps : int, default=4
        progress : bool, default=False
            Show a progress bar.

        Returns
        -------
        array of shape (L, D) or (N, L, D)
            NaN from where `most_evaluations` are spent, with one ConvergenceWarning that names the initial states and
            the times reached.

        Raises
        ------
        ValueError
            If states, times or settings are wrong, or fixed steps would take more than `most_evaluations`.
        """
        x0 = self._check_start(x0)
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}")
        for name, value in (("bound", bound), ("rtol", rtol), ("atol", atol)):
            check_number(name, value)
        check_number("substeps", substeps, whole=True)
        times = self._check_times(t)
        starts = np.atleast_2d(x0)
        check_size("the simulated paths", len(starts), len(times), self.n_features_in_)
        most = self._most_evaluations(times)
        if method == "rk4" and 4 * int(substeps) * (len(times) - 1) > most:
            raise ValueError(
                f"t would take {4 * int(substeps) * (len(times) - 1):.3g} evaluations of the field, more than {most}: "
                f"choose fewer substeps than {substeps}"
            )
        given = self.context_.given
        outside = read_signals(inputs, parameters, given, times, len(starts), self._check_times)
        center, scale = state_units(np.concatenate(self.context_.states))
        paths = integrate(
            self._velocity,
            starts,
            times,
            outside=outside,
            center=center,
            scale=scale,
            field_and_jacobian=self._field_jacobian,
            bound=bound,
            method=method,
            rtol=rtol,
            atol=atol,
            substeps=int(substeps),
            most_evaluations=most,
            progress=progress,
        )
        self._check_paths(paths)
        return paths if x0.ndim == 2 else paths[0]

    def _most_evaluations(self, times: np.ndarray) -> int:
        """Of one path over these times: for few of them as for many, so that its end does not depend on them."""
        step = np.median(np.concatenate([np.diff(t) for t in self.context_.times]))
        own = self.most_evaluations
        of_span = min(_EVALUATIONS_A_TIME * (times[-1] - times[0]) / step, _MOST_SPANS * own)
        return int(max(own, of_span, _EVALUATIONS_A_TIME * len(times)))

    @property
    def _is_filled(self) -> bool:
        """Whether something was missing: what fills it is smoother than what was observed."""
        return self._context_as_given is not self.context_

    def _data_checks(self) -> list[Check]:
        return given_checks(self.context_) if self._is_filled else data_checks(self.context_)

    def _all_checks(self) -> list[Check]:
        return all_checks(self.context_, self._velocity, filled=self._is_filled)

    def _check_paths(self, paths: np.ndarray) -> None:
        """Warn of what is wrong with simulated paths (N, L, D); a subclass whose field has limits says so here."""

    def score(self, X: Any, y: Any = None, *, t: Any = None) -> float:
        """Mean agreement of simulated with held-out trajectories.

        Each trajectory is simulated from its first complete state over its own times, under its own inputs and
        parameters, and what was observed of it compared by
        `skdyn.dynamics.metrics.variance_weighted_r2`; a score below -1, or a simulation that diverges or would take
        more than `most_evaluations` of the field, counts as -1.

        Parameters
        ----------
        X : trajectories in any accepted form
        y : ignored
        t : see `fit`

        Returns
        -------
        float
            Between -1 and 1, never NaN.
        """
        held_out = _from_complete_rows(self._check_held_out(X, t, with_gaps=True))
        center, scale = state_units(np.concatenate(self.context_.states))
        scores = rollout_scores(self._velocity, held_out, center, scale, self.most_evaluations, self._field_jacobian)
        return float(scores.mean())


def _from_complete_rows(observed: Trajectories) -> Trajectories:
    """The same trajectories, each from its first complete row on, from which a simulation can start."""
    complete = [~np.isnan(x).any(axis=1) for x in observed.states]
    cuts = [(k, slice(int(rows.argmax()), None)) for k, rows in enumerate(complete) if rows[:-1].any()]
    if not cuts:
        raise TrajectoryError("no trajectory has a complete row before its last one, from which to simulate it")
    if len(cuts) < len(observed):
        warn(
            f"{len(observed) - len(cuts)} of {len(observed)} trajectories have no complete row before the last one, "
            "from which to simulate them, and are left out of the score"
        )
    return observed.parts(cuts)
