"""``skdyn fit``: from a CSV file to a saved estimator."""

from __future__ import annotations

import argparse
from typing import Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.data_options import add_data_options, read_data
from skdyn.cli.estimator_options import add_estimator_options, build_estimator
from skdyn.cli.usage import UsageError, place


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    fit = commands.add_parser("fit", help="fit a CSV file of trajectories and save the estimator")
    add_data_options(fit, gaps=True)
    add_estimator_options(fit, default="fim-ode")
    fit.add_argument("--out", type=place, required=True, help="folder to save the estimator in")
    fit.add_argument("--plot", type=place, metavar="PICTURE", help="also draw what was found")
    fit.add_argument("--plot-variables", nargs="+", metavar="NAME",
                     help="which one to three variables of a field to draw; all by default")  # fmt: skip
    add_json_option(fit)
    fit.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, save, print and draw; returns the exit code."""
    from skdyn.cli.outputs import check_apart, check_folder, places_read
    from skdyn.cli.pictures import check_drawn, check_picture, draw_estimator
    from skdyn.cli.results import tell_equations, tell_equilibria, tell_score

    answer = Answer(options.json)
    estimator = build_estimator(options.estimator, options)
    if not hasattr(estimator, "save"):
        raise UsageError(f"{options.estimator} cannot be saved")
    if options.plot_variables and not options.plot:
        raise UsageError("--plot-variables needs --plot")
    check_folder(options.out)
    if options.plot:
        check_picture(options.plot, places_read(options))
        check_apart(options.out, options.plot)
    table = read_data(options)
    table.describe(answer)
    if options.plot:
        names = table.trajectories.column_names[: table.trajectories.n_features]
        check_drawn(estimator, names, options.plot_variables)
    estimator.fit(table.trajectories)
    estimator.save(options.out)
    kind = type(estimator).__name__
    answer.say(f"Saved to {options.out}: {kind}.load({str(options.out)!r})")
    answer.keep(estimator={"name": options.estimator, "class": kind}, saved=str(options.out))
    tell_equations(answer, estimator)
    if hasattr(estimator, "equilibria"):
        tell_equilibria(answer, estimator)
    if hasattr(estimator, "score"):
        tell_score(answer, estimator, table.trajectories)
    if options.plot:
        draw_estimator(answer, estimator, options.plot, options.plot_variables)
    return answer.finish()
