"""Data sets: small real series, and systems whose trajectories are computed from their equations.

Names are imported on first use: ``import skdyn.datasets`` loads neither scikit-learn nor the systems.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skdyn.datasets._gp_ode import load_fitzhugh_nagumo as load_fitzhugh_nagumo
    from skdyn.datasets._gp_ode import load_van_der_pol as load_van_der_pol
    from skdyn.datasets._hare_lynx import load_hare_lynx as load_hare_lynx
    from skdyn.datasets._individuals import load_beavers as load_beavers
    from skdyn.datasets._individuals import load_orange_trees as load_orange_trees
    from skdyn.datasets._individuals import load_theophylline as load_theophylline
    from skdyn.datasets._mocap import load_mocap as load_mocap
    from skdyn.datasets.blob_video import BlobVideo as BlobVideo
    from skdyn.datasets.blob_video import make_blob_video as make_blob_video
    from skdyn.datasets.blob_video import render_blob as render_blob
    from skdyn.datasets.classics import make_trajectories as make_trajectories
    from skdyn.datasets.families import make_family_series as make_family_series
    from skdyn.datasets.odebench import ODEBenchSystem as ODEBenchSystem
    from skdyn.datasets.odebench import load_odebench as load_odebench
    from skdyn.datasets.odebench import simulate_odebench as simulate_odebench
    from skdyn.datasets.sde_systems import SDESystem as SDESystem
    from skdyn.datasets.sde_systems import load_sde_systems as load_sde_systems
    from skdyn.datasets.sde_systems import simulate_sde as simulate_sde

_HOME = {
    "BlobVideo": "skdyn.datasets.blob_video",
    "ODEBenchSystem": "skdyn.datasets.odebench",
    "SDESystem": "skdyn.datasets.sde_systems",
    "load_beavers": "skdyn.datasets._individuals",
    "load_fitzhugh_nagumo": "skdyn.datasets._gp_ode",
    "load_hare_lynx": "skdyn.datasets._hare_lynx",
    "load_mocap": "skdyn.datasets._mocap",
    "load_odebench": "skdyn.datasets.odebench",
    "make_family_series": "skdyn.datasets.families",
    "load_orange_trees": "skdyn.datasets._individuals",
    "load_sde_systems": "skdyn.datasets.sde_systems",
    "load_theophylline": "skdyn.datasets._individuals",
    "load_van_der_pol": "skdyn.datasets._gp_ode",
    "make_blob_video": "skdyn.datasets.blob_video",
    "make_trajectories": "skdyn.datasets.classics",
    "render_blob": "skdyn.datasets.blob_video",
    "simulate_odebench": "skdyn.datasets.odebench",
    "simulate_sde": "skdyn.datasets.sde_systems",
}

__all__ = list(_HOME)


if not TYPE_CHECKING:  # a checker must see the names above, and that there are no others

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'skdyn.datasets' has no attribute {name!r}")
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
