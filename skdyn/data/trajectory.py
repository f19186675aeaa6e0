"""One trajectory, with what travels with it: names of variables, identity, and what its times mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.times import TimeAxis


class Trajectory(tuple):
    """The pair ``(t, x)`` of times (L,) and states (L, D), with names: ``Trajectory(t, x, feature_names, id, axis)``.

    Attributes
    ----------
    feature_names : tuple of D str, or None
    id : hashable, or None
        Which trajectory this is.
    axis : TimeAxis, or None
        What the times mean, where they are numbers that were read before; else they may be dates or durations too.
    """

    feature_names: tuple[str, ...] | None
    id: Any
    axis: TimeAxis | None

    def __new__(  # noqa: D102
        cls,
        t: Any,
        x: Any,
        feature_names: tuple[str, ...] | None = None,
        id: Any = None,
        axis: TimeAxis | None = None,
    ) -> Trajectory:
        self = super().__new__(cls, (t, x))
        self.feature_names, self.id, self.axis = feature_names, id, axis
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
        return (self[0], self[1], self.feature_names, self.id, self.axis)
