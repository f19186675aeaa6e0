"""``skdyn fit``: from a CSV file to a saved estimator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdyn.cli.data_options import MODEL_HELP, add_data_options, read_data

_SCORES = {"fim-ode": "R2 of simulations, at most 1", "fim-sde": "mean log-likelihood of a transition"}


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    fit = commands.add_parser("fit", help="fit a CSV file of trajectories and save the estimator")
    add_data_options(fit)
    fit.add_argument("--estimator", choices=tuple(_SCORES), default="fim-ode",
                     help="of an ODE, or of an SDE's drift and diffusion (default: %(default)s)")  # fmt: skip
    fit.add_argument("--model", help=f"{MODEL_HELP} (default: the estimator's own)")
    fit.add_argument("--out", type=Path, required=True, help="folder to save the estimator in")
    fit.add_argument("--plot", type=Path, metavar="PNG", help="also draw the phase portrait")
    fit.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, print, save and draw; returns the exit code."""
    from skdyn import make_estimator
    from skdyn.cli.printing import draw, print_equilibria

    trajectories = read_data(options)
    estimator = make_estimator(options.estimator, model=options.model or options.estimator).fit(trajectories)
    print(f"{trajectories!r} from {options.data}")
    print_equilibria(estimator)
    print(f"Score on the data ({_SCORES[options.estimator]}): {estimator.score(trajectories):.3f}")
    estimator.save(options.out)
    print(f"Saved to {options.out}: {type(estimator).__name__}.load({str(options.out)!r})")
    if options.plot:
        draw(estimator, options.plot)
    return 0
