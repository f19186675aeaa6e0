"""``skdyn equations``: the equations of a saved estimator, or of a CSV file."""

from __future__ import annotations

import argparse
from typing import Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.data_options import DATA_HELP, add_data_options, read_data
from skdyn.cli.estimator_options import add_estimator_options, build_estimator
from skdyn.cli.usage import UsageError, at_least


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    equations = commands.add_parser("equations", help="print the equations of a saved estimator or of a CSV file")
    add_data_options(equations, help=f"folder of a saved estimator, or {DATA_HELP}, to which one is fitted", gaps=True)
    add_estimator_options(equations, default="fim-ode")
    equations.add_argument("--precision", type=at_least(1), help="digits (default: as many as the field takes)")
    equations.add_argument(
        "--evidence", action="store_true", help="fit to resampled data, and say how often each term survives"
    )
    add_json_option(equations)
    equations.set_defaults(run=run, default_of=equations.get_default)


def run(options: argparse.Namespace) -> int:
    """Load or fit, and print; returns the exit code."""
    from skdyn.cli.results import tell_equations, tell_evidence
    from skdyn.cli.saved import load_estimator
    from skdyn.exceptions import SkdynError

    answer = Answer(options.json)
    if options.data.is_dir():
        _refuse_options_of_files(options)
        estimator = load_estimator(options.data)
    else:
        estimator = build_estimator(options.estimator, options, refine="sparse")
        if not hasattr(estimator, "equations"):
            raise UsageError(f"{options.estimator} finds no equations")
        table = read_data(options)
        table.describe(answer)
        estimator.fit(table.trajectories)
    answer.keep(time_unit=estimator.context_.time_unit)
    if not tell_equations(answer, estimator, options.precision):
        raise SkdynError(
            f"{options.data} holds a {type(estimator).__name__} without equations: `skdyn fit --refine sparse` or "
            "`skdyn fit --estimator sparse-ode` finds some"
        )
    if options.evidence:
        tell_evidence(answer, estimator)
    return answer.finish()


def _refuse_options_of_files(options: argparse.Namespace) -> None:
    """Refuse what says how to read and fit a file, where a saved estimator is asked."""
    for name, value in vars(options).items():
        if name not in ("data", "precision", "evidence", "json", "run", "default_of") and value != options.default_of(
            name
        ):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{options.data} is a folder, and {flag} is about how a CSV file is read or fitted")
