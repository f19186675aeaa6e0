"""``python -m skdyn.benchmarks BENCHMARK``: tables that anyone can reproduce."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from skdyn.benchmarks import (
    calibration,
    classic,
    coarse_graining,
    forced,
    forecast,
    individuals,
    large,
    odebench,
    peers,
    scale,
    sde,
    speed,
)
from skdyn.exceptions import SkdynError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m skdyn.benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
    for name, module, help in (
        ("odebench", odebench, "accuracy on the 61 autonomous systems of ODEBench"),
        ("classic", classic, "Van der Pol, FitzHugh-Nagumo and human motion, beside published errors"),
        ("large", large, "known systems of 4 to 30 variables"),
        ("forced", forced, "the systems of ODEBench under known inputs"),
        ("individuals", individuals, "individuals that differ, with and without what they differ by"),
        ("peers", peers, "every estimator of an ODE on all of these: accuracy, seconds and memory in one run"),
        ("sde", sde, "drift, diffusion and paths of eight stochastic systems"),
        ("forecast", forecast, "forecasts of 28 families of systems from prefixes, beside baselines"),
        (
            "coarse-graining",
            coarse_graining,
            "codes beside principal components, and the equation behind a video",
        ),
        ("calibration", calibration, "coverage of the predicted errors"),
        ("speed", speed, "time and size of the usual operations, beside their limits"),
        ("scale", scale, "exponents of time and memory in the size of the problem"),
    ):
        command = commands.add_parser(name, help=help)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (SkdynError, OSError, ValueError) as error:
        print(f"skdyn.benchmarks: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
