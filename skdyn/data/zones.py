"""Time zones: their names, and from moments in UTC to the clock on the wall and back.

A zone has the name that the zone database gives it, or is so many seconds ahead of UTC. Letters: T times.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

_UTC = "0.0"


def zone_name(zone: tzinfo) -> str:
    """The name of a zone, or the seconds by which it is ahead of UTC."""
    return repr(zone.utcoffset(None).total_seconds()) if isinstance(zone, timezone) else str(zone)


def zone_of(name: str) -> tzinfo:
    """A zone of its name, or of the seconds by which it is ahead of UTC.

    Raises
    ------
    ValueError
        If there is none.
    """
    try:
        return timezone(timedelta(seconds=float(name)))
    except ValueError:
        return ZoneInfo(name)
    except OverflowError as error:
        raise ValueError(f"no zone is {name} seconds ahead of UTC") from error


def shared_zone(raw: Iterable[Any]) -> str | None:
    """The zone of times in any form: UTC where there are several or one without a known name, None without any."""
    zones = set().union(*map(_zones_in, raw))
    names = {zone_name(zone) for zone in zones}
    if not names:
        return None
    name = names.pop()
    return name if not names and is_zone(name) else _UTC


def _zones_in(times: Any) -> set[tzinfo]:
    if zone := getattr(getattr(times, "dtype", None), "tz", None):  # of pandas
        return {zone}
    if isinstance(times, (list, tuple)) or (isinstance(times, np.ndarray) and times.dtype.kind == "O"):
        found = (getattr(value, "tzinfo", None) for value in np.ravel(np.asarray(times, dtype=object)))
        return {zone for zone in found if isinstance(zone, tzinfo)}
    return set()


def is_zone(name: Any) -> bool:
    """Whether there is a zone of this name."""
    try:
        zone_of(name)
    except (ValueError, TypeError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def by_clock(moments: np.ndarray, zone: str) -> np.ndarray:
    """What the clock of a zone shows at moments (T,) in UTC."""
    there = zone_of(zone)
    return _moved(moments, [_offset(moment.replace(tzinfo=UTC).astimezone(there)) for moment in _seconds(moments)])


def moments_of(clock: np.ndarray, zone: str) -> np.ndarray:
    """Moments (T,) in UTC at which the clock of a zone shows this: the first of two, where it shows it twice."""
    there = zone_of(zone)
    return _moved(clock, [-_offset(shown.replace(tzinfo=there)) for shown in _seconds(clock)])


def _seconds(dates: np.ndarray) -> list[datetime]:
    return dates.astype("datetime64[s]").tolist()


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta()


def _moved(dates: np.ndarray, offsets: list[timedelta]) -> np.ndarray:
    moved = np.array([offset.total_seconds() for offset in offsets]).round().astype("timedelta64[s]")
    return dates + moved


def zoned_column(library: str, moments: np.ndarray, zone: str) -> Any:
    """Moments (T,) in UTC as a column of a table, in their zone."""
    made = import_module(library)
    if library == "polars":
        return made.Series(moments).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return made.DatetimeIndex(moments, tz=UTC).tz_convert(zone_of(zone))


def with_offsets(moments: np.ndarray, zone: str) -> list[datetime]:
    """Moments (T,) in UTC to the microsecond, as dates of their zone."""
    there = zone_of(zone)
    return [moment.replace(tzinfo=UTC).astimezone(there) for moment in moments.astype("datetime64[us]").tolist()]
