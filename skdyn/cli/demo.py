"""``skdyn demo``: the Hudson Bay hare and lynx."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from skdyn.cli.answer import Answer
from skdyn.cli.estimator_options import MODEL_HELP
from skdyn.cli.usage import place


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    demo = commands.add_parser("demo", help="fit the Hudson Bay hare and lynx, and draw their phase portrait")
    demo.add_argument(
        "--out", type=place, default=Path("hare_lynx.png"), help="picture to write (default: %(default)s)"
    )
    demo.add_argument("--model", default="fim-ode", help=f"{MODEL_HELP} (default: %(default)s)")
    demo.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, print and draw; returns the exit code."""
    import numpy as np

    from skdyn import FIMODERegressor
    from skdyn.cli.outputs import places_read
    from skdyn.cli.pictures import check_picture, draw_estimator
    from skdyn.cli.results import tell_equations, tell_equilibria
    from skdyn.data.trajectories import Trajectory
    from skdyn.datasets import load_hare_lynx
    from skdyn.dynamics.period import mean_period

    answer, picture = Answer(), options.out
    try:
        check_picture(picture, places_read(options))
    except ImportError as error:
        print(f"No picture: {error}", file=sys.stderr)
        picture = None
    pelts = load_hare_lynx()
    context = [Trajectory(pelts.t, pelts.x, tuple(pelts.feature_names))]
    estimator = FIMODERegressor(model=options.model).fit(context)
    print(f"Hudson Bay pelts, {pelts.t[0]:.0f} to {pelts.t[-1]:.0f}: {len(pelts.t)} rows of hare and lynx (thousands)")
    tell_equilibria(answer, estimator)
    years = np.linspace(0, 80, 1601)
    cycle = estimator.simulate(pelts.x[0], years)
    print(f"Period of the simulated cycle: {mean_period(years, cycle):.1f} years")
    print(f"Period of the data:            {mean_period(pelts.t, pelts.x):.1f} years")
    print(f"R2 of the simulation from the first row: {estimator.score(context):.2f}")
    if picture:
        draw_estimator(answer, estimator, picture)
    refined = FIMODERegressor(model=options.model, refine="sparse").fit(context)
    print("A sparse fit with this field as its prior (refine='sparse') finds:")
    tell_equations(answer, refined)
    tell_equilibria(answer, refined)
    return 0
