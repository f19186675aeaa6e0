"""The one door for data: every accepted input becomes a `Trajectories`, validated once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np

from skdyn.data.parameters import check_number
from skdyn.data.reading import is_dataframe, read_arrays, read_dataframe
from skdyn.data.times import read_times
from skdyn.exceptions import TrajectoryError

Missing = Literal["raise", "drop"]


class Trajectory(tuple):
    """One trajectory: the pair ``(t, x)`` of shapes (L,) and (L, D), which remembers its variables' names."""

    feature_names: tuple[str, ...] | None

    def __new__(cls, t: np.ndarray, x: np.ndarray, feature_names: tuple[str, ...] | None = None) -> Trajectory:  # noqa: D102
        self = super().__new__(cls, (t, x))
        self.feature_names = feature_names
        return self

    @property
    def t(self) -> np.ndarray:
        """Times, shape (L,)."""
        return self[0]

    @property
    def x(self) -> np.ndarray:
        """States, shape (L, D)."""
        return self[1]

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self[0], self[1], self.feature_names)


class Trajectories(Sequence):
    """A validated sequence of trajectories, ragged and irregular in time.

    Every estimator turns its input into this at the door; nothing behind the door checks data again. It can be
    passed to ``KFold``, ``train_test_split``, ``cross_val_score`` and ``GridSearchCV``: one trajectory is one sample.

    Parameters
    ----------
    X : list of (t, x) pairs, list of arrays (L_k, D), array (K, L, D), array (L, D), DataFrame or Trajectories
        Times ``t`` have shape (L_k,), states ``x`` shape (L_k, D), or (L_k,) for one variable. An array (L, D) is one
        trajectory. A DataFrame (pandas or polars) is long: one row a point, with a time column named ``t`` or
        ``time`` and an id column named ``id``, ``trajectory`` or ``group`` where it has them; see
        `from_dataframe` for other names.
    t : float, timedelta, array of shape (L,), or list of arrays (L_k,), optional
        Times for inputs that carry none: a step, one shared axis, or one axis each. Unit steps by default.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN: raise an error that names the place, or drop the rows. See `with_gaps` for
        estimators that can use the rest of a row.

    Attributes
    ----------
    times : tuple of K read-only arrays of shape (L_k,), float64
    states : tuple of K read-only arrays of shape (L_k, D), float64
    feature_names : tuple of D str, or None
    ids : tuple of length K
    origin : datetime64, int or None
        What time 0 stands for when dates or very large integers were given; dates count in seconds.

    Raises
    ------
    TrajectoryError
        Naming the trajectory and the row, for NaN, infinite, complex, non-numeric or empty data, for times that are
        not finite or do not increase, and for trajectories of fewer than two points or of different dimension.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> t = np.linspace(0, 1, 5)
    >>> X = Trajectories([(t, np.exp(-t)), (t[:3], 2 * np.exp(-t[:3]))])
    >>> X
    Trajectories(2 trajectories, 8 points, 1 variable)
    >>> [len(x) for _, x in X[:1]]
    [5]
    """

    origin: Any

    def __init__(self, X: Any, t: Any = None, *, missing: Missing = "raise") -> None:
        _check_missing(missing)
        self._read(X, t, missing)

    @classmethod
    def with_gaps(cls, X: Any, t: Any = None) -> Trajectories:
        """Read any accepted form and keep rows that hold a NaN, but for those that hold nothing else.

        For estimators that can use the rest of such a row; `Trajectories` refuses or drops these rows again for those
        that cannot.

        Parameters
        ----------
        X, t : see `Trajectories`

        Returns
        -------
        Trajectories
            With NaN among its states.
        """
        self = cls.__new__(cls)
        self._read(X, t, "keep")
        return self

    def _read(self, X: Any, t: Any, missing: Missing | Literal["keep"]) -> None:
        feature_names: tuple[str, ...] | None = None
        ids: Sequence[Any] | None = None
        if isinstance(X, Trajectories):
            if t is not None:
                raise TrajectoryError("t is given twice: as an argument and inside the Trajectories")
            if missing == "keep" or all(np.isfinite(x).all() for x in X.states):
                self._set(X.times, X.states, X.feature_names, X.ids, X.origin)
                return
            self._validate(list(zip(X.times, X.states, strict=True)), X.feature_names, X.ids, missing)
            self.origin = X.origin
            return
        if is_dataframe(X):
            if t is not None:
                raise TrajectoryError("t is given twice: name the DataFrame's time column instead")
            pairs, ids, feature_names = read_dataframe(X)
        else:
            pairs = read_arrays(X, t)
            if isinstance(X, (list, tuple)) and X and all(isinstance(item, Trajectory) for item in X):
                feature_names = X[0].feature_names
        self._validate(pairs, feature_names, ids, missing)

    def _validate(
        self,
        pairs: list[tuple[Any, np.ndarray]],
        feature_names: tuple[str, ...] | None,
        ids: Sequence[Any] | None,
        missing: Missing | Literal["keep"],
    ) -> None:
        for k, (_, x) in enumerate(pairs):
            if x.shape[1] == 0:
                raise TrajectoryError(
                    f"trajectory {k}: 0 feature(s) (shape={x.shape}) while a minimum of 1 is required."
                )
            if len(x) == 0:
                raise TrajectoryError(f"trajectory {k} has 0 samples (shape={x.shape}); at least 2 are needed")
            if x.shape[1] != pairs[0][1].shape[1]:
                raise TrajectoryError(
                    f"trajectory {k} has {x.shape[1]} variables but trajectory 0 has {pairs[0][1].shape[1]}"
                )
        times, origin = read_times([when for when, _ in pairs], [len(x) for _, x in pairs])
        states = [x for _, x in pairs]
        for k, (t, x) in enumerate(zip(times, states, strict=True)):
            if not np.isfinite(x).all():
                times[k], states[k] = _without_missing(t, x, k, missing)
            if len(states[k]) < 2:
                raise TrajectoryError(f"trajectory {k} has 1 sample; at least 2 are needed to see motion")
        for array in (*times, *states):
            array.flags.writeable = False
        self._set(tuple(times), tuple(states), feature_names, tuple(ids or range(len(states))), origin)

    def _set(
        self,
        times: tuple[np.ndarray, ...],
        states: tuple[np.ndarray, ...],
        feature_names: tuple[str, ...] | None,
        ids: tuple[Any, ...],
        origin: Any,
    ) -> None:
        self.times, self.states = times, states
        self.feature_names, self.ids, self.origin = feature_names, ids, origin

    @classmethod
    def from_dataframe(
        cls,
        frame: Any,
        *,
        time: str | None = None,
        id: str | None = None,
        features: Sequence[str] | None = None,
        missing: Missing = "raise",
    ) -> Trajectories:
        """Read a long DataFrame (pandas or polars), one row a point.

        Parameters
        ----------
        frame : pandas.DataFrame or polars.DataFrame
        time : str, optional
            Time column; ``t`` or ``time`` by default where present, else unit steps.
        id : str, optional
            Column that tells trajectories apart; ``id``, ``trajectory`` or ``group`` by default where present. Rows
            of different trajectories may be interleaved.
        features : sequence of str, optional
            State columns; all others by default.
        missing : {"raise", "drop"}, default="raise"

        Returns
        -------
        Trajectories
        """
        if not is_dataframe(frame):
            raise TrajectoryError(f"expected a pandas or polars DataFrame, got {type(frame).__name__}")
        _check_missing(missing)
        pairs, ids, feature_names = read_dataframe(frame, time, id, features)
        self = cls.__new__(cls)
        self._validate(pairs, feature_names, ids, missing)
        return self

    def to_dataframe(self) -> Any:
        """Return a long pandas DataFrame with the columns ``id``, ``t`` and one for each variable."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError('to_dataframe needs pandas: pip install "skdyn[dataframe]"') from None
        names = self.feature_names or [f"x{d}" for d in range(self.n_features)]
        frame = pd.DataFrame(np.concatenate(self.states), columns=list(names))
        frame.insert(0, "t", np.concatenate(self.times))
        frame.insert(0, "id", np.repeat(np.array(self.ids, dtype=object), [len(t) for t in self.times]))
        return frame.infer_objects()

    def windows(self, length: int, stride: int | None = None) -> Trajectories:
        """Cut every trajectory into windows, for instance to cross-validate on one long recording.

        Parameters
        ----------
        length : int
            Points in a window, at least 2. Shorter remainders are left out.
        stride : int, optional
            Points from the start of one window to the next; ``length`` by default, so that windows share no point.

        Returns
        -------
        Trajectories
            With the ids of the trajectories that the windows were cut from.
        """
        stride = length if stride is None else stride
        for name, value, low in (("length", length, 2), ("stride", stride, 1)):
            check_number(name, value, whole=True, low=low, include_low=True, error=TrajectoryError)
        cuts = [
            (k, slice(start, start + length))
            for k, t in enumerate(self.times)
            for start in range(0, len(t) - length + 1, stride)
        ]
        if not cuts:
            longest = max(len(t) for t in self.times)
            raise TrajectoryError(f"no trajectory is as long as a window of {length}: the longest has {longest} points")
        return self._select(
            [self.times[k][cut] for k, cut in cuts],
            [self.states[k][cut] for k, cut in cuts],
            [self.ids[k] for k, _ in cuts],
        )

    def _select(self, times: Sequence[np.ndarray], states: Sequence[np.ndarray], ids: Sequence[Any]) -> Trajectories:
        chosen = Trajectories.__new__(Trajectories)
        chosen._set(tuple(times), tuple(states), self.feature_names, tuple(ids), self.origin)
        return chosen

    @property
    def n_features(self) -> int:
        """Number of variables, D."""
        return self.states[0].shape[1]

    @property
    def n_points(self) -> int:
        """Number of points of all trajectories together."""
        return sum(len(t) for t in self.times)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Trajectory]:
        return (Trajectory(t, x, self.feature_names) for t, x in zip(self.times, self.states, strict=True))

    @overload
    def __getitem__(self, index: int) -> Trajectory: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | np.ndarray) -> Trajectories: ...
    def __getitem__(self, index: Any) -> Trajectory | Trajectories:
        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            return Trajectory(self.times[index], self.states[index], self.feature_names)
        chosen = np.arange(len(self))[index]
        if chosen.ndim != 1 or len(chosen) == 0:
            raise IndexError(f"{index!r} selects no trajectory of {len(self)}")
        return self._select(
            [self.times[k] for k in chosen], [self.states[k] for k in chosen], [self.ids[k] for k in chosen]
        )

    def __repr__(self) -> str:
        k, d = len(self), self.n_features
        return (
            f"Trajectories({k} {'trajectory' if k == 1 else 'trajectories'}, {self.n_points} points, "
            f"{d} {'variable' if d == 1 else 'variables'})"
        )


def _check_missing(missing: Any) -> None:
    if not (isinstance(missing, str) and missing in ("raise", "drop")):
        raise TrajectoryError(f"missing must be 'raise' or 'drop', got {missing!r}")


def _without_missing(
    t: np.ndarray, x: np.ndarray, k: int, missing: Missing | Literal["keep"]
) -> tuple[np.ndarray, np.ndarray]:
    """Drop rows with NaN, or with nothing else, where that was asked for; otherwise name the first bad value."""
    if np.isinf(x).any():
        row, column = np.argwhere(np.isinf(x))[0]
        raise TrajectoryError(f"trajectory {k}, row {row}, column {column}: the state is infinity (inf)")
    absent = np.isnan(x)
    if missing == "raise":
        row, column = np.argwhere(absent)[0]
        raise TrajectoryError(
            f"trajectory {k}, row {row}, column {column}: the state is NaN; pass missing='drop' to drop such rows"
        )
    keep = ~(absent.all(axis=1) if missing == "keep" else absent.any(axis=1))
    if keep.sum() < 2:
        raise TrajectoryError(
            f"trajectory {k}: {int(keep.sum())} rows are left after dropping those with NaN; 2 are needed"
        )
    return t[keep], x[keep]
