"""The one door for data: every accepted input becomes a `Trajectories`, validated once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from skdyn.data.again import read_again
from skdyn.data.cleaning import Cleaning, Duplicates, Gaps, Missing
from skdyn.data.frames import given_in, long_dataframe, read_dataframe, unit_of
from skdyn.data.given import Interpolation, default_names, name_list
from skdyn.data.given_values import WithGiven
from skdyn.data.names import order_of
from skdyn.data.parameters import check_number
from skdyn.data.reading import is_dataframe, read_any
from skdyn.data.source import Raw
from skdyn.data.time_axis import TimeAxis, parse_unit
from skdyn.data.trajectory import Trajectory
from skdyn.data.validation import Validated, validate, validate_values
from skdyn.exceptions import TrajectoryError


class Trajectories(WithGiven, Sequence):
    """A validated sequence of trajectories, ragged and irregular in time.

    Every estimator turns its input into this at the door; nothing behind the door checks data again. It can be
    passed to ``KFold``, ``train_test_split``, ``cross_val_score`` and ``GridSearchCV``: one trajectory is one sample.

    Parameters
    ----------
    X : list of (t, x) pairs, list of arrays (L_k, D), array (K, L, D), array (L, D), DataFrame or Trajectories
        Times ``t`` have shape (L_k,), states ``x`` shape (L_k, D), or (L_k,) for one variable; a list of 1-D arrays or
        Series holds trajectories of one variable. Triples ``(t, x, u)`` have inputs ``u`` of shape (L_k, U) too, a
        `Trajectory` inputs, parameters and names. An array (L, D) is one trajectory. A DataFrame (pandas or polars) is
        long: one row a point, with the time and the identity in columns that are named like these (``t``, ``time``,
        ``timestamp``, ``date``, ``hour``, ... and ``id``, ``subject``, ``run``, ..., in any case, with or without a
        unit in brackets) or in its index; see `from_dataframe` for other names. Arrays and data sets of xarray have
        them as dimensions.
    t : float, timedelta, array of shape (L,), or list of arrays (L_k,), optional
        Times for inputs that carry none: a step, one shared axis, or one axis each. Unit steps by default.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN: raise an error that names the place, or drop the rows, unless their inputs
        are not what the others imply; `with_gaps` is for estimators that can use the rest of a row. Trajectories of
        which fewer than two rows are left are left out, with one warning.
    sort : bool, default=False
        Put the points of each trajectory in the order of their times.
    duplicates : {"raise", "mean", "first"}, default="raise"
        What to do with points of one time: raise an error, take their mean, or keep the first.
    time_unit : str, optional
        In which dates and durations are counted: ``"second"`` (the default), ``"minute"``, ``"hour"``, ``"day"``,
        ``"week"`` or ``"year"``. For times that are numbers, the unit that they have already.
    interpolation : {"linear", "previous"}, optional
        What inputs are between two points: on the straight line (the default), or as at the point before, a zero-order
        hold.

    Attributes
    ----------
    times : tuple of K read-only arrays of shape (L_k,), float64
    states : tuple of K read-only arrays of shape (L_k, D), float64
    feature_names : tuple of D str, or None
    given : Given
        Names of the inputs and parameters, and how inputs are interpolated.
    outside : tuple of K read-only arrays of shape (L_k, G), float64
        What is given from outside at each point, inputs first, then parameters.
    ids : tuple of length K
    axis : TimeAxis
        What the times mean: numbers, durations or dates, the moment that time 0 stands for, and the unit.
    roles : dict
        Which column or label the ``"time"`` and the ``"id"`` were read from.
    times_given : bool
        False where nobody gave times, and points are counted.

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

    states: tuple[np.ndarray, ...]
    ids: tuple[Any, ...]
    feature_names: tuple[str, ...] | None
    axis: TimeAxis
    roles: dict[str, str]
    times_given: bool = True

    def __init__(
        self,
        X: Any,
        t: Any = None,
        *,
        missing: Missing = "raise",
        sort: bool = False,
        duplicates: Duplicates = "raise",
        time_unit: str | None = None,
        interpolation: Interpolation | None = None,
    ) -> None:
        self._read(X, t, Cleaning.of(missing, sort, duplicates), parse_unit(time_unit), interpolation)

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
        self._read(X, t, Cleaning("keep"), None, None)
        return self

    @classmethod
    def from_dataframe(
        cls,
        frame: Any,
        *,
        time: Any = None,
        id: Any = None,
        features: Sequence[Any] | None = None,
        inputs: Sequence[str] | None = None,
        parameters: Sequence[str] | None = None,
        interpolation: Interpolation | None = None,
        missing: Gaps = "raise",
        sort: bool = False,
        duplicates: Duplicates = "raise",
        time_unit: str | None = None,
    ) -> Trajectories:
        """Read a long DataFrame (pandas or polars), one row a point.

        Parameters
        ----------
        frame : pandas.DataFrame or polars.DataFrame
        time : str, optional
            Time column; by default the one column that is named like a time, or the index, else unit steps.
        id : str, optional
            Column that tells trajectories apart; by default the one column that is named like an identity, or a level
            of the index. Rows of different trajectories may be interleaved.
        features : sequence of str, optional
            State columns, whatever they look like; all others by default.
        inputs : sequence of str, optional
            Columns of what acts on the system from outside, such as a force, a dose rate or a temperature.
        parameters : sequence of str, optional
            Columns that are constant within each trajectory and differ between them, such as a body weight. Where
            neither these nor inputs are named, those that `to_dataframe` wrote into the table's ``attrs``.
        interpolation : {"linear", "previous"}, optional
            What inputs are between two rows; ``"linear"`` where the ``attrs`` say nothing.
        missing, sort, duplicates, time_unit
            See `Trajectories`; ``missing="keep"`` keeps rows that hold a NaN among their states, as `with_gaps` does.

        Returns
        -------
        Trajectories
        """
        if not is_dataframe(frame):
            raise TrajectoryError(f"expected a pandas or polars DataFrame, got {type(frame).__name__}")
        cleaning, unit = Cleaning.of(missing, sort, duplicates, gaps=True), parse_unit(time_unit)
        features = name_list("features", features)
        given = given_in(frame, inputs, parameters, interpolation, [time, id, *(features or ())])
        return cls.from_raw(read_dataframe(frame, time, id, features, given), cleaning, unit or unit_of(frame))

    @classmethod
    def from_raw(cls, raw: Raw, cleaning: Cleaning, time_unit: str | None = None) -> Trajectories:
        """Validate what a reader found; for readers of other sources."""
        self = cls.__new__(cls)
        self._take(raw, cleaning, parse_unit(time_unit))
        return self

    def _read(self, X: Any, t: Any, cleaning: Cleaning, unit: str | None, between: Interpolation | None) -> None:
        if isinstance(X, Trajectories) or (
            isinstance(X, (list, tuple)) and len(X) > 0 and all(_is_read(item) for item in X)
        ):
            if t is not None:
                raise TrajectoryError(
                    "t is given twice: as an argument and inside the Trajectories. In a pipeline, whose transformers "
                    "hand on Trajectories and take no t, put t inside first: Trajectories(X, t=t)"
                )
            self._take_again(X, cleaning, unit, between)
            return
        self._take(read_any(X, t).between(between), cleaning, unit or unit_of(X))

    def _take_again(self, X: Any, cleaning: Cleaning, unit: str | None, between: Interpolation | None) -> None:
        """Read trajectories that were read before: their times are numbers on an axis."""
        same = isinstance(X, Trajectories) and unit in (None, X.time_unit) and between in (None, X.given.interpolation)
        if same and (cleaning.missing == "keep" or all(np.isfinite(item.x).all() for item in X)):
            vars(self).update(vars(X))
            return
        raw, axis = read_again(X, unit)
        factor, axis = axis.counted_in(unit)
        times = [recording.when if factor == 1.0 else recording.when * factor for recording in raw.recordings]
        validated = validate_values(raw.between(between), times, axis, cleaning)
        self._keep(validated, getattr(X, "roles", {}), getattr(X, "times_given", True))

    def _take(self, raw: Raw, cleaning: Cleaning, unit: str | None) -> None:
        given = any(recording.when is not None for recording in raw.recordings)
        self._keep(validate(raw, cleaning, unit), raw.roles, given)

    def _keep(self, validated: Validated, roles: dict[str, str], times_given: bool) -> None:
        vars(self).update(vars(validated), roles=roles, times_given=times_given)

    def in_order_of(self, names: Sequence[str]) -> Trajectories:
        """The same trajectories with their variables in another order.

        Parameters
        ----------
        names : sequence of D str

        Raises
        ------
        TrajectoryError
            If these are not the names of the variables.
        """
        if self.feature_names is None or tuple(names) == self.feature_names:
            return self
        order = order_of(self.feature_names, names, "X")
        # In rows again: sums over columns that lie otherwise in memory may round otherwise.
        states = tuple(np.ascontiguousarray(x[:, order]) for x in self.states)
        return self._with(states=states, feature_names=tuple(names))

    def counted_in(self, unit: str | None) -> Trajectories:
        """The same trajectories with their times in another unit; None, or where it is not known, leaves them."""
        if unit is None or self.axis.unit in (None, unit):
            return self
        factor, axis = self.axis.counted_in(unit)
        return self._with(times=tuple(t * factor for t in self.times), axis=axis)

    def to_dataframe(self) -> Any:
        """Return a long pandas DataFrame with the columns ``id``, ``t`` and one for each variable, input and parameter.

        Dates and durations come back as such; the unit of time, and which columns are inputs and parameters, are in its
        ``attrs``.

        Raises
        ------
        TrajectoryError
            If two trajectories have one id, as windows of one recording have, or a variable is named ``id`` or ``t``.
        """
        names = self.feature_names or default_names("x", self.n_features)
        return long_dataframe(
            self.ids,
            [len(t) for t in self.times],
            self.axis.column(np.concatenate(self.times), "pandas"),
            self.points,
            names,
            self.given,
            self.axis.unit,
        )

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
        return self.parts(cuts)

    def rows(self, keep: Sequence[np.ndarray]) -> Trajectories:
        """The same trajectories at some of their points.

        Parameters
        ----------
        keep : sequence of K arrays
            Masks (L_k,) or positions of at least two points each.
        """
        return self.parts(list(enumerate(keep)))

    def parts(self, cuts: Sequence[tuple[int, Any]]) -> Trajectories:
        """Parts of these trajectories, with all that belongs to them; not checked.

        Parameters
        ----------
        cuts : sequence of (int, slice or array)
            A trajectory, and which of its points; each gives one trajectory.
        """
        return self._with(
            times=tuple(self.times[k][rows] for k, rows in cuts),
            states=tuple(self.states[k][rows] for k, rows in cuts),
            outside=tuple(self.outside[k][rows] for k, rows in cuts),
            ids=tuple(self.ids[k] for k, _ in cuts),
        )

    def with_states(self, states: Sequence[np.ndarray], feature_names: Sequence[str] | None) -> Trajectories:
        """The same trajectories with other states (L_k, D'), such as transformed ones, and their names; not checked."""
        names = None if feature_names is None else tuple(feature_names)
        self.given.checked(names)
        return self._with(states=tuple(states), feature_names=names)

    def with_times(self, times: Sequence[np.ndarray]) -> Trajectories:
        """The same trajectories with other times (L_k,); not checked."""
        return self._with(times=tuple(times), times_given=True)

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
        return (self._item(k) for k in range(len(self)))

    def _item(self, k: int) -> Trajectory:
        parts = (self.times[k], self.states[k], self.outside[k], self.given)
        return Trajectory.of_columns(*parts, self.feature_names, self.ids[k], self.axis)

    @overload
    def __getitem__(self, index: int) -> Trajectory: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | np.ndarray) -> Trajectories: ...
    def __getitem__(self, index: Any) -> Trajectory | Trajectories:
        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            return self._item(int(index))
        chosen = np.arange(len(self))[index]
        if chosen.ndim != 1 or len(chosen) == 0:
            raise IndexError(f"{index!r} selects no trajectory of {len(self)}")
        return self.parts([(int(k), slice(None)) for k in chosen])

    @property
    def points(self) -> np.ndarray:
        """States of all trajectories with what is given beside them, shape (L_1 + L_2 + ..., D + G)."""
        return np.hstack([np.concatenate(self.states), np.concatenate(self.outside)])

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns of `points`: the user's, or ``x0``, ``x1`` and so on."""
        return (self.feature_names or default_names("x", self.n_features)) + self.given.names

    @property
    def origin(self) -> Any:
        """What time 0 stands for when dates or very large integers were given; else None."""
        return self.axis.origin

    @property
    def time_unit(self) -> str | None:
        """The unit in which time is counted, such as ``"day"``; None where only the user knows."""
        return self.axis.unit

    def _said(self) -> str:
        """What was read as time and identity, where a table said so, and what is given from outside."""
        read = "".join(f"; {role} from {name}" for role, name in self.roles.items())
        kinds = (("inputs", self.given.inputs), ("parameters", self.given.parameters))
        return read + "".join(f"; {kind}: {', '.join(names)}" for kind, names in kinds if names)

    def __repr__(self) -> str:
        k, d = len(self), self.n_features
        return (
            f"Trajectories({k} {'trajectory' if k == 1 else 'trajectories'}, {self.n_points} points, "
            f"{d} {'variable' if d == 1 else 'variables'}{self._said()})"
        )


def _is_read(item: Any) -> bool:
    """Whether a trajectory has been through the door, so that its times are numbers on an axis."""
    return isinstance(item, Trajectory) and item.axis is not None
