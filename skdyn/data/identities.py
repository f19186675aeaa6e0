"""Identities of trajectories as JSON holds them: numbers and text as they are, dates and moments beside their kind."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from skdyn.data.source import library_of
from skdyn.data.zones import zone_name, zone_of
from skdyn.exceptions import SkdynError


def identity_to_json(identity: Any, k: int) -> Any:
    """The identity of trajectory ``k`` as plain values.

    Raises
    ------
    SkdynError
        If `identity_from_json` would not give the same type and value.
    """
    if isinstance(identity, np.generic) and identity.dtype.kind not in "mM":
        identity = identity.item()
    try:
        saved = _plain(identity)
        again = identity_from_json(saved)
        same = type(again) is type(identity) and repr(again) == repr(identity)
    except (ValueError, TypeError, KeyError, OverflowError):
        same = False
    if not same:
        raise SkdynError(
            f"the identity of trajectory {k} is {identity!r:.80}, which cannot be saved; numbers, text, dates and "
            "tuples of these can. Give others and fit again, such as "
            f"Trajectory(t, x, id={str(identity)!r:.80}), or in a table frame.assign(id=frame['id'].astype(str))"
        )
    return saved


def identity_from_json(saved: Any) -> Any:
    """The identity of `identity_to_json`.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it is none.
    SkdynError
        If pandas is needed and is not there.
    """
    if isinstance(saved, list):
        return tuple(map(identity_from_json, saved))
    if isinstance(saved, (bool, int, str)) or (isinstance(saved, float) and math.isfinite(saved)):
        return saved
    if not (isinstance(saved, dict) and all(isinstance(value, str) for value in saved.values())):
        raise ValueError(f"{saved!r:.80} is no identity of a trajectory")
    identity = _dated(**saved)
    if identity != identity:  # NaT
        raise ValueError(f"{saved!r:.80} is no date")
    return identity


def _dated(kind: str, value: str, zone: str | None = None, unit: Any = None) -> Any:
    """A date or moment of its text."""
    if kind == "date":
        return date.fromisoformat(value)
    if kind == "datetime64":
        return np.datetime64(value, unit)
    if kind == "datetime":
        moment = datetime.fromisoformat(value)
    elif kind in ("Timestamp", "Period"):
        try:
            import pandas as pd
        except ImportError:
            raise SkdynError(f'an identity is a {kind} of pandas: pip install "skdyn[dataframe]"') from None
        if kind == "Period":
            return pd.Period(value, freq=unit)
        moment = pd.Timestamp(value)
    else:
        raise ValueError(f"there is no date of the kind {kind!r:.80}")
    return moment if zone is None else moment.astimezone(zone_of(zone))


def _plain(identity: Any) -> Any:
    """Plain values, which need not stand for the same."""
    if isinstance(identity, tuple):
        return [_plain(part) for part in identity]
    if isinstance(identity, np.datetime64):
        return {"kind": "datetime64", "value": str(identity), "unit": np.datetime_data(identity)[0]}
    of_pandas = library_of(identity) == "pandas"
    if of_pandas and type(identity).__name__ == "Period":
        return {"kind": "Period", "value": str(identity), "unit": identity.freqstr}
    if isinstance(identity, datetime):
        kind = "Timestamp" if of_pandas else "datetime"
        if identity.tzinfo is None:
            return {"kind": kind, "value": identity.isoformat()}
        # In UTC: the clock on the wall shows some moments twice.
        return {"kind": kind, "value": identity.astimezone(UTC).isoformat(), "zone": zone_name(identity.tzinfo)}
    if isinstance(identity, date):
        return {"kind": "date", "value": identity.isoformat()}
    return identity
