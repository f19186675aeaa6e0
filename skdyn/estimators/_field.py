"""What every estimator of a vector field shares: queries, equilibria and what speaks against it."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.asked import read_asked
from skdyn.data.numbers import read_numbers
from skdyn.data.parameters import check_number
from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check, Diagnosis
from skdyn.dynamics.equilibria import Equilibrium, beside_data, far_from_given, find_equilibria
from skdyn.dynamics.evidence import SAMPLES, PlausibleFields, wavy_fields, weigh_equilibria
from skdyn.dynamics.units import state_units, widened_box
from skdyn.estimators._base import BaseTrajectoryEstimator
from skdyn.exceptions import ModelWarning, is_silenced, warn


class BaseFieldEstimator(BaseTrajectoryEstimator):
    """What estimators of ODEs and of the drift of SDEs share: everything but simulation and scoring.

    An estimator that says ``takes_inputs = True`` is asked for its field at states with inputs and parameters beside
    them, inputs first, of shape (N, D + G), and gives the derivatives by all of these. Letters: K trajectories, L
    points, D variables, U inputs, P parameters, G = U + P, N queries.
    """

    score_range: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    """Least and largest score that `score` can give."""

    @property
    def symmetries(self) -> frozenset[str]:
        """Symmetries that the estimator promises, for the contract suite to check.

        ``"affine"`` is ``x -> a x + b`` with ``a > 0``, ``"scale"`` is ``x -> a x``, ``"time"`` is ``t -> c t + e``.
        """
        return frozenset()

    @abstractmethod
    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) at ``points`` (N, D + G), and the scale of its error (N, D) or None if there is none."""

    def _velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D) alone; to be overridden where the scale of its error costs time of its own."""
        return self._field(points)[0]

    def _velocity_alike(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D) in which a row does not see how many there are; to be overridden where `_velocity` rounds so."""
        return self._velocity(points)

    @abstractmethod
    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and derivatives (N, D, D + G) at ``points`` (N, D + G), in double precision."""

    @abstractmethod
    def simulate(self, x0: Any, t: Any) -> np.ndarray:
        """Trajectories (L, D) or (N, L, D) at times ``t`` (L,) from initial states ``x0`` (D,) or (N, D)."""

    @abstractmethod
    def score(self, X: Any, y: Any = None, *, t: Any = None) -> float:
        """How well held-out trajectories agree with what was inferred; the larger, the better."""

    def predict(self, X: Any, *, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """Field at states.

        Parameters
        ----------
        X : array or DataFrame of shape (N, D)
            States; or Trajectories without missing values, for the field at all their points under their own inputs
            and parameters.
        inputs, parameters : see `vector_field`
            Of states.

        Returns
        -------
        array of shape (N, D)
            Time derivatives, in units of state per unit of time.
        """
        check_is_fitted(self)
        if isinstance(X, Trajectories):
            if inputs is not None or parameters is not None:
                raise ValueError(
                    "X is Trajectories, which have their own inputs and parameters: leave these out or ask at states: "
                    "predict(numpy.concatenate(X.states), inputs=..., parameters=...)"
                )
            points = self._check_held_out(Trajectories(X), None, states_only=True).points
        else:
            points = self._with_given(self._check_rows(X), inputs, parameters)
        field = self._velocity_alike(points)
        self._check_finite(points, field, self.context_)
        return field

    def _with_given(self, states: np.ndarray, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """States (..., D) with what is given beside them, (..., D + G)."""
        given = self.context_.given
        if not given and inputs is None and parameters is None:
            return states
        return np.concatenate([states, read_asked(inputs, parameters, given, states.shape[:-1])], axis=-1)

    def vector_field(
        self, points: Any, return_std: bool = False, *, inputs: Any = None, parameters: Any = None
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Vector field at any points.

        Parameters
        ----------
        points : array of shape (..., D)
            A point, a list of points or a whole grid.
        inputs : array of shape (U,) or (..., U), a number if there is one input, or a mapping by names
            Needed where the trajectories of the fit have inputs: what acts on the system at each point. Broadcast to
            the points.
        parameters : array of shape (P,) or (..., P), a number if there is one, or a mapping by names
            The same for parameters.
        return_std : bool, default=False
            Also return the predicted scale of the field's error: the scale b of a Laplace distribution (its standard
            deviation is b times the square root of 2); of stochastic equations one of which two hold 95%.

        Returns
        -------
        field : array of shape (..., D)
            In units of state per unit of time.
        scale : array of shape (..., D)
            Only if ``return_std``; same units.

        Raises
        ------
        ValueError
            If the last axis does not have D entries, a value is not a finite real number, or inputs or parameters are
            missing.
        """
        points = self._check_points(points)
        flat = self._flat(points, inputs, parameters)
        if not return_std:
            field = self._velocity(flat)
            self._check_finite(flat, field, self.context_)
            return field.reshape(points.shape)
        field, scale = self._field(flat)
        self._check_finite(flat, field, self.context_)
        if scale is None:
            raise ValueError(f"{type(self).__name__} does not predict the error of its field: use return_std=False")
        self._check_finite(flat, scale, self.context_)
        return field.reshape(points.shape), scale.reshape(points.shape)

    def jacobian(self, points: Any, *, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """Jacobian of the vector field.

        Parameters
        ----------
        points : array of shape (..., D)
        inputs, parameters : see `vector_field`

        Returns
        -------
        array of shape (..., D, D)
            Entry (i, j) is the derivative of component i of the field by variable j.
        """
        return self._derivatives(points, inputs, parameters)[..., : self.n_features_in_]

    def input_jacobian(self, points: Any, *, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """Derivatives of the vector field by the inputs.

        At an equilibrium `jacobian` and this are the matrices A and B of a linear state-space model.

        Parameters
        ----------
        points : array of shape (..., D)
        inputs, parameters : see `vector_field`

        Returns
        -------
        array of shape (..., D, U)
            Entry (i, j) is the derivative of component i of the field by input j.

        Raises
        ------
        ValueError
            If the trajectories of the fit have no inputs.
        """
        check_is_fitted(self)
        count = len(self.context_.given.inputs)
        if count == 0:
            raise ValueError("the trajectories of the fit have no inputs: there is no derivative by them")
        dim = self.n_features_in_
        return self._derivatives(points, inputs, parameters)[..., dim : dim + count]

    def _derivatives(self, points: Any, inputs: Any, parameters: Any) -> np.ndarray:
        """Derivatives (..., D, D + G) of the field."""
        points = self._check_points(points)
        flat = self._flat(points, inputs, parameters)
        _, jacobian = self._field_jacobian(flat)
        self._check_finite(flat, jacobian, self.context_)
        return jacobian.reshape(*points.shape, flat.shape[-1])

    def _flat(self, points: np.ndarray, inputs: Any, parameters: Any) -> np.ndarray:
        """Checked points (..., D) with what is given beside them, as rows (N, D + G)."""
        points = self._with_given(points, inputs, parameters)
        return points.reshape(-1, points.shape[-1])

    def equilibria(
        self,
        bounds: Any = None,
        *,
        inputs: Any = None,
        parameters: Any = None,
        tolerance: float = 1e-3,
        supported: Literal["evidence", "all"] = "evidence",
    ) -> list[Equilibrium]:
        """Find where the field vanishes, what kind of equilibrium each is, and how sure that is.

        An inferred field has equilibria that the true one lacks, above all where it is small beside its own error. So
        each is looked for in other fields that are as plausible given the data (those of `sample_fields`, or, of
        equations that were searched for, the alternatives and other coefficients). It counts as supported where half of
        them have it, or nine tenths outside the data's convex hull, or where inputs or parameters are far from all
        values that they have in the data. How often that is right is measured in ``docs/howto/evidence.md``.

        Parameters
        ----------
        bounds : array of shape (D, 2), optional
            Lower and upper bound of each variable. By default the data's box, widened on each side by a quarter, and
            for equations that were searched for by a half: a growth curve's end may lie beyond the data.
        inputs : array of shape (U,), a number if there is one input, or a mapping by names
            Needed where the trajectories of the fit have inputs: those that are held fixed.
        parameters : array of shape (P,), a number if there is one, or a mapping by names
            The same for parameters. To see how equilibria move with one, ask for several values in turn.
        tolerance : float, default=1e-3
            A real part of an eigenvalue below this fraction of the largest modulus counts as zero.
        supported : {"evidence", "all"}, default="evidence"
            Leave out those that the data do not support, or return all. An estimator that does not predict the error of
            its field cannot tell, and returns all.

        Returns
        -------
        list of skdyn.dynamics.equilibria.Equilibrium
            Each with its state, residual, eigenvalues and kind, its probability and region, and whether it lies inside
            the data's convex hull.
        """
        check_is_fitted(self)
        if supported not in ("evidence", "all"):
            raise ValueError(f"supported must be 'evidence' or 'all', got {supported!r}")
        check_number("tolerance", tolerance, include_low=True, high=1.0)
        data = np.concatenate(self.context_.states)
        box = self._check_bounds(bounds, data)
        center, scale = state_units(data)
        fixed = self._with_given(np.empty(0), inputs, parameters)

        def beside(points: np.ndarray) -> np.ndarray:
            return np.concatenate([points, np.broadcast_to(fixed, (*points.shape[:-1], len(fixed)))], axis=-1)

        def velocity(points: np.ndarray) -> np.ndarray:
            return self._velocity(beside(points))

        def derivatives(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            field, jacobian = self._field_jacobian(beside(points))
            return field, jacobian[..., : points.shape[-1]]

        found = find_equilibria(velocity, derivatives, data, box, center, scale, tolerance)
        if far := len(fixed) > 0 and far_from_given(fixed, np.concatenate(self.context_.outside)):
            found = [replace(point, inside=False) for point in found]
        plausible = self._plausible_fields(SAMPLES, 0) if found else None
        fields = None if plausible is None else lambda points: plausible(beside(points))
        if fields is not None:
            found = weigh_equilibria(found, fields, scale, tolerance)
        shown = [point for point in found if point.supported or supported == "all"]
        return beside_data(shown, widened_box(data), self.context_.time_unit, far)

    def _plausible_fields(self, samples: int, seed: int) -> PlausibleFields | None:
        """Fields between which the data cannot tell; None where the error of the field is not predicted."""
        points = self.context_.points
        if self._field(points[:1])[1] is None:
            return None
        _, scale = state_units(points)

        def field(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            center, error = self._field(points)
            assert error is not None
            return center, error

        return wavy_fields(field, scale, self.n_features_in_, samples, seed)

    @property
    def _search_margin(self) -> float:
        """By how much of it the data's box is widened on each side when equilibria are looked for."""
        return 0.25

    @abstractmethod
    def _data_checks(self) -> list[Check]:
        """What the data alone say of a model of this kind; quick enough for every fit."""

    def _all_checks(self) -> list[Check]:
        """These and what the fitted model says."""
        return self._data_checks()

    def diagnose(self) -> Diagnosis:
        """Check whether a model of this kind can describe the data, and whether this one does.

        Returns
        -------
        skdyn.diagnosis.Diagnosis
            Every check with its evidence, its threshold and, where it failed, what is likely the cause and what to try.
            `fit` warns of those that make a model of this kind hopeless (`ModelWarning`).

        Examples
        --------
        >>> import numpy as np
        >>> from skdyn import SparseODERegressor
        >>> t = np.linspace(0, 6, 80)
        >>> est = SparseODERegressor().fit([(t, np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)]))])
        >>> est.diagnose()
        Diagnosis: nothing speaks against the model
          passed: jumps from point to point, rough paths, contradictory velocities, simulation, white
            residuals, points per cycle, cycles, clocks
        """
        check_is_fitted(self)
        return Diagnosis(tuple(self._all_checks()))

    def report(self, path: str | os.PathLike[str], *, n_fits: int = 20) -> None:
        """Write one page on the fit: data, adequacy, trajectories, field, equations and equilibria; needs ``report``.

        Parameters
        ----------
        path : str or path
            Of the page, such as ``"report.html"``. It holds all that it shows, and opens without a network.
        n_fits : int, default=20
            Fits to resampled data, for the evidence of terms where equations were searched for; each takes about a
            tenth of the time of `fit`, and 0 leaves it out.

        Raises
        ------
        ImportError
            Without plotly, which the extra ``report`` brings.
        FileError
            If the page cannot be written; what was there before is then as it was.
        """
        from skdyn.report import write_report

        write_report(self, path, n_fits=n_fits)

    def _warn_where_hopeless(self) -> None:
        super()._warn_where_hopeless()
        if is_silenced(ModelWarning):
            return
        message = Diagnosis(tuple(self._data_checks())).warning()
        if message is not None:
            warn(message, ModelWarning)

    def _check_start(self, x0: Any) -> np.ndarray:
        x0 = self._check_points(x0, "x0")
        if x0.ndim > 2:
            raise ValueError(f"x0 has shape {x0.shape}: expected (D,) or (N, D)")
        return x0

    @staticmethod
    def _check_finite(points: np.ndarray, answers: np.ndarray, context: Trajectories | None = None) -> None:
        """Refuse to return NaN or infinity, with the reason: too far from the data, or, given these, among them."""
        good = np.isfinite(answers).all(axis=tuple(range(1, answers.ndim)))
        if not good.all():
            bad = int((~good).argmax())
            point = points.reshape(-1, points.shape[-1])[bad]
            low, high = (np.inf, -np.inf) if context is None else widened_box(context.points, 0.0)
            if ((low <= point) & (point <= high)).all():
                raise ValueError(
                    f"the field cannot be computed at {point.tolist()}, which is within the range of the data: the "
                    f"estimator answers {answers[bad].tolist()}"
                )
            raise ValueError(f"the field cannot be computed at {point.tolist()}: it is too far from the data")

    def _check_bounds(self, bounds: Any, data: np.ndarray) -> np.ndarray:
        """Lower and upper corners (2, D) of a box."""
        if bounds is None:
            return widened_box(data, self._search_margin)
        box = read_numbers(bounds, "bounds", "expected real numbers", ValueError)
        if box.shape != (data.shape[1], 2):
            raise ValueError(f"bounds must be numbers of shape ({data.shape[1]}, 2), got {bounds!r}")
        if not (np.isfinite(box).all() and (box[:, 0] < box[:, 1]).all()):
            raise ValueError(f"bounds must be finite, each lower one below its upper one, got {bounds!r}")
        return box.T.copy()
