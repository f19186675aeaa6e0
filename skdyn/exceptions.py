"""Every error and warning that skdyn raises on purpose."""


class SkdynError(Exception):
    """Base class of skdyn's errors."""


class TrajectoryError(SkdynError, ValueError):
    """The data cannot be read as trajectories; the message names the trajectory and the row."""


class WeightsError(SkdynError, ValueError):
    """A model's weights or configuration cannot be found, read or trusted; the message names the file."""


class PluginError(SkdynError):
    """A plugin cannot be imported or does not offer what its entry point promises."""


class ConvergenceWarning(UserWarning):
    """A numerical procedure stopped early; the message names the states it stopped for."""


class ForecastWarning(UserWarning):
    """A forecast that the observations hardly support; the message says why."""
