"""``skdyn report``: from a CSV file to one page that shows and explains what was found."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.data_options import add_data_options, read_data
from skdyn.cli.estimator_options import add_estimator_options, build_estimator
from skdyn.cli.usage import UsageError


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    report = commands.add_parser("report", help="fit a CSV file of trajectories and write a page on what was found")
    add_data_options(report)
    add_estimator_options(report, default="fim-ode")
    report.add_argument("--out", type=Path, default=Path("report.html"), help="page to write (default: %(default)s)")
    add_json_option(report)
    report.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit and write; returns the exit code."""
    from skdyn.cli.outputs import check_file
    from skdyn.report import write_report

    answer = Answer(options.json)
    check_file(options.out)
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


def _source(options: argparse.Namespace, table: Any) -> str:
    """Lines of Python that read the file as it was read."""
    roles = {"time": table.time_column, "id": table.id_column, "features": table.trajectories.feature_names,
             "inputs": table.trajectories.input_names or None,
             "parameters": table.trajectories.parameter_names or None,
             "interpolation": "previous" if table.trajectories.given.holds else None,
             "time_unit": table.trajectories.time_unit}  # fmt: skip
    given = "".join(f", {name}={list(value) if isinstance(value, tuple) else value!r}" for name, value in roles.items()
                    if value is not None)  # fmt: skip
    dialect = table.dialect
    marks = "".join(f", {name}={value!r}" for name, value in (("sep", dialect.separator), ("decimal", dialect.decimal))
                    if value != {"sep": ",", "decimal": "."}[name])  # fmt: skip
    return (
        "import pandas as pd\nfrom skdyn import Trajectories\n"
        f"X = Trajectories.from_dataframe(pd.read_csv({str(table.path)!r}{marks}){given})"
    )
