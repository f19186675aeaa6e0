"""Data sets: small real series, and systems whose trajectories are computed from their equations.

Names are imported on first use: ``import skdyn.datasets`` loads neither scikit-learn nor the systems.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "ODEBenchSystem": "skdyn.datasets.odebench",
    "load_hare_lynx": "skdyn.datasets._hare_lynx",
    "load_odebench": "skdyn.datasets.odebench",
    "make_trajectories": "skdyn.datasets.classics",
    "simulate_odebench": "skdyn.datasets.odebench",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'skdyn.datasets' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
