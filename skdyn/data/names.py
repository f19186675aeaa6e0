"""Names of variables: put in order what comes by name, refuse what is unknown or missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError


def order_of(names: Sequence[Any], wanted: Sequence[Any], what: str) -> list[int]:
    """Where each wanted name stands among the given ones.

    Raises
    ------
    TrajectoryError
        Naming those that are unknown or missing.
    """
    unknown, missing = [n for n in names if n not in wanted], [n for n in wanted if n not in names]
    if unknown or missing:
        raise TrajectoryError(
            f"{what} has the variables {list(names)}, but {list(wanted)} are expected"
            + (f": unknown: {', '.join(map(repr, unknown))}" if unknown else "")
            + (f"{';' if unknown else ':'} missing: {', '.join(map(repr, missing))}" if missing else "")
        )
    return [list(names).index(name) for name in wanted]


def named_states(points: Any, wanted: Sequence[str] | None, what: str) -> Any:
    """States of a DataFrame (N, D) or Series (D,) as a plain array in the wanted order; anything else as it is.

    Parameters
    ----------
    points : object
    wanted : sequence of D str, or None
        Names of the fit; without any, the order of the columns counts.
    what : str
        What errors call it.

    Raises
    ------
    TrajectoryError
        If names are unknown or missing.
    """
    library = type(points).__module__.partition(".")[0]
    if library not in ("pandas", "polars"):
        return points
    if hasattr(points, "columns"):
        names = list(points.columns)
        if wanted is not None and all(isinstance(name, str) for name in names):
            points = points[[names[i] for i in order_of(names, wanted, what)]]
        return _plain(points)
    index = list(points.index) if library == "pandas" else None
    if wanted is not None and index is not None and all(isinstance(name, str) for name in index):
        points = points.iloc[order_of(index, wanted, what)]
    return _plain(points)


def _plain(points: Any) -> Any:
    values = points.to_numpy()
    return np.asarray(values, dtype=object if values.dtype.kind not in "fiu" else None)
