"""What the author of a plugin builds on."""

from skdyn.estimators._field import BaseDynamicsEstimator, BaseFieldEstimator
from skdyn.estimators._stochastic import BaseStochasticEstimator
from skdyn.models.registry import ModelSpec, register_estimator, register_model

__all__ = [
    "BaseDynamicsEstimator",
    "BaseFieldEstimator",
    "BaseStochasticEstimator",
    "ModelSpec",
    "register_estimator",
    "register_model",
]
