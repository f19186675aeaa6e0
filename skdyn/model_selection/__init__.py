"""Splitters for cross-validation in which trajectories, or windows of recordings, are the samples."""

from skdyn.model_selection.trajectories import LeaveOneTrajectoryOut
from skdyn.model_selection.windows import TimeSeriesWindows

__all__ = ["LeaveOneTrajectoryOut", "TimeSeriesWindows"]
