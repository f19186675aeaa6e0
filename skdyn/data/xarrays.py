"""Read xarray's arrays: the time and the identity are coordinates, the states a dimension or the variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.columns import is_id_name, is_time_name
from skdyn.data.frames import read_dataframe
from skdyn.data.source import Raw
from skdyn.exceptions import TrajectoryError


def read_xarray(X: Any) -> Raw:
    """Read a DataArray (time), (time, variable) or (id, time, variable), or a Dataset of variables over (id, time)."""
    dims = [str(dim) for dim in X.dims]
    times = [dim for dim in dims if is_time_name(dim)] or [
        dim for dim in dims if dim in X.coords and np.asarray(X.coords[dim]).dtype.kind in "mM"
    ]
    if len(times) != 1:
        raise TrajectoryError(
            f"X has the dimensions {dims}: which is the time? Rename it with X.rename({{...: 'time'}})"
        )
    others = [dim for dim in dims if dim != times[0]]
    is_dataset = hasattr(X, "data_vars")
    ids = [dim for dim in others if is_id_name(dim)]
    states = [dim for dim in others if dim not in ids]
    if len(ids) > 1 or len(states) > (0 if is_dataset else 1):
        mend = ""
        if not is_dataset and len(states) == 2 and not ids:
            axes = ", ".join(map(repr, [times[0], *states]))
            mend = f". Of images pass (X[{times[0]!r}].values, X.transpose({axes}).values) to FIMCoarseGrainer"
        raise TrajectoryError(
            f"X has the dimensions {dims}: beside the time there may be an identity (such as 'id') and"
            f"{' nothing else' if is_dataset else ' one of variables'}{mend}"
        )
    _refuse_labels(X, times[0])
    order = [*ids, times[0]]
    for dim in order:
        if dim not in X.coords and dim == times[0]:
            X = X.assign_coords({dim: np.arange(X.sizes[dim])})
    if is_dataset:
        frame = X[list(X.data_vars)].reset_coords(drop=True).to_dataframe(dim_order=order)
    elif states:
        wide = X.reset_coords(drop=True).transpose(*order, states[0])
        frame = wide.isel({states[0]: 0}, drop=True).rename("x").to_dataframe(dim_order=order)
        labels = [str(v) for v in X.coords[states[0]].values] if states[0] in X.coords else None
        frame = type(frame)(np.asarray(wide).reshape(-1, wide.shape[-1]), index=frame.index, columns=labels)
    else:
        frame = X.reset_coords(drop=True).rename(X.name or "x").to_dataframe(dim_order=order)
    frame = frame.dropna(how="all") if ids else frame  # shorter recordings are padded in an array
    table = "the Dataset" if is_dataset else "the DataArray"
    frame.index = frame.index.set_names(["id", "time"] if ids else ["time"])
    return read_dataframe(frame, table=table)


def _refuse_labels(X: Any, time: str) -> None:
    """Refuse a coordinate along the time that is named like an identity."""
    for name, values in X.coords.items():
        if name != time and time in values.dims and is_id_name(name):
            raise TrajectoryError(
                f"X has the coordinate {str(name)!r} along {time!r}, which is named like an identity: leave it out "
                f"with X.drop_vars({str(name)!r}), or make it a dimension"
            )
