"""Which column of a table is the time, which tells trajectories apart, and which are states.

Roles are recognised by names, in any case and with a unit in brackets after them. One match is used; several, or a name
that only a row number has, are an error that shows the call to make.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skdyn.data.given import NOTHING, Given, name_list
from skdyn.data.source import Source
from skdyn.data.time_axis import parse_unit
from skdyn.exceptions import TrajectoryError

TIME_NAMES = frozenset(
    (
        *("t", "time", "times", "timestamp", "time_stamp", "datetime", "date", "ds", "elapsed", "elapsed_time"),
        *("second", "seconds", "sec", "minute", "minutes", "min", "hour", "hours", "day", "days"),
        *("week", "weeks", "month", "months", "year", "years"),
    )
)
ID_NAMES = frozenset(
    (
        *("id", "ids", "subject", "subject_id", "patient", "patient_id", "participant", "individual", "animal"),
        *("trajectory", "trajectory_id", "traj", "group", "series", "series_id", "unique_id"),
        *("run", "run_id", "replicate", "trial"),
    )
)
_UNIT = re.compile(r"\s*[\[(][^\[\]()]*[\])]\s*$")
_ROW_NUMBERS = re.compile(r"|unnamed:_?\d+(_level_\d+)?|index|level_\d+|rownames?|row_names?", re.IGNORECASE)


class StrayLabelError(TrajectoryError):
    """Columns that nobody named are named like labels, and would be states.

    Parameters
    ----------
    reason, otherwise : str
        What is wrong with the first of them, and what else may be done than to leave it out.
    stray, rest : list of names
        All such columns, and the states without them.
    """

    def __init__(self, reason: str, otherwise: str, stray: list[Any], rest: list[Any]) -> None:
        super().__init__(reason, otherwise, stray, rest)
        self.reason, self.otherwise, self.stray, self.rest = reason, otherwise, stray, rest

    def __str__(self) -> str:
        return f"{self.reason}: leave it out, or {self.otherwise}"

    def leaving_out(self, call: str) -> TrajectoryError:
        """The error for users, with the call that leaves these columns out."""
        return TrajectoryError(f"{self.reason}: leave it out ({call}), or {self.otherwise}")


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are.

    Attributes
    ----------
    time, id : name of a column, or None
    states : list of names
    given : Given
        Inputs and parameters.
    """

    time: Any
    id: Any
    states: list[Any]
    given: Given


def plain_name(name: Any) -> str:
    """A name without its unit, in lower case, with underscores for spaces and dashes: ``"Time [h]"`` is ``"time"``."""
    if not isinstance(name, str):
        return ""
    return re.sub(r"[\s\-]+", "_", _UNIT.sub("", name).strip()).casefold()


def refuse_other_unit(name: Any, unit: str | None, source: Source) -> None:
    """Refuse a unit of time that is not the one in brackets after the name of the times.

    Raises
    ------
    TrajectoryError
    """
    found = _UNIT.search(name) if isinstance(name, str) and unit is not None else None
    said = _unit_of_time(found.group().strip(" []()")) if found else None
    if said not in (None, unit):
        raise TrajectoryError(
            f"{source.table}: column {name!r} counts {said}s by its name, and {source.flag(time_unit=unit)} says "
            f"{unit}s: pass {source.flag(time_unit=said)}, or rename the column if its name is wrong"
        )


def _unit_of_time(text: str) -> str | None:
    try:
        return parse_unit(text)
    except TrajectoryError:
        return None


def is_time_name(name: Any) -> bool:
    """Whether a name is one that times have."""
    return plain_name(name) in TIME_NAMES


def is_id_name(name: Any) -> bool:
    """Whether a name is one that identities have."""
    return plain_name(name) in ID_NAMES


