"""Tables that commands write: forecasts and simulations, written as the data were."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from skdyn.cli.answer import Answer
from skdyn.cli.outputs import write_output

if TYPE_CHECKING:
    import numpy as np

    from skdyn.data.dialect import Dialect
    from skdyn.data.time_axis import TimeAxis

Cell: TypeAlias = str | int | float

_DIGITS, _MOST_DIGITS = 7, 15


@dataclass(frozen=True)
class OutputTable:
    """Rows under a header.

    Attributes
    ----------
    header : list of str
    rows : list of lists of cells
        A number that is not finite is an empty cell.
    """

    header: list[str]
    rows: list[list[Cell]]

    def __post_init__(self) -> None:
        """Refuse a header that has a name twice."""
        from skdyn.forecasting.tables import check_header

        check_header(self.header)

    def give(self, answer: Answer, dialect: Dialect, path: Path | None) -> None:
        """Write the table to a file, or say it where there is none, and keep its rows for scripts."""
        answer.keep(rows=[dict(zip(self.header, row, strict=True)) for row in self.rows])
        if path is None:
            answer.say(self._text(dialect).rstrip("\n"))
            return
        content = self._text(dialect).encode(dialect.encoding.removesuffix("-sig"))
        write_output(path, content)
        answer.say(f"{len(self.rows)} rows written to {path}")
        answer.keep(table=str(path))

    def _text(self, dialect: Dialect) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=dialect.separator, lineterminator="\n")
        writer.writerows([self.header, *([_written(cell, dialect.decimal) for cell in row] for row in self.rows)])
        return text.getvalue()


def _written(cell: Cell, decimal: str) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.15g}".replace(".", decimal) if math.isfinite(cell) else ""


def numbers(values: np.ndarray, spread: np.ndarray) -> list[list[float]]:
    """Numbers (T, D) with the seven digits that models and solvers know, and more of those far above their spread (D,).

    What varies little on a high level varies in its last digits.
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        further = np.floor(np.log10(np.abs(values) / spread))
    digits = _DIGITS + np.nan_to_num(np.clip(further, 0, _MOST_DIGITS - _DIGITS)).astype(int)
    return [
        [float(f"{value:.{count}g}") for value, count in zip(*row, strict=True)]
        for row in zip(values.tolist(), digits.tolist(), strict=True)
    ]


def time_cells(axis: TimeAxis, times: np.ndarray, date_format: str | None = None) -> Sequence[Cell]:
    """Times (T,) as the data have them: numbers, or dates in the format given, ISO dates by default."""
    import numpy as np

    from skdyn.data.zones import with_offsets

    if axis.kind != "date":
        exact = times if axis.kind == "duration" else axis.labels(times)
        return [value if isinstance(value, int) else float(f"{value:.15g}") for value in exact.tolist()]
    # Times that are no whole number of units are rounded in their last digits, which are below a microsecond.
    half = np.timedelta64(500, "ns")
    dates = axis.labels(times)
    dates = (dates + half).astype("datetime64[us]") if dates.dtype == np.dtype("datetime64[ns]") else dates
    if axis.zone is not None:
        zoned = with_offsets(dates, axis.zone)
        return [date.isoformat() if date_format is None else date.strftime(date_format) for date in zoned]
    if date_format is not None:
        return [date.strftime(date_format) for date in dates.tolist()]
    rounded = (dates.astype(f"datetime64[{unit}]") for unit in ("D", "m", "s", "ms", "us"))
    return np.datetime_as_string(next(coarse for coarse in rounded if (coarse == dates).all())).tolist()
