"""From what a reader found to arrays that nobody checks again: shapes, times, values, and enough points of each.

Letters: K trajectories, L points, D variables, G given columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skdyn.data.cleaning import Cleaning, check_given, check_parameters
from skdyn.data.columns import refuse_other_unit
from skdyn.data.given import Given
from skdyn.data.lost_inputs import Thinned, check_lost_inputs
from skdyn.data.source import Raw, check_shapes
from skdyn.data.suspicion import refuse_constants, refuse_hidden_identity, refuse_hidden_time
from skdyn.data.time_axis import TimeAxis
from skdyn.data.times import read_times
from skdyn.data.written_times import refuse_written_times
from skdyn.exceptions import TrajectoryError, warn


@dataclass(frozen=True)
class Validated:
    """Trajectories that are good; see `skdyn.data.trajectories.Trajectories` for what each attribute is."""

    times: tuple[np.ndarray, ...]
    states: tuple[np.ndarray, ...]
    outside: tuple[np.ndarray, ...]
    ids: tuple[Any, ...]
    feature_names: tuple[str, ...] | None
    given: Given
    axis: TimeAxis


def validate(raw: Raw, cleaning: Cleaning, unit: str | None) -> Validated:
    """Validate what a reader found, with times of any kind.

    Parameters
    ----------
    raw : Raw
    cleaning : Cleaning
    unit : str, optional
        In which dates and durations are counted.

    Raises
    ------
    TrajectoryError
        Naming the first place that is wrong and what to do.
    """
    check_shapes(raw)
    states = [recording.states for recording in raw.recordings]
    if not raw.meant:
        if all(recording.when is None for recording in raw.recordings):
            refuse_hidden_time(states, raw.source)
            if "id" not in raw.roles:
                refuse_hidden_identity(states, raw.source)
        refuse_constants(states, raw.source)
    times, axis = read_times(
        [recording.when for recording in raw.recordings],
        [len(recording.states) for recording in raw.recordings],
        unit,
    )
    if axis.kind == "number":
        refuse_other_unit(raw.time_name, unit, raw.source)
    if axis.kind == "number" and axis.origin is None:
        refuse_written_times(times, raw.time_name, raw.source)
    return validate_values(raw, times, axis, cleaning)


def validate_values(raw: Raw, times: Sequence[np.ndarray], axis: TimeAxis, cleaning: Cleaning) -> Validated:
    """Validate what a reader found, with times (L_k,) that are numbers on an axis.

    Trajectories of which fewer than two rows are left are left out with one warning, unless nothing was to be dropped.

    Raises
    ------
    TrajectoryError
        Naming the first place that is wrong and what to do.
    """
    kept, short, dropped = [], [], []
    given = raw.given.checked(raw.names)
    source = raw.source if raw.names is None else replace(raw.source, names=(*raw.names, *given.names))
    for k, (recording, t) in enumerate(zip(raw.recordings, times, strict=True)):
        width = recording.states.shape[1]
        whole = ~np.isnan(recording.states).any(axis=1) if cleaning.missing == "drop" else slice(None)
        check_parameters(recording.given[whole], given, recording.rows[whole], k, source)
        both = np.hstack([recording.states, recording.given])
        t, both, rows = cleaning.put_in_order(t, both, recording.rows, k, source, given)
        stays = cleaning.stays(both, rows, k, source, given)
        x, outside = both[stays, :width], both[stays, width:]
        check_given(outside, given, rows[stays], k, raw.source)
        seen = int((~np.isnan(x)).any(axis=1).sum())
        if seen < 2:
            if cleaning.missing == "raise":
                raise TrajectoryError(
                    f"trajectory {k} has {seen} sample; at least 2 are needed to see motion (id {raw.ids[k]!r}, "
                    f"{source.place(k, rows[0])}); pass {raw.source.dropping} to leave such ones out"
                )
            short.append((k, seen))
            continue
        if cleaning.missing == "drop" and given.inputs:
            dropped.append(Thinned(t, both[:, width : width + len(given.inputs)], stays, rows, k))
        t = t[stays]
        for array in (t, x, outside):
            array.flags.writeable = False
        kept.append((t, x, outside, raw.ids[k]))
    if not kept:
        raise TrajectoryError(
            f"trajectory {short[0][0]}: fewer than 2 rows are left after dropping those with NaN "
            f"(n_samples = {short[0][1]}), as in all others"
        )
    if short:
        first = short[0][0]
        named = "" if raw.ids[first] == first else f", id {raw.ids[first]!r}"
        warn(
            f"{len(short)} of {len(times)} trajectories are left out, because fewer than 2 of their rows "
            f"{'hold a state' if cleaning.missing == 'keep' else 'are complete'} (the first is {first}{named})"
        )
    check_lost_inputs(dropped, given, raw.source)
    whens, states, outsides, ids = zip(*kept, strict=True)
    return Validated(whens, states, outsides, ids, raw.names, given, axis)