def choose_roles(
    columns: Sequence[Any],
    source: Source,
    time: Any = None,
    id: Any = None,
    features: Sequence[Any] | None = None,
    given: Given = NOTHING,
    labelled: tuple[bool, bool] = (False, False),
) -> Roles:
    """Find the time, the identity and the states among the columns of a long table.

    Parameters
    ----------
    columns : sequence of names
    source : Source
        How errors speak of the table.
    time, id, features, given : optional
        What the user says.
    labelled : (bool, bool)
        Whether the table's index already holds the time, and the identity.

    Raises
    ------
    TrajectoryError
        If a name is not there or given twice, several columns may have one role, or a column holds row numbers.
    """
    columns, features = list(columns), name_list("features", features)
    repeated = [name for name in columns if columns.count(name) > 1]
    if repeated:
        raise TrajectoryError(f"{source.table}: column {repeated[0]!r} appears more than once")
    for name in (time, id, *(features or ()), *given.names):
        if name is not None and name not in columns:
            raise TrajectoryError(f"{source.table} has no column {name!r}; it has {columns}")
    if features is not None:
        chosen = list(features)
        if twice := [name for name in chosen if chosen.count(name) > 1 or name in (time, id)]:
            raise TrajectoryError(
                f"{source.table}: column {twice[0]!r} has two roles: {source.option(features=chosen)}"
            )
    if twice := [name for name in given.names if name in (time, id, *(features or ()))]:
        raise TrajectoryError(f"{source.table}: column {twice[0]!r} is given among inputs or parameters and elsewhere")
    free = [name for name in columns if name not in (time, id, *(features or ()), *given.names)]
    likely = list(features or [name for name in free if not _is_label(name)])
    if time is None and not labelled[0]:
        time = _only([name for name in free if is_time_name(name)], "the time", "time", source, likely)
    if id is None and not labelled[1]:
        found = [name for name in free if is_id_name(name) and name != time]
        id = _only(found, "the identity", "id", source, likely)
    if features is None:
        chosen = [name for name in columns if name not in (time, id, *given.names)]
        _refuse_labels_among_states(chosen, source)
    if not chosen:
        raise TrajectoryError(
            f"{source.table} has 0 feature(s) beside its time and id columns; a minimum of 1 is required"
        )
    return Roles(time, id, chosen, given)


def refuse_numbers_as_names(columns: Sequence[Any], source: Source) -> None:
    """Refuse a header that holds the first row of the data."""
    if columns and all(isinstance(name, str) and is_number(name) for name in columns):
        raise TrajectoryError(
            f"{source.table}: the header line holds only numbers ({', '.join(columns[:3])}, ...): it is a row of the "
            "data. Put a line with the names of the columns in front"
        )


def is_number(text: str) -> bool:
    """Whether a text is a number, with a decimal point or comma."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _only(found: list[Any], role: str, option: str, source: Source, states: list[Any]) -> Any:
    if len(found) < 2:
        return found[0] if found else None
    raise TrajectoryError(
        f"{source.table} has {len(found)} columns that may be {role}: {', '.join(map(repr, found))}. Say which, and "
        f"which are states: {source.option(**{option: found[0], 'features': states})}"
    )


def _is_label(name: Any) -> bool:
    """Whether a name is one that times, identities or row numbers have."""
    return is_time_name(name) or is_id_name(name) or _is_row_number_name(name)


def _is_row_number_name(name: Any) -> bool:
    return isinstance(name, str) and _ROW_NUMBERS.fullmatch(plain_name(name)) is not None


def _refuse_labels_among_states(names: list[Any], source: Source) -> None:
    """Refuse row numbers, and what is named like a second time or identity, where nobody said that they are states."""
    stray, rest = [name for name in names if _is_label(name)], [name for name in names if not _is_label(name)]
    for name in stray:
        column = f"{source.table}: column {name!r}"
        if _is_row_number_name(name):
            reason, otherwise = "looks like row numbers that were written as a column", "name it as what it is"
        else:
            role = "a time" if is_time_name(name) else "an identity"
            reason = f"is named like {role}, and another one is that already"
            otherwise = "list it among features if it is a state"
        raise StrayLabelError(f"{column} {reason}", otherwise, stray, rest)
