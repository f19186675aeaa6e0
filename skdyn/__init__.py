"""Infer dynamical systems from trajectories with pretrained in-context models.

Public names are imported on first use, so that ``import skdyn`` loads neither torch nor scikit-learn.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "FIMCoarseGrainer": "skdyn.estimators._coarse_graining",
    "FIMODERegressor": "skdyn.estimators._fim_ode",
    "FIMSDERegressor": "skdyn.estimators._fim_sde",
    "LASSODEForecaster": "skdyn.estimators._lass_ode",
    "SparseODERegressor": "skdyn.estimators._sparse_ode",
    "Trajectories": "skdyn.data.trajectories",
    "PhasePortraitDisplay": "skdyn.plotting",
    "VectorFieldDisplay": "skdyn.plotting",
    "ForecastDisplay": "skdyn.plotting",
    "DriftDiffusionDisplay": "skdyn.plotting",
    "PathFanDisplay": "skdyn.plotting",
    "list_models": "skdyn.models.registry",
    "list_estimators": "skdyn.models.registry",
    "make_estimator": "skdyn.models.registry",
    "SkdynError": "skdyn.exceptions",
    "TrajectoryError": "skdyn.exceptions",
    "WeightsError": "skdyn.exceptions",
    "PluginError": "skdyn.exceptions",
    "ConvergenceWarning": "skdyn.exceptions",
    "ForecastWarning": "skdyn.exceptions",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'skdyn' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
