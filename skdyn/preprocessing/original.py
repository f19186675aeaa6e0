"""A fitted pipeline of transformers and an estimator, asked and answering in the variables that were measured.

Letters: N states, D measured variables, Z variables of the estimator, L times, K trajectories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdyn.data.names import named_states
from skdyn.data.numbers import read_numbers
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import ConvergenceWarning, TrajectoryError, warn
from skdyn.preprocessing.delays import TimeDelayEmbedding
from skdyn.preprocessing.per_variable import PerVariable

_STEP = 1e-3  # of a deviation of the data; the differences are of fourth order
_APART = 1e-3  # of a deviation, by which a state may differ that was transformed back and forth
_LOOKED_AT = 200  # states of the fit of which this is asked
_BEND = 2e-2  # the same for second derivatives
_OFFSETS, _WEIGHTS, _SECOND = (1, -1, 2, -2), (8, -8, -1, 1), (16, 16, -1, -1)
_STRAIGHT = 1e-6  # of the field's typical size, below which what a bend adds is rounding


class OriginalVariables:
    """Fields, equilibria and simulations of a pipeline in the variables that it was fitted to.

    What an estimator behind transformers infers lives in transformed variables. Here states are transformed on the way
    in; on the way out, states are transformed back, and fields by the chain rule: the derivative of the measured
    variables is that of the inverse transformation, along the field. Behind principal components that is the part of
    the motion that the components keep.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted; transformers of trajectories with an ``inverse_transform`` (`PerVariable`, `TimeDelayEmbedding`), then
        an estimator.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the pipeline is not fitted.
    TypeError
        If it is no pipeline, a transformer cannot be inverted, or what is called its inverse is none of the states
        of the fit.

    Examples
    --------
    Growth that never passes zero, fitted in logarithms:

    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skdyn import SparseODERegressor
    >>> from skdyn.preprocessing import OriginalVariables, PerVariable
    >>> t = np.linspace(0, 4, 60)
    >>> mass = np.exp(2 - 3 * np.exp(-t))
    >>> logarithm = PerVariable(FunctionTransformer(np.log, np.exp))
    >>> pipeline = make_pipeline(logarithm, SparseODERegressor(library="polynomial")).fit([(t, mass)])
    >>> pipeline[-1].equations()
    ['d(x0)/dt = 2 - x0']
    >>> growth = OriginalVariables(pipeline)
    >>> growth.vector_field([1.0]).round(3)  # 2 x - x log(x)
    array([2.])
    >>> [point.state.round(3).tolist() for point in growth.equilibria()]
    [[7.389]]
    """

    def __init__(self, pipeline: Pipeline) -> None:
        if not isinstance(pipeline, Pipeline):
            raise TypeError(
                f"{type(pipeline).__name__} is no pipeline of scikit-learn: there is nothing to transform back"
            )
        check_is_fitted(pipeline)
        for name, step in pipeline.steps[:-1]:
            inner = getattr(step, "transformer_", step)
            if step not in (None, "passthrough") and not all(hasattr(of, "inverse_transform") for of in (step, inner)):
                raise TypeError(f"the step {name!r} of the pipeline has no inverse_transform")
        self.pipeline = pipeline
        self._steps = [step for _, step in pipeline.steps[:-1] if step not in (None, "passthrough")]
        self._estimator = pipeline.steps[-1][1]
        deviation = np.concatenate(self._estimator.context_.states).std(axis=0)
        self._scale = np.where(deviation > 0, deviation, 1.0)
        self._check_inverses()

    def _check_inverses(self) -> None:
        """Refuse transformers of states whose inverse, transformed again, is not the state that it began with.

        So it is behind principal components too: these lose what was measured, not what they have kept.
        """
        states = np.concatenate(self._estimator.context_.states)
        states = states[:: -(-len(states) // _LOOKED_AT)]
        for name, step in reversed(self.pipeline.steps[:-1]):
            if step in (None, "passthrough"):
                continue
            if isinstance(step, PerVariable):
                _check_inverse(name, step, states)
                states = _where_possible(step.inverse_transform, states, step.n_features_in_)
                states = states[np.isfinite(states).all(axis=1)]
            else:
                states = step.inverse_transform(states)

    @property
    def _width(self) -> int:
        return int([*self._steps, self._estimator][0].n_features_in_)

    @property
    def _names(self) -> Any:
        return getattr([*self._steps, self._estimator][0], "feature_names_in_", None)

    def vector_field(self, points: Any, *, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """Derivatives of the measured variables.

        Parameters
        ----------
        points : array of shape (..., D), DataFrame of shape (N, D), Series of shape (D,), or Trajectories
            States; where delays are among the transformers, trajectories whose points have a past.
        inputs, parameters
            Of states, as the estimator's own method takes them; trajectories have their own.

        Returns
        -------
        array of shape (..., D)
            In measured units per unit of time; for trajectories (N, D), a row for each point with a complete past.

        Raises
        ------
        ValueError
            If variables are unknown or missing, a transformation is not finite there or right beside, or inputs or
            parameters are missing, or given beside those of trajectories.

        Notes
        -----
        Of a stochastic equation this is the drift by Ito's rule: noise adds half the second derivative of the inverse
        transformation along it. Transformations are taken to be smooth: derivatives are differences over some
        thousandths of a deviation of the data, which mean little at kinks, as between the quantiles of a
        ``QuantileTransformer``, and at vertical slopes.
        """
        given = {name: of for name, of in (("inputs", inputs), ("parameters", parameters)) if of is not None}
        if isinstance(points, Trajectories):
            if given:
                raise ValueError(
                    f"points are Trajectories, which have their own {' and '.join(given)}: leave these out, or ask at "
                    "states: vector_field(numpy.concatenate(points.states), inputs=..., parameters=...)"
                )
            transformed = self._transformed(points)
            rows = np.concatenate(transformed.states)
            return self._along(rows, self._estimator.predict(transformed)) + self._bent(rows)
        states = self._check_states(points, "points")
        rows = self._transformed_states(states.reshape(-1, states.shape[-1]))
        return self._field(rows, given).reshape(states.shape)

    def equilibria(self, **options: Any) -> list[Any]:
        """Equilibria, with states, residuals and regions in measured variables.

        Eigenvalues and kinds do not depend on the variables. Behind principal components they are of the components. An
        equilibrium of the transformed variables that no measured state has, or only at the edge of what can be
        transformed back, is left out, with a warning.

        Parameters
        ----------
        **options
            Those of the estimator's own method; ``bounds`` are of the transformed variables.

        Returns
        -------
        list of skdyn.dynamics.equilibria.Equilibrium

        Raises
        ------
        ValueError
            If the estimator has a diffusion and the transformation is not straight: by Ito's rule the drift of measured
            variables then vanishes elsewhere than that of transformed ones.
        """
        given = {name: value for name, value in options.items() if name in ("inputs", "parameters")}
        found = self._estimator.equilibria(**options)
        self._check_straight(given)
        measured = [self._measured(point, given) for point in found]
        if None in measured:
            warn(
                f"{measured.count(None)} of {len(found)} equilibria of the transformed variables cannot be transformed "
                "back, with the states right beside them, and are left out: no measured state is there",
                ConvergenceWarning,
            )
        return [point for point in measured if point is not None]

    def _check_straight(self, given: dict[str, Any]) -> None:
        if not hasattr(self._estimator, "diffusion"):
            return
        states = np.concatenate(self._estimator.context_.states)
        states = states[:: -(-len(states) // _LOOKED_AT)]
        bent, field = self._bent(states), self._field(states, given)
        if (np.abs(bent) > _STRAIGHT * np.sqrt(np.mean(field**2, axis=0))).any():
            raise ValueError(
                "the transformation is not straight, so the drift of measured variables vanishes elsewhere than that "
                "of transformed ones (Ito's rule): pipeline[-1].equilibria() has those of the transformed variables, "
                "and the zeros of vector_field are those of the measured ones"
            )

    def simulate(self, x0: Any, t: Any, **options: Any) -> np.ndarray:
        """Simulate in the transformed variables, and transform the paths back.

        Parameters
        ----------
        x0 : array of shape (D,) or (N, D), Series of shape (D,), DataFrame of shape (N, D), or Trajectories
            Initial states; where delays are among the transformers, trajectories of which the last points are the past.
        t : array of shape (L,)
            Times, the first of which is that of the initial states.
        **options
            Those of the estimator's own method.

        Returns
        -------
        array of shape (L, D) or (N, L, D)
            NaN where a simulation has diverged, or is where no measured state is, of which a warning says; (K, L, D)
            for trajectories.
        """
        if isinstance(x0, Trajectories):
            starts = np.stack([x[-1] for x in self._transformed(x0).states])
        else:
            states = self._check_states(x0, "x0")
            if states.ndim > 2:
                raise TrajectoryError(f"x0 has shape {states.shape}: expected (D,) or (N, D)")
            starts = self._transformed_states(np.atleast_2d(states))
            if states.ndim == 1:
                return self._back_where_finite(self._estimator.simulate(starts[0], t, **options))
        return self._back_where_finite(self._estimator.simulate(starts, t, **options))

    def _check_states(self, points: Any, name: str) -> np.ndarray:
        """Measured states (..., D) as plain numbers in the order of the fit."""
        if any(isinstance(step, TimeDelayEmbedding) for step in self._steps):
            raise TrajectoryError(f"{name} must be Trajectories, whose points have the past that the delays need")
        states = read_numbers(named_states(points, self._names, name), name)
        if states.ndim == 0 or states.shape[-1] != self._width:
            raise TrajectoryError(
                f"{name} has shape {states.shape}, but the pipeline was fitted on {self._width} variables: expected "
                f"(..., {self._width})"
            )
        return states

    def _transformed(self, X: Trajectories) -> Trajectories:
        X = X if self._names is None else X.in_order_of(tuple(self._names))
        for step in self._steps:
            X = step.transform(X)
        return X

    def _transformed_states(self, states: np.ndarray) -> np.ndarray:
        for step in self._steps:
            states = step.transform(states)
        return states

    def _back(self, states: np.ndarray) -> np.ndarray:
        """Measured states (N, D) of transformed ones (N, Z)."""
        for step in reversed(self._steps):
            states = step.inverse_transform(states)
        return states

    def _back_where_finite(self, paths: np.ndarray) -> np.ndarray:
        rows = paths.reshape(-1, paths.shape[-1])
        finite = np.isfinite(rows).all(axis=1)
        back = np.full((len(rows), self._width), np.nan)
        if finite.any():
            back[finite] = _where_possible(self._back, rows[finite], self._width)
            lost = np.isnan(back[finite]).any(axis=1)
            if lost.any():
                warn(
                    f"{lost.sum()} of {lost.size} simulated states cannot be transformed back and are NaN: no measured "
                    "state is there",
                    ConvergenceWarning,
                )
        return back.reshape(*paths.shape[:-1], back.shape[-1])

    def _field(self, rows: np.ndarray, given: dict[str, Any]) -> np.ndarray:
        return self._along(rows, self._estimator.vector_field(rows, **given)) + self._bent(rows)

    def _bent(self, rows: np.ndarray) -> np.ndarray:
        """Ito's term (N, D): what noise adds to the drift where the inverse transformation bends at ``rows`` (N, Z).

        Half the second derivatives along the noise, summed over its independent sources.
        """
        if not hasattr(self._estimator, "diffusion"):
            return np.zeros((len(rows), self._width))
        values, vectors = np.linalg.eigh(self._estimator.correlation_)
        sources = self._estimator.diffusion(rows)[:, None] * (vectors * np.sqrt(values.clip(min=0.0))).T  # (N, Z, Z)
        here, total = self._back(rows), np.zeros((len(rows), self._width))
        for source in np.moveaxis(sources, 1, 0):
            size = np.sqrt(np.mean(np.square(source / self._scale), axis=1, keepdims=True))
            step = _BEND / np.where(size > 0, size, 1.0)
            bent = -30 * here
            for offset, weight in zip(_OFFSETS, _SECOND, strict=True):
                bent = bent + weight * self._back(rows + offset * step * source)
            total += bent / (24 * step**2)
        return total

    def _along(self, rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Derivative (N, D) of the inverse transformation at ``rows`` (N, Z) along ``directions`` (N, Z)."""
        size = np.sqrt(np.mean(np.square(directions / self._scale), axis=1, keepdims=True))
        step = _STEP / np.where(size > 0, size, 1.0)
        total = sum(
            weight * self._back(rows + offset * step * directions)
            for offset, weight in zip(_OFFSETS, _WEIGHTS, strict=True)
        )
        return total / (12 * step)

    def _measured(self, point: Any, given: dict[str, Any]) -> Any:
        """An equilibrium in measured variables; None where it, or what is beside it, cannot be transformed back."""
        row, covariance = point.state[None], point.covariance
        try:
            if covariance is not None:
                axes = np.eye(row.shape[1])
                by_state = self._along(np.repeat(row, len(axes), axis=0), axes).T
                covariance = by_state @ covariance @ by_state.T
            residual = float(np.linalg.norm(self._field(row, given)))
            return replace(point, state=self._back(row)[0], residual=residual, covariance=covariance)
        except TrajectoryError:
            return None


