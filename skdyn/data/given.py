"""What is given from outside along trajectories: inputs, and parameters that do not change within one.

Letters: K trajectories, L points, U inputs, P parameters, G = U + P given columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from skdyn.data.numbers import read_numbers
from skdyn.exceptions import TrajectoryError

Interpolation = Literal["linear", "previous"]


@dataclass(frozen=True)
class Given:
    """Which columns are given, the inputs first.

    Attributes
    ----------
    inputs : tuple of U str
    parameters : tuple of P str
    interpolation : {"linear", "previous"}
        What inputs are between two points: on the straight line, or as at the point before.
    """

    inputs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    interpolation: Interpolation = "linear"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, the inputs first."""
        return self.inputs + self.parameters

    def __len__(self) -> int:
        return len(self.names)

    def kind(self, column: int) -> Literal["input", "parameter"]:
        """What one of the columns is called."""
        return "input" if column < len(self.inputs) else "parameter"

    @property
    def holds(self) -> bool:
        """Whether inputs jump at points and are constant between them."""
        return self.interpolation == "previous" and bool(self.inputs)

    def checked(self, states: Sequence[str] | None) -> Given:
        """The same, if the names are good.

        Raises
        ------
        TrajectoryError
            If a name is given twice, also among those of the states.
        """
        if self.interpolation not in get_args(Interpolation):
            raise TrajectoryError(f"interpolation must be 'linear' or 'previous', got {self.interpolation!r}")
        everything = [*(states or ()), *self.names]
        if twice := [name for name in self.names if everything.count(name) > 1]:
            raise TrajectoryError(f"{twice[0]!r} is the name of two variables: a state, an input or a parameter")
        return self


NOTHING = Given()


def given_columns(inputs: Any, parameters: Any, interpolation: Any) -> Given:
    """Columns of a table that a user says are inputs and parameters.

    Raises
    ------
    TrajectoryError
    """
    found = []
    for what, names in (("inputs", inputs), ("parameters", parameters)):
        listed = name_list(what, names) or []
        if not all(isinstance(name, str) for name in listed):
            raise TrajectoryError(f"{what} must be a list of names of columns, got {names!r}")
        found.append(tuple(listed))
    return Given(found[0], found[1], interpolation).checked(None)


def name_list(what: str, names: Any) -> list[Any] | None:
    """Names that a user gives as a list or an index of a table; None stays None.

    Raises
    ------
    TrajectoryError
        If it is a single name, or holds none.
    """
    if names is None:
        return None
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise TrajectoryError(f"{what} must be a list of names of columns, got {names!r}")
    return list(names)


def default_names(letter: str, count: int) -> tuple[str, ...]:
    """Names where none are given, such as ``u0`` and ``u1``."""
    return tuple(f"{letter}{i}" for i in range(count))


def read_given(u: Any, p: Any, length: int, place: str) -> tuple[np.ndarray, int]:
    """Columns (L, G) of the inputs and parameters of one trajectory, and how many of them are inputs.

    Parameters
    ----------
    u : array of shape (L, U) or (L,), or None
    p : array of shape (P,) or a number, or None
    length : int
    place : str
        Which trajectory it is, for errors.

    Raises
    ------
    TrajectoryError
    """
    inputs, parameters = np.empty((length, 0)), np.empty(0)
    if u is not None:
        inputs = read_numbers(u, f"the inputs of {place}", "inputs must be real numbers", booleans=True)
        inputs = inputs[:, None] if inputs.ndim == 1 else inputs
        if inputs.ndim != 2 or len(inputs) != length:
            raise TrajectoryError(
                f"the inputs of {place} have shape {np.shape(u)}: expected ({length}, U), a row for each of the "
                f"{length} points"
            )
    if p is not None:
        read = read_numbers(p, f"the parameters of {place}", "parameters must be real numbers", booleans=True)
        parameters = np.atleast_1d(read)
        if parameters.ndim != 1:
            raise TrajectoryError(f"the parameters of {place} have shape {np.shape(p)}: expected (P,)")
    return np.column_stack([inputs, np.tile(parameters, (length, 1))]), inputs.shape[1]


def alike(columns: Sequence[Given]) -> tuple[Given, list[list[int]]]:
    """The columns of all trajectories, as the first one has them, and in which order each has them itself.

    Raises
    ------
    TrajectoryError
        If one of them has others.
    """
    first = columns[0]
    orders = []
    for k, own in enumerate(columns):
        same = sorted(own.inputs) == sorted(first.inputs) and sorted(own.parameters) == sorted(first.parameters)
        if not same or own.interpolation != first.interpolation:
            raise TrajectoryError(
                f"trajectory {k} has the inputs {list(own.inputs)} ({own.interpolation}) and the parameters "
                f"{list(own.parameters)}, unlike trajectory 0 with {list(first.inputs)} ({first.interpolation}) and "
                f"{list(first.parameters)}"
            )
        orders.append([own.names.index(name) for name in first.names])
    return first, orders
