"""Read trajectories from CSV files with the standard library alone, as the table means them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from skdyn.data.cleaning import Cleaning, Duplicates, Gaps
from skdyn.data.columns import Roles, StrayLabelError, choose_roles, refuse_numbers_as_names
from skdyn.data.date_forms import date_form
from skdyn.data.dialect import NUMBER, Dialect, Lines, read_cells
from skdyn.data.given import Given, Interpolation, given_columns
from skdyn.data.source import ABSENT, FileSource, Raw, Recording
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError, warn
from skdyn.files.paths import user_path


def read_csv(
    path: str | os.PathLike[str],
    time: str | None = None,
    group: str | None = None,
    features: Sequence[str] | None = None,
    missing: Gaps = "raise",
    *,
    inputs: Sequence[str] | None = None,
    parameters: Sequence[str] | None = None,
    interpolation: Interpolation = "linear",
    sort: bool = False,
    duplicates: Duplicates = "raise",
    time_unit: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    date_format: str | None = None,
) -> Trajectories:
    """Read a long CSV file with a header line, one row a point.

    Parameters
    ----------
    path : path
    time, group : str, optional
        Columns of the time (numbers or dates) and of the trajectory's identity; see `Trajectories` for the default.
    features : sequence of str, optional
        State columns; all others by default.
    inputs, parameters : sequence of str, optional
        Columns of what is given from outside, and of what is constant within each trajectory.
    interpolation : {"linear", "previous"}, default="linear"
        What inputs are between two rows.
    missing, sort, duplicates, time_unit
        See `Trajectories.from_dataframe`.
    separator, decimal, encoding : str, optional
        How the file is written; found out by default.
    date_format : str, optional
        Such as ``"%d.%m.%Y %H:%M"``.

    Returns
    -------
    Trajectories

    Raises
    ------
    TrajectoryError
        Naming the file, the line and the column of a cell that cannot be read.
    """
    path = user_path(path, TrajectoryError)
    dialect_options = {"separator": separator, "decimal": decimal, "encoding": encoding, "date_format": date_format}
    cleaning = Cleaning.of(missing, sort, duplicates, gaps=True)
    given = given_columns(inputs, parameters, interpolation)
    return read_table(path, time, group, features, given, cleaning, time_unit, dialect_options)[0]


def read_table(
    path: Path,
    time: str | None,
    group: str | None,
    features: Sequence[str] | None,
    given: Given,
    cleaning: Cleaning,
    time_unit: str | None,
    dialect_options: Mapping[str, str | None],
) -> tuple[Trajectories, Dialect]:
    """Read a file as `read_csv` does, and say how it is written."""
    lines, dialect = read_cells(path, **dialect_options)
    header = [name.strip() for name in lines[0][1]]
    source = FileSource(table=str(path), path=path)
    refuse_numbers_as_names(header, source)
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            raise TrajectoryError(f"{path}, line {number}: {len(cells)} cells under a header of {len(header)}")

    def read(columns: Sequence[str]) -> Trajectories:
        roles = choose_roles(columns, source, time, group, features, given)
        raw = _raw(_Reader(replace(source, names=tuple(roles.states)), dialect, header), lines[1:], roles, cleaning)
        return Trajectories.from_raw(replace(raw, meant=features is not None), cleaning, time_unit)

    try:
        return read(header), dialect
    except StrayLabelError as error:
        try:  # named features would not be looked at for a panel
            read([name for name in header if name not in error.stray])
        except TrajectoryError as other:
            raise TrajectoryError(f"{error}. Without it, {other}") from None
        raise error.leaving_out(source.flag(features=error.rest)) from None


def _raw(reader: _Reader, lines: Lines, roles: Roles, cleaning: Cleaning) -> Raw:
    """What the lines hold in columns of known roles."""
    groups = reader.groups(lines, roles.id)
    if roles.time is not None:
        groups = reader.with_times(groups, roles.time, cleaning.missing)
    recordings = []
    for rows in groups.values():
        when = None if roles.time is None else reader.times(rows, roles.time)
        numbers = np.array([number for number, _ in rows], dtype=int)
        states, outside = (reader.numbers(rows, names) for names in (roles.states, roles.given.names))
        recordings.append(Recording.of(when, states, numbers, outside))
    read_from = {role: repr(name) for role, name in (("time", roles.time), ("id", roles.id)) if name is not None}
    return Raw(recordings, list(groups), tuple(roles.states), reader.source, read_from, roles.time, given=roles.given)


class _Reader:
    """Cells as numbers, dates and identities, or an error that names file, line and column."""

    def __init__(self, source: FileSource, dialect: Dialect, header: list[str]) -> None:
        self.source, self.dialect = source, dialect
        self.at = {name: position for position, name in enumerate(header)}

    def groups(self, lines: Lines, name: str | None) -> dict[str, Lines]:
        """Lines of each identity, in the order of first appearance."""
        groups: dict[str, Lines] = {}
        for number, cells in lines:
            key = "0" if name is None else cells[self.at[name]].strip()
            if key.lower() in ABSENT:
                raise self._error(number, name, "the identity is missing")
            groups.setdefault(key, []).append((number, cells))
        return groups

    def numbers(self, lines: Lines, names: Sequence[str]) -> np.ndarray:
        """Numbers (L, C), NaN where a cell is empty."""
        for name in names:
            texts = [self.dialect.plain(cells[self.at[name]]) for _, cells in lines]
            if not any(text.lower() in ABSENT or NUMBER.fullmatch(text) for text in texts):
                number, cells = lines[0]
                rest = self.source.flag(features=[other for other in self.source.names or () if other != name])
                apart = f"pass {self.source.flag(id=name)} if it tells trajectories apart"
                form = date_form([cells[self.at[name]] for _, cells in lines])
                if form is not None:
                    apart = f"these are dates: pass {self._dated(form, time=name)} if they are the times"
                raise self._error(
                    number,
                    name,
                    f"{cells[self.at[name]]!r} is not a number, nor is what is below: {apart}, or leave it out, {rest}",
                )
        values = [[self._number(number, cells[self.at[name]], name) for name in names] for number, cells in lines]
        return np.array(values, dtype=np.float64).reshape(len(lines), len(names))

    def with_times(self, groups: dict[str, Lines], name: str, missing: str) -> dict[str, Lines]:
        """The lines of each identity that have a time; identities without any are left out with one warning."""
        empty = [n for rows in groups.values() for n, cells in rows if cells[self.at[name]].strip().lower() in ABSENT]
        if empty and missing == "raise":
            leave_out = self.source.flag(missing="drop")
            raise self._error(empty[0], name, f"the time is empty; pass {leave_out} to leave such rows out")
        absent = set(empty)
        timed = {key: [row for row in rows if row[0] not in absent] for key, rows in groups.items()}
        timeless = [key for key, rows in timed.items() if not rows]
        if len(timeless) == len(groups):
            raise self._error(empty[0], name, "the time is empty, as in all other rows")
        if timeless:
            warn(
                f"{len(timeless)} of {len(groups)} trajectories are left out, because no row of them has a time (the "
                f"first is {timeless[0]!r})"
            )
        return {key: rows for key, rows in timed.items() if rows}

    def times(self, lines: Lines, name: str) -> np.ndarray:
        """Times (L,): whole numbers where all are, else numbers, else dates."""
        texts = [(number, self.dialect.plain(cells[self.at[name]])) for number, cells in lines]
        numeric = [NUMBER.fullmatch(text) is not None for _, text in texts]
        if self.dialect.date_format is not None or sum(numeric) <= len(texts) / 2:
            dates = np.empty(len(texts), dtype=object)
            written = [text for _, text in texts]
            dates[:] = [self._date(number, text, name, written) for number, text in texts]
            return dates
        if not all(numeric):
            number, text = texts[numeric.index(False)]
            raise self._error(number, name, f"the time {text!r} is not a number")
        for number, cells in lines:
            self._refuse_point(number, cells[self.at[name]], name)
        if all(re.fullmatch(r"[+-]?\d{1,18}|[+-]?\d{19}", text) and abs(int(text)) < 2**63 for _, text in texts):
            return np.array([int(text) for _, text in texts], dtype=np.int64)
        return np.array([float(text) for _, text in texts])

    def _number(self, line: int, cell: str, name: str) -> float:
        text = self.dialect.plain(cell)
        if text.lower() in ABSENT:
            return float("nan")
        if not NUMBER.fullmatch(text):
            raise self._error(line, name, f"{cell!r} is not a number")
        self._refuse_point(line, cell, name)
        return float(text)

    def _refuse_point(self, line: int, cell: str, name: str) -> None:
        """Refuse a number with a point where decimals have a comma: it may be that of thousands."""
        if self.dialect.decimal == "," and "." in cell:
            raise self._error(
                line,
                name,
                f"{cell!r} has a point, but decimals are written with commas: take it out where it parts thousands, or "
                f"say {self.source.flag(decimal='.')}",
            )

    def _date(self, line: int, text: str, name: str, texts: Sequence[str]) -> datetime:
        form = self.dialect.date_format
        try:
            return datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)
        except ValueError as error:
            if form is not None:
                raise self._error(line, name, f"the time {text!r} is not written like {form} ({error})") from None
            say = self._dated(date_form(texts) or "%d.%m.%Y")
            reason = f"the time {text!r} is neither a number nor an ISO date; say how dates are written, such as {say}"
            raise self._error(line, name, reason) from None

    def _dated(self, form: str, **values: str) -> str:
        """The options that say how dates are written."""
        return self.source.flag(**values, **({"date-format": form} if form else {}))

    def _error(self, line: int, name: str | None, reason: str) -> TrajectoryError:
        return TrajectoryError(f"{self.source.path}, line {line}, column {name!r}: {reason}")
