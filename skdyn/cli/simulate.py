"""``skdyn simulate``: trajectories of a saved estimator."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.usage import UsageError, at_least, place, positive

if TYPE_CHECKING:
    import numpy as np


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    simulate = commands.add_parser("simulate", help="simulate a saved estimator from an initial state")
    simulate.add_argument("folder", type=place, help="of an estimator that `skdyn fit` or its `save` wrote")
    simulate.add_argument("--from", dest="start", nargs="+", required=True, metavar="NAME=VALUE",
                          help="initial state: each variable by name, or their values in order")  # fmt: skip
    simulate.add_argument("--given", nargs="+", default=[], metavar="NAME=VALUE",
                          help="inputs and parameters that are held, where the field depends on some")  # fmt: skip
    simulate.add_argument("--until", type=positive, required=True, metavar="T",
                          help="length of the simulation, in the unit of time of the fit")  # fmt: skip
    simulate.add_argument("--points", type=at_least(2), default=201, help="of the result (default: %(default)s)")
    simulate.add_argument("--paths", type=at_least(1), metavar="N", help="how many, of a stochastic model")
    simulate.add_argument("--seed", type=at_least(0), default=0, help="of the paths (default: %(default)s)")
    simulate.add_argument("--out", type=place, metavar="CSV", help="file of the result (default: print it)")
    simulate.add_argument("--plot", type=place, metavar="PICTURE", help="also draw it")
    add_json_option(simulate)
    simulate.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Load, simulate, write and draw; returns the exit code."""
    import numpy as np

    from skdyn.cli.outputs import check_apart, check_file, places_read
    from skdyn.cli.pictures import check_picture, draw_paths
    from skdyn.cli.results import dynamics_of, names_of
    from skdyn.cli.saved import load_estimator
    from skdyn.cli.tables import Cell, OutputTable, numbers
    from skdyn.data.dialect import Dialect

    answer = Answer(options.json)
    if options.out:
        check_file(options.out, places_read(options))
    if options.plot:
        check_picture(options.plot, places_read(options))
        check_apart(options.out, options.plot)
    field = dynamics_of(load_estimator(options.folder))
    if not hasattr(field, "simulate"):
        raise UsageError(f"{options.folder} holds a {type(field).__name__}, which does not simulate")
    names, unit = names_of(field), field.context_.time_unit
    start = _values("--from", options.start, names)
    times = np.linspace(0.0, options.until, options.points)
    paths = _paths(field, start, times, options)
    answer.say(f"{type(field).__name__} of {options.folder}" + (": time in the unit of the fit" if unit is None else
               f": time in {unit}s"))  # fmt: skip
    answer.keep(start=dict(zip(names, start.tolist(), strict=True)), time_unit=unit)
    several = [] if options.paths is None else ["path"]
    rows: list[list[Cell]] = [
        [*([] if options.paths is None else [k]), float(f"{time:.15g}"), *state]
        for k, path in enumerate(paths)
        for time, state in zip(times, numbers(path, np.nanmax(path, axis=0) - np.nanmin(path, axis=0)), strict=True)
    ]
    OutputTable([*several, "t", *names], rows).give(answer, Dialect(",", ".", "utf-8"), options.out)
    if options.plot:
        draw_paths(answer, times, paths, names, options.plot)
    return answer.finish()


def _paths(field: Any, start: np.ndarray, times: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """Simulated paths (P, L, D)."""
    from skdyn.plugins import BaseStochasticEstimator

    given = field.context_.given
    values = dict(zip(given.names, _values("--given", options.given, list(given.names)).tolist(), strict=True))
    if isinstance(field, BaseStochasticEstimator):
        return field.simulate(start, times, n_paths=options.paths or 1, random_state=options.seed)
    if options.paths is not None:
        raise UsageError(f"--paths is for stochastic models, and {options.folder} holds a {type(field).__name__}")
    kinds = {"inputs": given.inputs, "parameters": given.parameters}
    held = {kind: {name: values[name] for name in names} for kind, names in kinds.items() if names}
    return field.simulate(start[None], times, **held)


def _values(option: str, texts: list[str], names: list[str]) -> np.ndarray:
    """Values (D,) of variables by name, or in order."""
    import numpy as np

    pairs = [text.rpartition("=") for text in texts]
    given = [name for name, equals, _ in pairs if equals]
    expected = f"expected {' '.join(f'{name}=...' for name in names)}, or {len(names)} numbers in this order"
    if not names:
        expected = "the field depends on no inputs nor parameters"
    if given and (len(given) != len(texts) or sorted(given) != sorted(names)):
        raise UsageError(f"{option} {' '.join(texts)}: {expected}")
    if len(texts) != len(names):
        raise UsageError(f"{option} gives {len(texts)} values: {expected}")
    try:
        values = [float(value) for _, _, value in pairs]
    except ValueError as error:
        raise UsageError(f"{option}: {error}: {expected}") from None
    order = [given.index(name) for name in names] if given else range(len(names))
    return np.array([values[i] for i in order])
