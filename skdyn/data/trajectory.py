"""One trajectory, with what travels with it: inputs, parameters, names, identity, and what its times mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdyn.data.given import Given, Interpolation, default_names
from skdyn.data.names import names_of
from skdyn.data.time_axis import TimeAxis
from skdyn.exceptions import TrajectoryError


class Trajectory(tuple):
    """The pair ``(t, x)`` of times and states, with inputs, parameters and names beside it.

    Parameters
    ----------
    t : array of shape (L,)
        Times.
    x : array or DataFrame of shape (L, D)
        States.
    feature_names : tuple of D str, optional
        The names of a DataFrame's columns by default.
    id : hashable, optional
        Which trajectory this is.
    axis : TimeAxis, optional
        What the times mean, where they are numbers that were read before; else they may be dates or durations too.
    u : array or DataFrame of shape (L, U), or array (L,), optional
        Inputs: what acts on the system from outside, at the same times.
    p : array or Series of shape (P,), or a number, optional
        Parameters: what is constant within this trajectory and differs between trajectories.
    input_names, parameter_names : sequence of str, optional
        By default those of a DataFrame ``u`` or a Series ``p``, else ``u0``, ``u1`` and so on, and ``p0``, ``p1`` and
        so on.
    interpolation : {"linear", "previous"}, default="linear"
        What the inputs are between two points: on the straight line, or as at the point before (zero-order hold).

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories, Trajectory
    >>> t = np.linspace(0, 5, 50)
    >>> x = np.exp(-t)[:, None]
    >>> Trajectories([Trajectory(t, 2 * x, p=2.0, parameter_names=["dose"]), Trajectory(t, 5 * x, p=5.0,
    ...               parameter_names=["dose"])])
    Trajectories(2 trajectories, 100 points, 1 variable; parameters: dose)
    """

    feature_names: tuple[str, ...] | None
    id: Any
    axis: TimeAxis | None
    u: Any
    p: Any
    given: Given

    def __new__(  # noqa: D102
        cls,
        t: Any,
        x: Any,
        feature_names: Sequence[str] | None = None,
        id: Any = None,
        axis: TimeAxis | None = None,
        *,
        u: Any = None,
        p: Any = None,
        input_names: Sequence[str] | None = None,
        parameter_names: Sequence[str] | None = None,
        interpolation: Interpolation = "linear",
    ) -> Trajectory:
        self = super().__new__(cls, (t, x))
        if isinstance(feature_names, str):
            raise TrajectoryError(f"feature_names must be a list of names of variables, got {feature_names!r}")
        self.feature_names = None if feature_names is None else tuple(feature_names)
        self.id, self.axis = id, axis
        self.u, self.p = u, p
        self.given = Given(
            _names("u", 0 if u is None else _width(u), names_of(u) if input_names is None else input_names, "input"),
            _names(
                "p",
                0 if p is None else int(np.size(p)),
                names_of(p, "index") if parameter_names is None else parameter_names,
                "parameter",
            ),
            interpolation,
        )
        return self

    @classmethod
    def of_columns(
        cls,
        t: np.ndarray,
        x: np.ndarray,
        outside: np.ndarray,
        given: Given,
        feature_names: tuple[str, ...] | None,
        id: Any,
        axis: TimeAxis,
    ) -> Trajectory:
        """A trajectory from what is given along it as columns (L, U + P), as `Trajectories` keep them."""
        count = len(given.inputs)
        return _again(
            t,
            x,
            feature_names,
            id,
            axis,
            outside[:, :count] if given.inputs else None,
            outside[0, count:] if given.parameters else None,
            given,
        )

    @property
    def t(self) -> np.ndarray:
        """Times, shape (L,)."""
        return self[0]

    @property
    def x(self) -> np.ndarray:
        """States, shape (L, D)."""
        return self[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self[0], self[1], self.feature_names, self.id, self.axis, self.u, self.p, self.given)


def _again(
    t: Any, x: Any, feature_names: tuple[str, ...] | None, id: Any, axis: TimeAxis | None, u: Any, p: Any, given: Given
) -> Trajectory:
    """A trajectory whose columns are named as ``given`` says; also what unpickles one."""
    inputs, parameters = given.inputs or None, given.parameters or None
    return Trajectory(
        t, x, feature_names, id, axis, u=u, p=p,
        input_names=inputs, parameter_names=parameters, interpolation=given.interpolation,
    )  # fmt: skip


def _names(letter: str, count: int, names: Sequence[str] | None, kind: str) -> tuple[str, ...]:
    if names is None:
        return default_names(letter, count)
    if isinstance(names, str) or len(names) != count or not all(isinstance(name, str) for name in names):
        raise TrajectoryError(f"{kind}_names must be {count} names, one for each {kind}, got {names!r}")
    return tuple(names)


def _width(u: Any) -> int:
    shape = np.shape(u)
    return shape[-1] if len(shape) == 2 else 1
