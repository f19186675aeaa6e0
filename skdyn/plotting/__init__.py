"""Displays in the style of scikit-learn's; matplotlib is imported when one is drawn."""

from skdyn.plotting.fields import FieldSlice, PhasePortraitDisplay, VectorFieldDisplay
from skdyn.plotting.forecast import ForecastDisplay
from skdyn.plotting.latent import LatentDisplay
from skdyn.plotting.sde import DriftDiffusionDisplay, PathFanDisplay
from skdyn.plotting.trajectories import TrajectoryDisplay

__all__ = [
    "DriftDiffusionDisplay",
    "FieldSlice",
    "ForecastDisplay",
    "LatentDisplay",
    "PathFanDisplay",
    "PhasePortraitDisplay",
    "TrajectoryDisplay",
    "VectorFieldDisplay",
]
