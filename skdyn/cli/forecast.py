"""``skdyn forecast``: what comes after the series of a CSV file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.data_options import Table, add_data_options, read_data
from skdyn.cli.estimator_options import add_model_options, build_estimator
from skdyn.cli.usage import at_least, level, place

if TYPE_CHECKING:
    from skdyn.cli.tables import OutputTable


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    forecast = commands.add_parser("forecast", help="forecast the series of a CSV file")
    add_data_options(forecast, gaps=True)
    forecast.add_argument("--horizon", type=at_least(1), required=True, metavar="N",
                          help="steps after each series' last point, each the median step of the series")  # fmt: skip
    forecast.add_argument("--quantiles", type=level, nargs="+", metavar="LEVEL",
                          help="such as 0.1 0.5 0.9, in place of the median")  # fmt: skip
    add_model_options(forecast)
    forecast.add_argument("--out", type=place, metavar="CSV", help="file of the forecast (default: print it)")
    forecast.add_argument("--plot", type=place, metavar="PICTURE", help="also draw the first series")
    add_json_option(forecast)
    forecast.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Forecast, write and draw; returns the exit code."""
    from skdyn.cli.outputs import check_apart, check_file, places_read
    from skdyn.cli.pictures import check_picture, draw_forecast

    answer = Answer(options.json)
    estimator = build_estimator("lass-ode", options, progress=sys.stderr.isatty())
    if options.out:
        check_file(options.out, places_read(options))
    if options.plot:
        check_picture(options.plot, places_read(options))
        check_apart(options.out, options.plot)
    table = read_data(options)
    table.describe(answer)
    estimator.fit(table.trajectories)
    _forecast(estimator, table, options).give(answer, table.dialect, options.out)
    if options.plot:
        draw_forecast(answer, estimator, options.horizon, options.plot)
    return answer.finish()


def _forecast(estimator: Any, table: Table, options: argparse.Namespace) -> OutputTable:
    """Rows of times and states, one a step of each series."""
    import numpy as np

    from skdyn.cli.results import names_of
    from skdyn.cli.tables import Cell, OutputTable, numbers, time_cells
    from skdyn.forecasting.request import requested_times

    context, names = estimator.context_, names_of(estimator)
    values = np.asarray(estimator.predict(horizon=options.horizon, quantiles=options.quantiles))
    if options.quantiles:
        names = [f"{name}_{level:g}" for name in names for level in options.quantiles]
    times = np.concatenate(requested_times(None, options.horizon, context))
    cells = time_cells(context.axis, times, table.dialect.date_format)
    repeats = len(options.quantiles or (1,))
    states = [
        row
        for seen, own in zip(context.states, values.reshape(len(context), options.horizon, -1), strict=True)
        for row in numbers(own, np.repeat(np.nanmax(seen, axis=0) - np.nanmin(seen, axis=0), repeats))
    ]
    identities = [identity for identity in context.ids for _ in range(options.horizon)]
    rows: list[list[Cell]] = [
        [*([] if table.id_column is None else [identity]), cell, *state]
        for identity, cell, state in zip(identities, cells, states, strict=True)
    ]
    labels = [] if table.id_column is None else [table.id_column]
    return OutputTable([*labels, table.time_column or "t", *names], rows)
