"""What the author of a plugin builds on; nothing else of skdyn's inside has to be known.

A plugin is a package of its own with entry points in ``skdyn.models`` (each a `ModelSpec`), ``skdyn.estimators`` (each
a class, final, derived from one of the bases here) or ``skdyn.experts`` (each an `Expert` beside a forecaster). See the
how-to page on plugins.

Examples
--------
>>> from skdyn.plugins import BaseDynamicsEstimator
>>> class Decay(BaseDynamicsEstimator):
...     def __init__(self, rate=1.0, missing="raise"):
...         self.rate, self.missing = rate, missing
...
...     def _fit(self, context):
...         pass
...
...     def _field(self, points):
...         return -self.rate * points, None
...
...     def _field_jacobian(self, points):
...         return -self.rate * points, np.tile(-self.rate * np.eye(points.shape[1]), (len(points), 1, 1))
>>> import numpy as np
>>> Decay().fit([np.exp(-np.linspace(0, 1, 5))[:, None]]).simulate([1.0], [0.0, 1.0]).round(3)
array([[1.   ],
       [0.368]])
"""

from skdyn.data.moments import state_moments
from skdyn.data.parameters import RandomState, check_number, read_generator
from skdyn.data.trajectories import Trajectories
from skdyn.estimators import registry as _estimators
from skdyn.estimators._base import BaseTrajectoryEstimator
from skdyn.estimators._dynamics import BaseDynamicsEstimator
from skdyn.estimators._field import BaseFieldEstimator
from skdyn.estimators._forecaster import BaseForecaster
from skdyn.estimators._stochastic import BaseStochasticEstimator
from skdyn.estimators.registry import get_estimator, register_estimator
from skdyn.exceptions import PluginError, warn
from skdyn.forecasting.experts import registry as _experts
from skdyn.forecasting.experts.grid import on_grid, resampled
from skdyn.forecasting.experts.registry import Expert, get_expert
from skdyn.forecasting.experts.seasons import season_of
from skdyn.models import registry as _models
from skdyn.models.normalization import Scaling
from skdyn.models.registry import get_model, register_model
from skdyn.models.spec import ModelSpec

__all__ = [
    "BaseDynamicsEstimator",
    "BaseFieldEstimator",
    "BaseForecaster",
    "BaseStochasticEstimator",
    "BaseTrajectoryEstimator",
    "Expert",
    "ModelSpec",
    "RandomState",
    "Scaling",
    "Trajectories",
    "check_number",
    "get_estimator",
    "get_expert",
    "get_model",
    "on_grid",
    "plugin_problems",
    "read_generator",
    "register_estimator",
    "register_model",
    "resampled",
    "season_of",
    "state_moments",
    "warn",
]


def plugin_problems() -> list[PluginError]:
    """What is wrong with the installed plugins; importing all of them to find out."""
    return [*_models.CATALOGUE.problems(), *_estimators.CATALOGUE.problems(), *_experts.CATALOGUE.problems()]
