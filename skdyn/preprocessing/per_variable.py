"""scikit-learn's transformers of rows, applied to the states of trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, check_is_fitted

from skdyn.data.frames import has_labels
from skdyn.data.names import named_states, order_of, states_table
from skdyn.data.numbers import read_numbers
from skdyn.data.reading import is_dataframe
from skdyn.data.torn import warn_where_torn
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.preprocessing.names import FittedNames


class PerVariable(FittedNames, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Apply a transformer of scikit-learn to the states of trajectories; times and identities stay as they are.

    The transformer is fitted to the states of all trajectories together, a row a point: scalers, powers and logarithms
    of each variable, or mixtures such as principal components. Trajectories in give `Trajectories` out, states (N, D)
    give states, so that in a pipeline `fit` and `score` take trajectories and `predict` takes states.

    What follows in the pipeline lives in the transformed variables: its field, what ``pipeline.predict`` returns, is
    the derivative of the transformed variables by the time, at states that are given in the original ones; its
    equations, equilibria and simulations (``pipeline[-1]``) are transformed throughout, and scores are of transformed
    states. `inverse_transform` turns transformed states, such as simulations and equilibria, back;
    `OriginalVariables` answers for fields too.

    Parameters
    ----------
    transformer : transformer
        Such as ``StandardScaler()``, ``PCA(3)`` or ``FunctionTransformer(np.log, np.exp)``; it is cloned. It is given
        arrays, but tables where a ``ColumnTransformer`` chooses columns by name.

    Attributes
    ----------
    transformer_ : transformer
        Fitted to the states.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the trajectories came with names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdyn import FIMODERegressor
    >>> from skdyn.preprocessing import PerVariable
    >>> t = np.linspace(0, 10, 100)
    >>> circle = np.column_stack([3 * np.cos(t) + 5, -100 * np.sin(t)])
    >>> pipeline = make_pipeline(PerVariable(StandardScaler()), FIMODERegressor()).fit([(t, circle)])
    >>> pipeline.score([(t, circle)]) > 0.9
    True
    >>> pipeline.predict([[8.0, 0.0]]).shape
    (1, 2)
    """

    transformer_: Any

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer to the states of all trajectories.

        Parameters
        ----------
        X : trajectories in any accepted form
            See `skdyn.Trajectories`. Rows with NaN are passed on to the transformer.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        TrajectoryError
            If ``X`` cannot be read as trajectories.
        TypeError
            If ``transformer`` is none.
        """
        for method in ("fit", "transform"):
            if not hasattr(self.transformer, method):
                raise TypeError(f"transformer={self.transformer!r} has no method {method!r}: give a transformer")
        context = Trajectories.with_gaps(X)
        transformer = clone(self.transformer)
        with np.errstate(all="ignore"):  # what becomes infinite or NaN is refused by place, not warned of
            transformer.fit(_as_asked(transformer, np.concatenate(context.states), context.feature_names))
        self.transformer_ = transformer
        self._remember(context)
        return self

    def transform(self, X: Any) -> Any:
        """Transform states.

        Parameters
        ----------
        X : trajectories in any accepted form, or states of shape (N, D)
            An array (N, D) holds states, and so does a DataFrame without times or identities.

        Returns
        -------
        Trajectories, array or DataFrame of shape (N, D')
            Trajectories for trajectories, with the same times, inputs, parameters and identities; states for states.

        Raises
        ------
        TrajectoryError
            If variables are unknown or missing, or a transformed state is not finite.
        """
        check_is_fitted(self)

        def transform(states: np.ndarray) -> Any:
            return self.transformer_.transform(_as_asked(self.transformer_, states, self._names_in))

        return self._applied(transform, X, self._names_in, self.n_features_in_, self._names_out)

    def inverse_transform(self, X: Any) -> Any:
        """Turn transformed states back, in the forms of `transform`.

        Parameters
        ----------
        X : trajectories in any accepted form, or states of shape (N, D')

        Returns
        -------
        Trajectories, array or DataFrame of shape (N, D)
        """
        check_is_fitted(self)
        if not hasattr(self.transformer_, "inverse_transform"):
            raise AttributeError(f"{type(self.transformer_).__name__} has no inverse_transform")
        return self._applied(self.transformer_.inverse_transform, X, self._names_out, None, self._names_in)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the transformed variables.

        Parameters
        ----------
        input_features : sequence of D str, optional
            Names of the variables; those of `fit`, else ``x0``, ``x1`` and so on, by default.

        Returns
        -------
        array of str of shape (D',)
            The transformer's own, where it has some; otherwise those of the variables.
        """
        check_is_fitted(self)
        names = self._names_in
        if input_features is not None:
            if len(input_features) != self.n_features_in_:
                raise ValueError(f"input_features should have length {self.n_features_in_}, got {len(input_features)}")
            if names is not None and tuple(input_features) != names:
                raise ValueError(f"input_features is not equal to feature_names_in_: {list(names)}")
            names = tuple(input_features)
        given = np.array([f"x{d}" for d in range(self.n_features_in_)] if names is None else names, dtype=object)
        if hasattr(self.transformer_, "get_feature_names_out"):
            try:
                return np.asarray(self.transformer_.get_feature_names_out(given), dtype=object)
            except AttributeError as error:  # of a part that has no names
                raise TypeError(
                    f"the transformer does not name what it returns: {error} A FunctionTransformer does so with "
                    "feature_names_out='one-to-one'"
                ) from None
        return given

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan or inner.no_validation
        return tags

    @property
    def _names_out(self) -> tuple[str, ...] | None:
        return None if self._names_in is None else tuple(self.get_feature_names_out())

    def _applied(
        self,
        function: Any,
        X: Any,
        names_in: tuple[str, ...] | None,
        width: int | None,
        names_out: tuple[str, ...] | None,
    ) -> Any:
        """Apply a function of states (N, D) to states or trajectories, and name its variables."""
        if _are_states(X):
            states = self._check_states(named_states(X, names_in, "X"), width)
            result = _finite(function, states, lambda row: f"X, row {row}")
            return _in_a_frame(X, result, names_out) if is_dataframe(X) else result
        read = Trajectories.with_gaps(X)
        warn_where_torn(X, read)
        if width is not None and read.n_features != width:
            raise TrajectoryError(_wrong_width(read.n_features, width))
        if names_in is not None and read.feature_names is not None:
            order = order_of(read.feature_names, names_in, "X")
            read = read.in_order_of(names_in) if order != list(range(len(order))) else read
        ends = np.cumsum([len(t) for t in read.times])

        def place(row: int) -> str:
            k = int(np.searchsorted(ends, row, side="right"))
            return f"trajectory {k}, row {row - (ends[k] - len(read.times[k]))}"

        pieces = np.split(_finite(function, np.concatenate(read.states), place), ends[:-1])
        return read.with_states(pieces, names_out)

    def _check_states(self, X: Any, width: int | None) -> np.ndarray:
        """States (N, D), where NaN may stand if the transformer takes it."""
        numbers = X if issparse(X) else read_numbers(X, "X")
        states = check_array(numbers, dtype=np.float64, estimator=self, ensure_all_finite="allow-nan")
        if width is not None and states.shape[1] != width:
            raise TrajectoryError(_wrong_width(states.shape[1], width))
        return states


def _wrong_width(count: int, width: int) -> str:
    return f"X has {count} features, but PerVariable is expecting {width} features as input"


def _are_states(X: Any) -> bool:
    """Whether ``X`` holds states (N, D): an array, a table without labels, or a list of rows of numbers."""
    if isinstance(X, (Trajectories, tuple)) or hasattr(X, "dims"):  # xarray's arrays have their times with them
        return False
    if isinstance(X, list):
        return len(X) > 0 and isinstance(X[0], (list, tuple)) and all(np.ndim(value) == 0 for value in X[0])
    if is_dataframe(X):
        return not has_labels(X)
    return getattr(X, "ndim", None) == 2 or (not hasattr(X, "ndim") and np.asarray(X).ndim == 2)


def _as_asked(transformer: Any, states: np.ndarray, names: Sequence[str] | None) -> Any:
    """States (N, D) for a transformer: a table where it or a part of it chooses columns by name, else as they are."""
    parts = [transformer, *transformer.get_params().values()] if hasattr(transformer, "get_params") else []
    choices = [columns for part in parts if isinstance(part, ColumnTransformer) for _, _, columns in part.transformers]
    if names is None or all(np.asarray(columns).dtype.kind in "iub" for columns in choices):
        return states
    return states_table(states, names)


def _finite(function: Any, states: np.ndarray, place: Any) -> np.ndarray:
    """Apply a function to states (N, D); NaN may stand only in rows that held one before, and infinity nowhere."""
    with np.errstate(all="ignore"):
        result = function(states)
    if issparse(result):
        raise TypeError(
            "the transformer returns a sparse matrix, but states are dense: give it sparse_output=False, "
            "encode='onehot-dense' or sparse_threshold=0, whichever it takes"
        )
    values = read_numbers(result, "what the transformer returns")
    if values.ndim != 2 or len(values) != len(states):
        raise TrajectoryError(
            f"the transformer returns the shape {values.shape} for states of shape {states.shape}: expected a row for "
            "each point"
        )
    wrong = np.isinf(values).any(axis=1) | (np.isnan(values).any(axis=1) & np.isfinite(states).all(axis=1))
    if wrong.any():
        row = int(wrong.argmax())
        raise TrajectoryError(
            f"{place(row)}: the transformer makes {values[row].tolist()} of the state {states[row].tolist()}, which is "
            "not finite"
        )
    return values


def _in_a_frame(X: Any, values: np.ndarray, names: Sequence[str] | None) -> Any:
    """States in a table of the same library, so that they keep names in a pipeline."""
    columns = [f"x{d}" for d in range(values.shape[1])] if names is None else list(names)
    if hasattr(X, "index"):
        return type(X)(values, index=X.index, columns=columns)
    return type(X)(values, schema=columns)
