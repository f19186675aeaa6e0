"""``skdyn doctor``: whether the installation is well."""

from __future__ import annotations

import argparse
import os
from typing import Any

from skdyn import __version__
from skdyn.exceptions import SkdynError

_PACKAGES = (
    "numpy", "scipy", "scikit-learn", "torch", "safetensors", "huggingface-hub", "matplotlib", "pandas",
    "polars",
)  # fmt: skip


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    doctor = commands.add_parser("doctor", help="check the installation: versions, devices, weights and plugins")
    doctor.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print what was checked; returns the exit code, which is 1 where there is a problem."""
    from skdyn.plugins import plugin_problems

    _print_packages()
    _print_devices()
    problems = _count_problems_of_weights()
    for problem in plugin_problems():
        problems += 1
        print(f"PROBLEM: {problem}")
    print("All is well." if not problems else f"{problems} problem(s) found.")
    return 1 if problems else 0


def _print_packages() -> None:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    print(f"skdyn {__version__}, Python {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            print(f"  {package:16} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package:16} not installed")


def _print_devices() -> None:
    import torch

    from skdyn.models.locations import is_offline

    devices = ["cpu"]
    devices += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    print(f"Devices: {', '.join(devices)}; {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    print(f"Network: {'forbidden by the environment' if is_offline() else 'used only for hf:// models'}")


def _count_problems_of_weights() -> int:
    """Load and check the weights of every registered model that has them here; returns how many cannot be used."""
    from skdyn import list_models
    from skdyn.models.weights import load_model
    from skdyn.plugins import get_model

    problems = 0
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
    return problems
