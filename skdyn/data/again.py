"""Read trajectories that were read before, one by one or together: names agree, and times count from one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skdyn.data.given import alike, read_given
from skdyn.data.names import order_of
from skdyn.data.source import Raw, Recording, Source
from skdyn.data.time_axis import TimeAxis
from skdyn.data.trajectory import Trajectory
from skdyn.exceptions import TrajectoryError


def read_again(items: Sequence[Trajectory], unit: str | None = None) -> tuple[Raw, TimeAxis]:
    """Trajectories with numbers on axes of their own, on one axis.

    Parameters
    ----------
    items : sequence of Trajectory
    unit : str, optional
        What times without a unit are counted in.

    Raises
    ------
    TrajectoryError
        If their variables have different names, or their times are of different kinds, or only some have a unit.
    """
    axes = [item.axis or TimeAxis() for item in items]
    for k, own in enumerate(axes):
        axes[0].refuse_other(own, f"times of trajectory {k}")
    axes = [replace(own, unit=own.unit or unit) for own in axes]
    units = [own.unit for own in axes]
    if None in units and any(units):
        raise TrajectoryError(
            f"the times of trajectory {units.index(None)} have no unit, unlike others, which count "
            f"{next(filter(None, units))}s: pass time_unit={next(filter(None, units))!r} if they count these too"
        )
    axis = min(axes, key=lambda one: (one.origin is None, one.origin)) if len(set(axes)) > 1 else axes[0]
    recordings = []
    given, orders = alike([item.given for item in items])
    for k, (item, own) in enumerate(zip(items, axes, strict=True)):
        times = np.array(item.t)
        if own != axis:
            factor, own = own.counted_in(axis.unit)
            times = times * factor + axis.shift_of(own, f"times of trajectory {k}")
        columns, _ = read_given(item.u, item.p, len(times), f"trajectory {k}")
        recordings.append(Recording.of(times, np.array(item.x), given=columns[:, orders[k]]))
    ids = [k if item.id is None else item.id for k, item in enumerate(items)]
    raw = Raw(recordings, ids, None, Source(), given=given)
    return named_alike(raw, [item.feature_names for item in items]), axis


def named_alike(raw: Raw, names_of_each: Sequence[Sequence[Any] | None]) -> Raw:
    """The recordings in the order of the names of the first that has names; those without are taken as they are.

    Raises
    ------
    TrajectoryError
        If they have different names, or not one for each variable.
    """
    named = {k: tuple(own) for k, own in enumerate(names_of_each) if own is not None}
    if not named:
        return raw
    names = next(iter(named.values()))
    recordings = list(raw.recordings)
    for k, own in named.items():
        width = recordings[k].states.shape[1]
        if len(own) != width or len(set(own)) != len(own) or not all(isinstance(name, str) for name in own):
            raise TrajectoryError(f"trajectory {k} has {width} variables but the names {own}: give each one name")
        order = order_of(own, names, f"trajectory {k}")
        recordings[k] = replace(recordings[k], states=recordings[k].states[:, order])
    return replace(raw, recordings=recordings, names=names, source=replace(raw.source, names=names))
