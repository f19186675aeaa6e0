"""How errors and warnings speak of the data: where a value stands, and what the user has to write to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from skdyn.data.given import Given, Interpolation
from skdyn.exceptions import TrajectoryError

ABSENT = frozenset(("", "na", "n/a", "nan", "null", "none", "nat", "<na>"))
"""Texts that stand for nothing, in lower case."""


TABLES = ("pandas", "polars", "xarray")
"""Libraries whose tables are read by name."""


def library_of(X: Any) -> str:
    """The one of `TABLES` that a value's type, or one it inherits from, comes from, without importing it; or ``""``."""
    packages = (kind.__module__.partition(".")[0] for kind in type(X).__mro__)
    return next((package for package in packages if package in TABLES), "")


def refuse_other_table(X: Any, what: str) -> None:
    """Refuse a table of a library that is not read by name: as an array it would lose what its columns are.

    Raises
    ------
    TrajectoryError
    """
    if not library_of(X) and (hasattr(X, "column_names") or hasattr(X, "columns")):
        raise TrajectoryError(
            f"{what} is a {type(X).__module__}.{type(X).__name__}, whose columns cannot be read by name: convert it to "
            "pandas or polars"
        )


@dataclass(frozen=True)
class Source:
    """Data that came from Python.

    Attributes
    ----------
    table : str
        What errors call the data as a whole.
    names : tuple of str, or None
        Names of the variables.
    call : str
        What takes options.
    """

    table: str = "X"
    names: tuple[str, ...] | None = None
    call: str = ""

    def place(self, trajectory: int, row: int, column: int | None = None) -> str:
        """Where a value stands; ``row`` is that of the data as they were given."""
        where = f"trajectory {trajectory}, row {row}"
        if column is None:
            return where
        return f"{where}, column {column if self.names is None else repr(self.names[column])}"

    def flag(self, **values: Any) -> str:
        """Options as the user has to write them."""
        return ", ".join(f"{name}={value!r}" for name, value in values.items())

    def option(self, **values: Any) -> str:
        """The call with these options."""
        return f"{self.call}(..., {self.flag(**values)})" if self.call else self.flag(**values)

    def dated(self, form: str) -> str:
        """How to read numbers that are written like a form of dates, or of times of the day."""
        padded = ".str.zfill(4)" if form == "%H%M" else ""
        return f"pandas.to_datetime(times.astype(int).astype(str){padded}, format={form!r}) reads them"

    @property
    def dropping(self) -> str:
        """The call that drops rows in which something is missing, whatever takes the data next."""
        return self.option(missing="drop") if self.call else "Trajectories(X, missing='drop')"

    @property
    def keeping(self) -> str:
        """The call that keeps rows in which something is missing."""
        return self.option(missing="keep") if self.call else "Trajectories.with_gaps(X)"


@dataclass(frozen=True)
class FileSource(Source):
    """Data that came from a file, on the command line; rows are lines of the file."""

    path: Path = Path()

    def place(self, trajectory: int, row: int, column: int | None = None) -> str:
        """File, line, and column by name."""
        where = f"{self.path}, line {row}"
        return where if column is None or self.names is None else f"{where}, column {self.names[column]!r}"

    def dated(self, form: str) -> str:
        """How to read numbers that are written like a form of dates, or of times of the day."""
        if form == "%H%M":  # in which 10 would be one o'clock
            return f"write them with a colon, such as 9:50, and pass {self.flag(**{'date-format': '%H:%M'})}"
        return f"pass {self.flag(**{'date-format': form})}"

    @property
    def dropping(self) -> str:
        """The option that drops rows in which something is missing."""
        return self.flag(missing="drop")

    @property
    def keeping(self) -> str:
        """The call that keeps rows in which something is missing."""
        return f"{self.flag(missing='keep')} or read_csv(..., missing='keep')"

    def flag(self, **values: Any) -> str:
        """Options of the command line."""
        names = {"id": "group", "time_unit": "time-unit"}
        return " ".join(f"--{names.get(name, name)}{_argument(value)}" for name, value in values.items())


def _argument(value: Any) -> str:
    if value is True:
        return ""
    values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
    return "".join(f' "{item}"' if " " in str(item) or item == "" else f" {item}" for item in values)


@dataclass(frozen=True)
class Recording:
    """One trajectory as a reader found it, unchecked.

    Attributes
    ----------
    when : None, a step, or an array of L times
    states : float64 array of shape (L, D)
        NaN where missing.
    rows : int array of shape (L,)
        Which row (or line) of the data each point is, for errors.
    given : float64 array of shape (L, G)
        Inputs and parameters; NaN where missing.
    """

    when: Any
    states: np.ndarray
    rows: np.ndarray
    given: np.ndarray

    @classmethod
    def of(
        cls, when: Any, states: np.ndarray, rows: np.ndarray | None = None, given: np.ndarray | None = None
    ) -> Recording:
        """With rows counted from zero where none are given, and no inputs nor parameters."""
        return cls(
            when,
            states,
            np.arange(len(states)) if rows is None else rows,
            np.empty((len(states), 0)) if given is None else given,
        )


@dataclass(frozen=True)
class Raw:
    """What a reader found.

    Attributes
    ----------
    recordings : list of K Recording
    ids : list of length K
    names : tuple of D str, or None
    source : Source
        How errors speak of it.
    roles : dict of str to str
        Which columns or labels the ``time`` and the ``id`` were read from.
    time_name : object
        What the times are called, where they have a name.
    meant : bool
        Whether the user said what the states are, so that nothing is guessed about them.
    given : Given
        Which columns are given from outside.
    """

    recordings: list[Recording]
    ids: list[Any]
    names: tuple[str, ...] | None
    source: Source
    roles: dict[str, str] = field(default_factory=dict)
    time_name: Any = None
    meant: bool = False
    given: Given = field(default_factory=Given)

    def between(self, interpolation: Interpolation | None) -> Raw:
        """The same with another interpolation of the inputs, where the user says one."""
        return self if interpolation is None else replace(self, given=replace(self.given, interpolation=interpolation))


def check_shapes(raw: Raw) -> None:
    """Refuse recordings without variables or points, or of different numbers of variables.

    Raises
    ------
    TrajectoryError
    """
    for k, recording in enumerate(raw.recordings):
        x = recording.states
        if x.shape[1] == 0:
            raise TrajectoryError(f"trajectory {k}: 0 feature(s) (shape={x.shape}) while a minimum of 1 is required.")
        if len(x) == 0:
            raise TrajectoryError(f"trajectory {k} has 0 samples (shape={x.shape}); at least 2 are needed")
        width = raw.recordings[0].states.shape[1]
        if x.shape[1] != width:
            raise TrajectoryError(f"trajectory {k} has {x.shape[1]} variables but trajectory 0 has {width}")
