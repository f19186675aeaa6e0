"""Numbers of a column of a table, by what the column is; what holds none is refused with the call to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from skdyn.data.columns import is_number
from skdyn.data.date_forms import date_form
from skdyn.data.series import series_numbers
from skdyn.data.source import ABSENT, Source, library_of
from skdyn.exceptions import TrajectoryError

Kind = Literal["state", "input", "parameter"]


def column_numbers(
    frame: Any, kinds: Mapping[Any, Kind], states: Sequence[Any], source: Source, known: tuple[bool, bool]
) -> np.ndarray:
    """Numbers (M, C) of columns; those of inputs and parameters may be True and False.

    Parameters
    ----------
    frame : pandas or polars DataFrame
    kinds : mapping of C names of columns to "state", "input" or "parameter"
    states : sequence
        Names of all states.
    source : Source
    known : (bool, bool)
        Whether the table has a time, and an identity.

    Raises
    ------
    TrajectoryError
        With what to do.
    """
    numbers = np.empty((len(frame), len(kinds)))
    for column, (name, kind) in enumerate(kinds.items()):
        what = f"{kind}s must be real numbers"
        try:
            numbers[:, column] = series_numbers(frame[name], f"column {name!r}", what, booleans=kind != "state")
        except TrajectoryError as error:
            ways = _ways(frame, name, kind, states, source, known)
            raise TrajectoryError(f"{error}{': ' if ways else ''}{'; or '.join(ways)}") from None
    return numbers


def _ways(
    frame: Any, name: Any, kind: Kind, states: Sequence[Any], source: Source, known: tuple[bool, bool]
) -> list[str]:
    """What to do with a column that cannot be read."""
    series, of_pandas = frame[name], library_of(frame) == "pandas"
    kept, (has_time, has_id) = str(series.dtype).casefold(), known
    words = [value for value in series.to_list() if isinstance(value, str)]
    if kind == "state" and (numbers := _written_numbers(series, name, words, of_pandas)):
        return [numbers]
    ways = []
    if kind == "state" and kept.startswith("bool"):
        ways += [f"{source.option(inputs=[name])} if it is a switch that acts from outside"]
    if kind == "state" and not has_time and (form := date_form(words)) is not None:
        ways += [f"{_dates(name, words[0], form, of_pandas)} makes dates of it, then {source.option(time=name)}"]
    if kind == "state" and kept.startswith(("date", "period")) and not has_time:
        ways += [f"{source.option(time=name)} if it is the time"]
    if words or kept.startswith("categor"):
        if kind != "state":
            dummies = f"pandas.get_dummies(frame, columns=[{name!r}], dtype=float)"
            dummies = dummies if of_pandas else f"frame.to_dummies([{name!r}])"
            ways += [f"{dummies} makes a column of 0 and 1 of each of its values"]
        if not has_id:
            ways += [f"{source.option(id=name)} if it tells trajectories apart"]
    if kind == "state" and (rest := [other for other in states if _is_read(frame[other])]):
        ways += [f"leave it out, {source.option(features=rest)}"]
    return ways


def _written_numbers(series: Any, name: Any, words: Sequence[str], of_pandas: bool) -> str:
    """What to do with numbers that are text, most of them; else nothing."""
    stray = [text for text in words if not (is_number(text) or text.strip().lower() in ABSENT)]
    if 2 * len(stray) >= len(words):
        return ""
    at = f"row {series.to_list().index(stray[0])} holds {stray[0]!r}, " if stray else "its numbers are text, "
    column = f"frame[{name!r}]"
    if any("," in text for text in words):
        column += ".str.replace(',', '.')"
    read = f"pandas.to_numeric({column}, errors='coerce')" if of_pandas else f"{column}.cast(float, strict=False)"
    return f"{at}{read} reads them"


def _dates(name: Any, text: str, form: str, of_pandas: bool) -> str:
    """How a column of texts of some form becomes one of dates."""
    if of_pandas:
        said = f", format={form!r}" if form else ""
        return f"frame[{name!r}] = pandas.to_datetime(frame[{name!r}]{said})"
    kind = "to_datetime" if ":" in text else "to_date"
    return f"frame = frame.with_columns(polars.col({name!r}).str.{kind}({repr(form) if form else ''}))"


def _is_read(series: Any) -> bool:
    try:
        series_numbers(series, "")
    except (TrajectoryError, TypeError):
        return False
    return True
