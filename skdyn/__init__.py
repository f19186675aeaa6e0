"""Infer dynamical systems from trajectories with pretrained in-context models.

Public names are imported on first use, so that ``import skdyn`` loads neither torch nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skdyn.data.trajectories import Trajectories as Trajectories
    from skdyn.data.trajectory import Trajectory as Trajectory
    from skdyn.estimators._coarse_graining import FIMCoarseGrainer as FIMCoarseGrainer
    from skdyn.estimators._fim_ode import FIMODERegressor as FIMODERegressor
    from skdyn.estimators._fim_sde import FIMSDERegressor as FIMSDERegressor
    from skdyn.estimators._lass_ode import LASSODEForecaster as LASSODEForecaster
    from skdyn.estimators._sparse_ode import SparseODERegressor as SparseODERegressor
    from skdyn.estimators.registry import list_estimators as list_estimators
    from skdyn.estimators.registry import make_estimator as make_estimator
    from skdyn.exceptions import ConvergenceWarning as ConvergenceWarning
    from skdyn.exceptions import FileError as FileError
    from skdyn.exceptions import ForecastWarning as ForecastWarning
    from skdyn.exceptions import ModelWarning as ModelWarning
    from skdyn.exceptions import PluginError as PluginError
    from skdyn.exceptions import SkdynError as SkdynError
    from skdyn.exceptions import TrajectoryError as TrajectoryError
    from skdyn.exceptions import WeightsError as WeightsError
    from skdyn.models.registry import list_models as list_models
    from skdyn.panel.panel import fit_panel as fit_panel
    from skdyn.plotting import DriftDiffusionDisplay as DriftDiffusionDisplay
    from skdyn.plotting import ForecastDisplay as ForecastDisplay
    from skdyn.plotting import LatentDisplay as LatentDisplay
    from skdyn.plotting import PathFanDisplay as PathFanDisplay
    from skdyn.plotting import PhasePortraitDisplay as PhasePortraitDisplay
    from skdyn.plotting import TrajectoryDisplay as TrajectoryDisplay
    from skdyn.plotting import VectorFieldDisplay as VectorFieldDisplay
    from skdyn.sparse.constraints import Constraints as Constraints
    from skdyn.sparse.term_choice import Library as Library

__version__ = "0.1.0"

_HOME = {
    "FIMCoarseGrainer": "skdyn.estimators._coarse_graining",
    "FIMODERegressor": "skdyn.estimators._fim_ode",
    "FIMSDERegressor": "skdyn.estimators._fim_sde",
    "LASSODEForecaster": "skdyn.estimators._lass_ode",
    "SparseODERegressor": "skdyn.estimators._sparse_ode",
    "Constraints": "skdyn.sparse.constraints",
    "Library": "skdyn.sparse.term_choice",
    "Trajectories": "skdyn.data.trajectories",
    "Trajectory": "skdyn.data.trajectory",
    "PhasePortraitDisplay": "skdyn.plotting",
    "VectorFieldDisplay": "skdyn.plotting",
    "ForecastDisplay": "skdyn.plotting",
    "DriftDiffusionDisplay": "skdyn.plotting",
    "PathFanDisplay": "skdyn.plotting",
    "fit_panel": "skdyn.panel.panel",
    "LatentDisplay": "skdyn.plotting",
    "TrajectoryDisplay": "skdyn.plotting",
    "list_models": "skdyn.models.registry",
    "list_estimators": "skdyn.estimators.registry",
    "make_estimator": "skdyn.estimators.registry",
    "SkdynError": "skdyn.exceptions",
    "TrajectoryError": "skdyn.exceptions",
    "WeightsError": "skdyn.exceptions",
    "FileError": "skdyn.exceptions",
    "PluginError": "skdyn.exceptions",
    "ConvergenceWarning": "skdyn.exceptions",
    "ForecastWarning": "skdyn.exceptions",
    "ModelWarning": "skdyn.exceptions",
}

__all__ = ["__version__", *_HOME]


if not TYPE_CHECKING:  # a checker must see the names above, and that there are no others

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'skdyn' has no attribute {name!r}")
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
