"""The command line: ``skdyn demo``, ``fit``, ``models`` and ``doctor``."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skdyn import __version__
from skdyn.exceptions import SkdynError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning  # type: ignore[assignment]
            return options.run(options)
    except (SkdynError, ImportError, OSError, ValueError) as error:
        print(f"skdyn: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("skdyn: interrupted", file=sys.stderr)
        return 130


def _print_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    print(f"skdyn: {category.__name__}: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="skdyn", description="Infer dynamical systems from trajectories.")
    parser.add_argument("--version", action="version", version=f"skdyn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="fit the Hudson Bay hare and lynx, and draw their phase portrait")
    demo.add_argument("--out", type=Path, default=Path("hare_lynx.png"), help="picture to write (default: %(default)s)")
    demo.add_argument("--model", default="fim-ode", help="registered name, folder or hf:// id (default: %(default)s)")
    demo.set_defaults(run=_demo)

    fit = commands.add_parser("fit", help="fit a CSV file of trajectories and save the estimator")
    fit.add_argument("data", type=Path, help="CSV file with a header line, one row a point")
    fit.add_argument("--time", help="time column (default: t or time where present, else unit steps)")
    fit.add_argument("--group", help="column that tells trajectories apart (default: id, trajectory or group)")
    fit.add_argument("--features", nargs="+", help="state columns (default: all others)")
    fit.add_argument("--missing", choices=("raise", "drop"), default="raise", help="what to do with empty cells")
    fit.add_argument("--estimator", choices=("fim-ode", "fim-sde"), default="fim-ode",
                     help="of an ODE, or of an SDE's drift and diffusion (default: %(default)s)")  # fmt: skip
    fit.add_argument("--model", help="registered name, folder or hf:// id (default: the estimator's own)")
    fit.add_argument("--out", type=Path, required=True, help="folder to save the estimator in")
    fit.add_argument("--plot", type=Path, metavar="PNG", help="also draw the phase portrait")
    fit.set_defaults(run=_fit)

    models = commands.add_parser("models", help="list the models and estimators that are registered")
    models.set_defaults(run=_models)

    doctor = commands.add_parser("doctor", help="check the installation: versions, devices, weights and plugins")
    doctor.set_defaults(run=_doctor)
    return parser


def _demo(options: argparse.Namespace) -> int:
    import numpy as np

    from skdyn import FIMODERegressor
    from skdyn.data.trajectories import Trajectory
    from skdyn.datasets import load_hare_lynx
    from skdyn.dynamics.period import mean_period

    pelts = load_hare_lynx()
    context = [Trajectory(pelts.t, pelts.x, tuple(pelts.feature_names))]
    estimator = FIMODERegressor(model=options.model).fit(context)
    print(f"Hudson Bay pelts, {pelts.t[0]:.0f} to {pelts.t[-1]:.0f}: {len(pelts.t)} rows of hare and lynx (thousands)")
    _print_equilibria(estimator)
    years = np.linspace(0, 80, 1601)
    cycle = estimator.simulate(pelts.x[0], years)
    print(f"Period of the simulated cycle: {mean_period(years, cycle):.1f} years")
    print(f"Period of the data:            {mean_period(pelts.t, pelts.x):.1f} years")
    print(f"R2 of the simulation from the first row: {estimator.score(context):.2f}")
    _draw(estimator, options.out)
    refined = FIMODERegressor(model=options.model, refine="sparse").fit(context)
    print("Equations that a sparse fit finds with this field as its prior (refine='sparse'):")
    for equation in refined.equations():
        print(f"  {equation}")
    _print_equilibria(refined)
    return 0


def _fit(options: argparse.Namespace) -> int:
    from skdyn import make_estimator
    from skdyn.data.table import read_csv

    trajectories = read_csv(options.data, options.time, options.group, options.features, options.missing)
    estimator = make_estimator(options.estimator, model=options.model or options.estimator).fit(trajectories)
    print(f"{trajectories!r} from {options.data}")
    _print_equilibria(estimator)
    meaning = {"fim-ode": "R2 of simulations, at most 1", "fim-sde": "mean log-likelihood of a transition"}
    print(f"Score on the data ({meaning[options.estimator]}): {estimator.score(trajectories):.3f}")
    estimator.save(options.out)
    print(f"Saved to {options.out}: {type(estimator).__name__}.load({str(options.out)!r})")
    if options.plot:
        _draw(estimator, options.plot)
    return 0


def _print_equilibria(estimator: Any) -> None:
    names = getattr(estimator, "feature_names_in_", [f"x{d}" for d in range(estimator.n_features_in_)])
    found = estimator.equilibria()
    print("Equilibria:" if found else "Equilibria: none in the box of the data, widened by a quarter")
    for point in found:
        state = ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, point.state, strict=True))
        print(f"  {state}: {point.kind}{'' if point.inside else ' (outside the data: an extrapolation)'}")


def _draw(estimator: Any, path: Path) -> None:
    try:
        import matplotlib
    except ImportError:
        print('No picture: matplotlib is not installed (pip install "skdyn[plot]")', file=sys.stderr)
        return
    matplotlib.use("agg")
    from skdyn import DriftDiffusionDisplay, PhasePortraitDisplay

    display: Any = DriftDiffusionDisplay if hasattr(estimator, "diffusion") else PhasePortraitDisplay
    display.from_estimator(estimator).figure_.savefig(path, dpi=150)
    print(f"Phase portrait written to {path}")


def _models(_: argparse.Namespace) -> int:
    from skdyn import list_estimators, list_models
    from skdyn.plugins import get_estimator, get_model

    for title, names in (("Models", list_models()), ("Estimators", list_estimators())):
        print(f"{title}:")
        for name in names:
            try:
                if title == "Models":
                    spec = get_model(name)
                    print(f"  {name:24} {spec.summary}; weights: {spec.location}")
                else:
                    print(f"  {name:24} {get_estimator(name).__name__}")
            except SkdynError as error:
                print(f"  {name:24} broken: {error}")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from skdyn import list_models
    from skdyn.models.locations import is_offline
    from skdyn.models.weights import load_model
    from skdyn.plugins import get_model, plugin_problems

    problems = 0
    print(f"skdyn {__version__}, Python {platform.python_version()} on {platform.platform()}")
    for package in ("numpy", "scipy", "scikit-learn", "torch", "torchdiffeq", "safetensors", "huggingface-hub",
                    "matplotlib", "pandas", "polars"):  # fmt: skip
        try:
            print(f"  {package:16} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package:16} not installed")
    devices = ["cpu"]
    devices += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    print(f"Devices: {', '.join(devices)}; {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    print(f"Network: {'forbidden by the environment' if is_offline() else 'used only for hf:// models'}")
    print("Weights:")
    for name in list_models():
        try:
            location = str(get_model(name).location)
            if location.startswith("hf://"):
                print(f"  {name:24} {location} (fetched on first use)")
            else:
                print(f"  {name:24} sha256 {load_model(name).sha256[:16]} verified, {location}")
        except SkdynError as error:
            problems += 1
            print(f"  {name:24} PROBLEM: {error}")
    for problem in plugin_problems():
        problems += 1
        print(f"PROBLEM: {problem}")
    print("All is well." if not problems else f"{problems} problem(s) found.")
    return 1 if problems else 0
