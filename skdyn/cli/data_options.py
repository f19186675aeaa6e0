"""The options of every command that reads a CSV file of trajectories, and what it says of the file."""

from __future__ import annotations

import argparse
import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdyn.cli.answer import Answer
from skdyn.cli.tables import time_cells
from skdyn.cli.usage import place

if TYPE_CHECKING:
    from skdyn.data.dialect import Dialect
    from skdyn.data.trajectories import Trajectories

DATA_HELP = "CSV file with a header line, one row a point"


def add_data_options(parser: argparse.ArgumentParser, help: str = DATA_HELP, gaps: bool = False) -> None:
    """Declare the file and how to read it; ``gaps`` offers to keep rows that are not complete."""
    parser.add_argument("data", type=place, help=help)
    columns = parser.add_argument_group("columns")
    columns.add_argument("--time", metavar="NAME",
                         help="of the time (default: the one named like a time, else unit steps)")  # fmt: skip
    columns.add_argument("--group", metavar="NAME",
                         help="that tells trajectories apart (default: the one named like an identity)")  # fmt: skip
    columns.add_argument("--features", metavar="NAME", nargs="+", help="of the states (default: all others)")
    columns.add_argument("--inputs", metavar="NAME", nargs="+", help="of what acts on the system from outside")
    columns.add_argument("--parameters", metavar="NAME", nargs="+",
                         help="of what is constant within each trajectory and differs between them")  # fmt: skip
    columns.add_argument("--interpolation", choices=("linear", "previous"), default="linear",
                         help="what inputs are between two rows (default: %(default)s)")  # fmt: skip
    columns.add_argument("--time-unit", metavar="UNIT",
                         help="second, minute, hour, day, week or year: what dates are counted in (default: second), "
                              "or what numbers are counted in already")  # fmt: skip
    written = parser.add_argument_group("how the file is written (found out by default)")
    written.add_argument("--sep", type=_separator, metavar="MARK", help="between cells; tab is \\t")
    written.add_argument("--decimal", choices=(".", ","), help="mark of decimals")
    written.add_argument("--encoding", metavar="NAME", help="such as utf-8 or cp1252")
    written.add_argument("--date-format", metavar="FORMAT", help="of times that are not ISO dates: %%d.%%m.%%Y %%H:%%M")
    mending = parser.add_argument_group("mending")
    mending.add_argument("--missing", choices=("raise", "drop", "keep") if gaps else ("raise", "drop"), default="raise",
                         help="what to do with rows that have empty cells (default: %(default)s)")  # fmt: skip
    mending.add_argument("--sort", action="store_true", help="put points in the order of their times")
    mending.add_argument("--duplicates", choices=("raise", "mean", "first"), default="raise",
                         help="what to do with points of the same time (default: %(default)s)")  # fmt: skip


def _separator(text: str) -> str:
    mark = "\t" if text in ("\\t", "tab") else text
    if len(mark) != 1:
        raise argparse.ArgumentTypeError(f"must be one character, got {text!r}")
    return mark


@dataclass(frozen=True)
class Table:
    """A file of trajectories as it was read.

    Attributes
    ----------
    path : path
    trajectories : Trajectories
    dialect : Dialect
    """

    path: Path
    trajectories: Trajectories
    dialect: Dialect

    @property
    def time_column(self) -> str | None:
        """Name of the column that was taken for the time."""
        return self._role("time")

    @property
    def id_column(self) -> str | None:
        """Name of the column that was taken for the identity."""
        return self._role("id")

    def _role(self, role: str) -> str | None:
        quoted = self.trajectories.roles.get(role)
        return None if quoted is None else ast.literal_eval(quoted)

    def describe(self, answer: Answer) -> None:
        """Say what was read, and from where."""
        data, dialect = self.trajectories, self.dialect
        apart = "no column tells them apart" if self.id_column is None else f"told apart by column {self.id_column!r}"
        answer.say(
            f"Read {self.path}: {dialect}",
            f"  time: {self._time()}",
            f"  trajectories: {len(data)} ({apart}), {data.n_points} points",
            f"  states: {', '.join(data.feature_names or ())}",
            *self._outside(),
        )
        facts: dict[str, Any] = {
            "file": str(self.path),
            "separator": dialect.separator,
            "decimal": dialect.decimal,
            "encoding": dialect.encoding.removesuffix("-sig"),
            "date_format": dialect.date_format,
            "time_column": self.time_column,
            "id_column": self.id_column,
            "features": data.feature_names,
            "inputs": data.input_names,
            "parameters": data.parameter_names,
            "n_trajectories": len(data),
            "n_points": data.n_points,
            "time_kind": data.axis.kind,
            "time_origin": None if data.origin is None else self._origin(),
            "time_unit": data.time_unit,
        }
        answer.keep(data=facts)

    def _outside(self) -> list[str]:
        """Lines on inputs and parameters, where there are some."""
        given = self.trajectories.given
        between = "held from row to row" if given.holds else "on straight lines between rows"
        lines = [f"  inputs: {', '.join(given.inputs)}, {between}"] if given.inputs else []
        return lines + ([f"  parameters: {', '.join(given.parameters)}"] if given.parameters else [])

    def _time(self) -> str:
        axis = self.trajectories.axis
        if self.time_column is None:
            steps = "unit steps" if axis.unit is None else f"steps of one {axis.unit}"
            return f"no column is named like one: {steps}"
        if axis.kind == "date":
            return f"column {self.time_column!r}, dates from {self._origin()} on, counted in {axis.unit}s"
        counted = "in a unit that is not said (see --time-unit)" if axis.unit is None else f"in {axis.unit}s"
        since = "" if axis.origin is None else f", counted from {self._origin()}"
        return f"column {self.time_column!r}, numbers {counted}{since}"

    def _origin(self) -> str:
        """The moment of time 0."""
        import numpy as np

        return str(time_cells(self.trajectories.axis, np.zeros(1))[0])


def read_data(options: argparse.Namespace) -> Table:
    """Read the file as `add_data_options` declared."""
    from skdyn.data.cleaning import Cleaning
    from skdyn.data.given import given_columns
    from skdyn.data.table import read_table

    dialect_options = {
        "separator": options.sep,
        "decimal": options.decimal,
        "encoding": options.encoding,
        "date_format": options.date_format,
    }
    trajectories, dialect = read_table(
        options.data,
        options.time,
        options.group,
        options.features,
        given_columns(options.inputs, options.parameters, options.interpolation),
        Cleaning(options.missing, options.sort, options.duplicates),
        options.time_unit,
        dialect_options,
    )
    return Table(options.data, trajectories, dialect)
