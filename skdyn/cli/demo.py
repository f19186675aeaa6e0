"""``skdyn demo``: the Hudson Bay hare and lynx."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdyn.cli.data_options import MODEL_HELP


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    demo = commands.add_parser("demo", help="fit the Hudson Bay hare and lynx, and draw their phase portrait")
    demo.add_argument("--out", type=Path, default=Path("hare_lynx.png"), help="picture to write (default: %(default)s)")
    demo.add_argument("--model", default="fim-ode", help=f"{MODEL_HELP} (default: %(default)s)")
    demo.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, print and draw; returns the exit code."""
    import numpy as np

    from skdyn import FIMODERegressor
    from skdyn.cli.printing import draw, print_equilibria
    from skdyn.data.trajectories import Trajectory
    from skdyn.datasets import load_hare_lynx
    from skdyn.dynamics.period import mean_period

    pelts = load_hare_lynx()
    context = [Trajectory(pelts.t, pelts.x, tuple(pelts.feature_names))]
    estimator = FIMODERegressor(model=options.model).fit(context)
    print(f"Hudson Bay pelts, {pelts.t[0]:.0f} to {pelts.t[-1]:.0f}: {len(pelts.t)} rows of hare and lynx (thousands)")
    print_equilibria(estimator)
    years = np.linspace(0, 80, 1601)
    cycle = estimator.simulate(pelts.x[0], years)
    print(f"Period of the simulated cycle: {mean_period(years, cycle):.1f} years")
    print(f"Period of the data:            {mean_period(pelts.t, pelts.x):.1f} years")
    print(f"R2 of the simulation from the first row: {estimator.score(context):.2f}")
    draw(estimator, options.out)
    refined = FIMODERegressor(model=options.model, refine="sparse").fit(context)
    print("Equations that a sparse fit finds with this field as its prior (refine='sparse'):")
    for equation in refined.equations():
        print(f"  {equation}")
    print_equilibria(refined)
    return 0
