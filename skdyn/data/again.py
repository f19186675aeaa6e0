"""Read trajectories that were read before, one by one or together: names agree, and times count from one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skdyn.data.given import alike, read_given
from skdyn.data.names import order_of
from skdyn.data.source import Raw, Recording, Source
from skdyn.data.times import TimeAxis, conversion
from skdyn.data.trajectory import Trajectory
from skdyn.exceptions import TrajectoryError


def read_again(items: Sequence[Trajectory]) -> tuple[Raw, TimeAxis]:
    """Trajectories with numbers on axes of their own, on one axis.

    Raises
    ------
    TrajectoryError
        If their variables have different names, or their times are of different kinds.
    """
    axes = [item.axis or TimeAxis() for item in items]
    axis = min(axes, key=lambda one: (one.origin is None, one.origin)) if len(set(axes)) > 1 else axes[0]
    recordings = []
    given, orders = alike([item.given for item in items])
    for k, (item, own) in enumerate(zip(items, axes, strict=True)):
        times = np.array(item.t)
        if own != axis:
            times = times * conversion(own.unit, axis.unit) + axis.shift_of(own, f"times of trajectory {k}")
        columns, _ = read_given(item.u, item.p, len(times), f"trajectory {k}")
        recordings.append(Recording.of(times, np.array(item.x), given=columns[:, orders[k]]))
    ids = [k if item.id is None else item.id for k, item in enumerate(items)]
    return named_alike(Raw(recordings, ids, None, Source(), given=given), items), axis


def named_alike(raw: Raw, items: Sequence[Trajectory]) -> Raw:
    """The recordings of trajectories in the order of the names of the first, and with their identities.

    Raises
    ------
    TrajectoryError
        If they have different names, or not one for each variable.
    """
    named = [k for k, item in enumerate(items) if item.feature_names is not None]
    ids = [raw.ids[k] if item.id is None else item.id for k, item in enumerate(items)]
    if not named:
        return replace(raw, ids=ids)
    names = tuple(items[named[0]].feature_names or ())
    recordings = list(raw.recordings)
    for k in named:
        own = tuple(items[k].feature_names or ())
        width = recordings[k].states.shape[1]
        if len(own) != width or len(set(own)) != len(own) or not all(isinstance(name, str) for name in own):
            raise TrajectoryError(f"trajectory {k} has {width} variables but the names {own}: give each one name")
        order = order_of(own, names, f"trajectory {k}")
        recordings[k] = replace(recordings[k], states=recordings[k].states[:, order])
    return replace(raw, recordings=recordings, ids=ids, names=names, source=replace(raw.source, names=names))
