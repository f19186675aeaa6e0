"""Every error and warning that skdyn raises on purpose."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType


class SkdynError(Exception):
    """Base class of skdyn's errors."""


class TrajectoryError(SkdynError, ValueError):
    """The data cannot be read as trajectories; the message names the trajectory and the row."""


class WeightsError(SkdynError, ValueError):
    """A model's weights or configuration cannot be found, read or trusted; the message names the file."""


class FileError(SkdynError, OSError, ValueError):
    """What was saved cannot be read or trusted, or cannot be saved; the message names the file and the reason."""


class PluginError(SkdynError):
    """A plugin cannot be imported or does not offer what its entry point promises."""


class ConvergenceWarning(UserWarning):
    """A numerical procedure stopped early; the message names the states it stopped for."""


class ModelWarning(UserWarning):
    """Data that a model of this kind cannot describe, or not tell apart; the message says why, and what to try."""


class ForecastWarning(UserWarning):
    """A forecast that the observations hardly support; the message says why."""


def is_silenced(category: type[Warning]) -> bool:
    """Whether warnings of a category would be dropped by `silenced`; what only they need can then be left out."""
    return issubclass(category, _SILENCED.get())


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called skdyn, however deep inside it the reason shows.

    Parameters
    ----------
    message : str
    category : subclass of Warning
    """
    if is_silenced(category):
        return
    caller = sys._getframe(1)
    passed = {_package(caller), "skdyn", "sklearn", "joblib"}
    frame: FrameType | None = caller
    level = 2  # the caller of this function
    while frame is not None and _package(frame) in passed:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


_SILENCED: ContextVar[tuple[type[Warning], ...]] = ContextVar("_SILENCED", default=())


@contextmanager
def silenced(category: type[Warning]) -> Iterator[None]:
    """Leave out warnings of `warn` in this thread alone; Python's own filters belong to the whole process.

    Parameters
    ----------
    category : subclass of Warning
    """
    token = _SILENCED.set((*_SILENCED.get(), category))
    try:
        yield
    finally:
        _SILENCED.reset(token)


def _package(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
