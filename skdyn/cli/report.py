"""``skdyn report``: from a CSV file to one page that shows and explains what was found."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.data_options import Table, add_data_options, read_data
from skdyn.cli.estimator_options import add_estimator_options, build_estimator
from skdyn.cli.usage import UsageError, place

_DEFAULTS = {"sep": ",", "decimal": ".", "encoding": "utf-8", "interpolation": "linear", "missing": "raise",
             "sort": False, "duplicates": "raise"}  # fmt: skip


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    report = commands.add_parser("report", help="fit a CSV file of trajectories and write a page on what was found")
    add_data_options(report, gaps=True)
    add_estimator_options(report, default="fim-ode")
    report.add_argument("--out", type=place, default=Path("report.html"), help="page to write (default: %(default)s)")
    add_json_option(report)
    report.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit and write; returns the exit code."""
    from skdyn.cli.outputs import check_file, places_read
    from skdyn.report import write_report

    answer = Answer(options.json)
    check_file(options.out, places_read(options))
    estimator = build_estimator(options.estimator, options)
    if not hasattr(estimator, "report"):
        raise UsageError(f"{options.estimator} infers no field, and a report is about one")
    table = read_data(options)
    table.describe(answer)
    estimator.fit(table.trajectories)
    write_report(estimator, options.out, f"{table.path.name}: {type(estimator).__name__}", _source(options, table))
    answer.say(f"Page written to {options.out}")
    answer.keep(estimator={"name": options.estimator, "class": type(estimator).__name__}, page=str(options.out))
    return answer.finish()


def _source(options: argparse.Namespace, table: Table) -> str:
    """Lines of Python that read the file as it was read."""
    data, dialect, time = table.trajectories, table.dialect, table.time_column
    dated = data.axis.kind == "date"
    marks = {"sep": dialect.separator, "decimal": dialect.decimal, "encoding": dialect.encoding.removesuffix("-sig"),
             "dtype": {time: "str"} if dated else None}  # fmt: skip
    roles = {"time": time, "id": table.id_column, "features": data.feature_names,
             "inputs": data.input_names or None, "parameters": data.parameter_names or None,
             "interpolation": "previous" if data.given.holds else "linear", "missing": options.missing,
             "sort": options.sort, "duplicates": options.duplicates, "time_unit": data.time_unit}  # fmt: skip
    lines = ["import pandas as pd", "from skdyn import Trajectories"]
    read = f"pd.read_csv({str(table.path)!r}{_arguments(marks)})"
    if time is not None and options.missing == "drop":
        read += f".dropna(subset=[{time!r}])"
    if dated:
        form = dialect.date_format or "ISO8601"
        lines += [f"table = {read}", f"table[{time!r}] = pd.to_datetime(table[{time!r}], format={form!r})"]
        read = "table"
    return "\n".join([*lines, f"X = Trajectories.from_dataframe({read}{_arguments(roles)})"])


def _arguments(given: dict[str, Any]) -> str:
    """Arguments behind the first, without those that are left at their defaults."""
    return "".join(
        f", {name}={list(value) if isinstance(value, tuple) else value!r}"
        for name, value in given.items()
        if value is not None and value != _DEFAULTS.get(name)
    )
