"""Displays in the style of scikit-learn's; matplotlib is imported when one is drawn."""

from skdyn.plotting.fields import FieldSlice, PhasePortraitDisplay, VectorFieldDisplay
from skdyn.plotting.forecast import ForecastDisplay
from skdyn.plotting.sde import DriftDiffusionDisplay, PathFanDisplay

__all__ = [
    "DriftDiffusionDisplay",
    "FieldSlice",
    "ForecastDisplay",
    "PathFanDisplay",
    "PhasePortraitDisplay",
    "VectorFieldDisplay",
]