def _check_inverse(name: str, step: PerVariable, states: np.ndarray) -> None:
    """Refuse a step for which transformed states (N, Z) do not come back from the measured ones that it makes of them.

    Raises
    ------
    TypeError
        Naming the step and by how much they differ.
    """
    again = _where_possible(lambda rows: step.transform(step.inverse_transform(rows)), states, states.shape[1])
    deviation = states.std(axis=0)
    unit = np.maximum(deviation, _APART * deviation.max())
    apart = np.abs((again - states) / np.where(unit > 0, unit, 1.0)).max(axis=1)
    worst = apart[np.isfinite(apart)].max(initial=0.0) if np.isfinite(apart).any() else np.inf
    if worst > _APART:
        raise TypeError(
            f"the inverse_transform of the step {name!r} of the pipeline does not undo its transform: states of the "
            f"fit that are transformed back and forth differ by up to {worst:.2g} deviations. Fit the pipeline with a "
            "transformer that has an inverse, such as FunctionTransformer(func, inverse_func)"
        )


def _where_possible(function: Callable[[np.ndarray], np.ndarray], states: np.ndarray, width: int) -> np.ndarray:
    """A transformation (N, width) of states (N, Z), NaN for those that a transformer refuses."""
    try:
        return function(states)
    except TrajectoryError:
        if len(states) == 1:
            return np.full((1, width), np.nan)
        return np.concatenate([_where_possible(function, part, width) for part in np.array_split(states, 2)])
