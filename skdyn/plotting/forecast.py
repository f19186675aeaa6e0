"""Display of a forecast: what was observed, a fan of quantiles, and what came after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skdyn.data.time_axis import TimeAxis
from skdyn.data.times import read_times
from skdyn.plotting.common import DATA_COLOUR, FIELD_COLOUR, SIMULATION_COLOUR, names_of, shared_legend, some_axes
from skdyn.plotting.kinds import check_drawable
from skdyn.plotting.labels import set_labels

_RESOLUTION = 200


@dataclass(repr=False)
class ForecastDisplay:
    """A series, the forecast's quantiles, and what came after the prefix; one panel for each variable.

    Parameters
    ----------
    observed : pair of arrays of shape (L,) and (L, D)
        Times and values of the prefix.
    times : array of shape (T,)
    quantiles : array of shape (T, D, Q)
    levels : tuple of Q floats
        Lowest first; the middle one is the median.
    names : list of D str
    truth : pair of arrays of shape (H,) and (H, D), optional
        Times and values after the prefix.

    Attributes
    ----------
    ax_ : Axes, or array of D Axes
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import ForecastDisplay, LASSODEForecaster
    >>> t = np.linspace(0, 10, 101)
    >>> x = np.column_stack([np.cos(2 * t), np.sin(2 * t)])
    >>> est = LASSODEForecaster().fit([(t[:70], x[:70])])
    >>> display = ForecastDisplay.from_estimator(est, truth=(t[70:], x[70:]))
    """

    observed: tuple[np.ndarray, np.ndarray]
    times: np.ndarray
    quantiles: np.ndarray
    levels: tuple[float, ...]
    names: list[str]
    truth: tuple[np.ndarray, np.ndarray] | None = None
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        return f"ForecastDisplay({', '.join(self.names)}; {len(self.observed[0])} observed, {len(self.times)} ahead)"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        end: float | None = None,
        truth: tuple[ArrayLike, ArrayLike] | None = None,
        series: int = 0,
        ax: Any = None,
    ) -> Self:
        """Compute and draw a forecast of one of the series of a fitted forecaster.

        Parameters
        ----------
        estimator : fitted forecaster
        end : float, optional
            Last time of the forecast, a date where the series has dates; by default the truth's, or without one as far
            ahead as half the prefix is long.
        truth : pair of arrays of shape (H,) and (H, D), optional
            Times and values that came after the prefix, to be drawn beside the forecast.
        series : int, default=0
            Which of the fitted series.
        ax : Axes, or D Axes, optional
            A new figure by default.

        Raises
        ------
        ValueError
            If the estimator is no forecaster, there is no such series, the end is not after the last observation, or
            the truth has another shape.
        """
        check_drawable(cls, "forecasts", estimator, "forecaster")
        count = len(estimator.context_)
        if not 0 <= series < count:
            raise ValueError(f"series {series}: the forecaster was fitted on {count}, numbered from 0")
        t, x = estimator.context_[series]
        axis = estimator.context_.axis
        known = None if truth is None else (_counted(truth[0], axis), np.asarray(truth[1], dtype=float))
        if known is not None and known[1].shape != (len(known[0]), x.shape[1]):
            raise ValueError(f"truth has shape {known[1].shape}: expected {(len(known[0]), x.shape[1])}")
        if end is None:
            end = t[-1] + (t[-1] - t[0]) / 2 if known is None else known[0][-1]
        else:
            end = float(_counted([end], axis)[0])
        if not end > t[-1]:
            raise ValueError(f"end is {end}, but the series was observed until {t[-1]}")
        ahead = np.linspace(t[-1], end, _RESOLUTION + 1)[1:]
        # The other series are asked for as little as possible.
        asked = [ahead if k == series else times[-1:] for k, times in enumerate(estimator.context_.times)]
        requested = [_labelled(times, axis) for times in asked]
        quantiles = estimator.predict(requested, quantiles=estimator.levels_)[series]
        after = None if known is None else (_labelled(known[0], axis), known[1])
        observed, forecast = (_labelled(t, axis), x), requested[series]
        return cls(observed, forecast, quantiles, tuple(estimator.levels_), names_of(estimator), after).plot(ax)

    def plot(self, ax: Any = None, *, legend: bool = True) -> Self:
        """Draw the forecast.

        Parameters
        ----------
        ax : Axes, or D Axes, optional
            A new figure by default.
        legend : bool, default=True

        Returns
        -------
        self
        """
        axes, self.figure_ = some_axes(ax, len(self.names), stacked=True)
        for variable, (axis, name) in enumerate(zip(axes, self.names, strict=True)):
            self._plot_variable(axis, variable)
            set_labels(axis, y=name)
        axes[-1].set_xlabel("time")
        axes[0].figure.align_ylabels(list(axes))
        if np.asarray(self.times).dtype.kind == "M":
            axes[0].figure.autofmt_xdate()
        if legend:
            shared_legend(axes)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        return self

    def _plot_variable(self, axis: Any, variable: int) -> None:
        from matplotlib.colors import to_rgb

        t, x = self.observed
        middle = len(self.levels) // 2
        times, quantiles = self._joined(variable)
        for low in _bands(self.levels):
            high = len(self.levels) - 1 - low
            # Opaque, so that a band has the colour of its label also where it lies on a wider one.
            shade = tuple(1 - (1 - part) * (0.22 if low == 0 else 0.45) for part in to_rgb(FIELD_COLOUR))
            share = self.levels[high] - self.levels[low]
            axis.fill_between(
                times, quantiles[:, low], quantiles[:, high], color=shade, linewidth=0, label=f"{share:.0%} interval"
            )
        axis.plot(times, quantiles[:, middle], color=SIMULATION_COLOUR, lw=1.8, label="median")
        axis.plot(t, x[:, variable], "o-", color=DATA_COLOUR, ms=3.5, mew=0, lw=0.9, label="observed")
        if self.truth is not None:
            axis.plot(
                self.truth[0],
                self.truth[1][:, variable],
                "o--",
                color=DATA_COLOUR,
                ms=4.5,
                lw=0.7,
                mfc="none",
                label="afterwards",
            )
        axis.axvline(t[-1], color="0.6", lw=0.8, ls=":")
        axis.margins(x=0.01)

    def _joined(self, variable: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and quantiles of one variable from its last observation on, where the quantiles are what was seen."""
        t, x = self.observed
        seen = np.flatnonzero(np.isfinite(x[:, variable]))
        last = int(seen[-1])
        start = np.full((1, len(self.levels)), x[last, variable])
        later = np.asarray(self.times) > t[last]
        times = np.concatenate([np.asarray(t)[last : last + 1], np.asarray(self.times)[later]])
        return times, np.concatenate([start, self.quantiles[later, variable]])


def _bands(levels: tuple[float, ...]) -> list[int]:
    """Which pairs of quantiles are drawn: the outer ones and those about halfway in."""
    middle = len(levels) // 2
    return sorted({0, middle // 2}) if middle > 1 else list(range(middle))


def _counted(times: Any, axis: TimeAxis) -> np.ndarray:
    """Times (T,) as numbers on the axis of the fitted series."""
    (numbers,), own = read_times([times], [len(times)], axis=axis)
    return numbers + axis.shift_of(own, "times")


def _labelled(times: np.ndarray, axis: TimeAxis) -> np.ndarray:
    """Numbers (T,) on an axis as dates or durations, where it has these."""
    return times if axis.kind == "number" else axis.shown(times)
