"""Contracts of estimators and experts as checks, for the authors of plugins."""

from skdyn.testing.common import example_trajectories
from skdyn.testing.experts import check_expert, expert_checks
from skdyn.testing.fields import check_dynamics_estimator, dynamics_checks
from skdyn.testing.forecasters import check_forecaster, forecaster_checks

__all__ = [
    "check_dynamics_estimator",
    "check_expert",
    "check_forecaster",
    "dynamics_checks",
    "example_trajectories",
    "expert_checks",
    "forecaster_checks",
]
