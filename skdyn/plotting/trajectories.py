"""Display of trajectories over time: what was observed, its simulation, how sure that is, and what was held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skdyn.data.parameters import RandomState
from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.driving import read_signals
from skdyn.dynamics.simulate import rk4
from skdyn.dynamics.units import state_units
from skdyn.plotting.common import (
    DATA_COLOUR,
    FIELD_COLOUR,
    SIMULATION_COLOUR,
    names_of,
    shared_legend,
    some_axes,
    time_label,
)
from skdyn.plotting.kinds import check_drawable
from skdyn.plotting.labels import set_labels

_LEVELS = (0.05, 0.25, 0.75, 0.95)
_TIMES = 600
_LEAST_STEPS, _MOST_STEPS = 99, 400  # of the simulations of a band
_MOVED = 0.4  # deviations that a state moves in one step at most
_NEAR = 2.0  # deviations from the data's mean up to which a sampled path has a say in how long they are
_FAR = 20.0  # deviations from the data's mean at which a path of a sampled field stops


@dataclass(repr=False)
class TrajectoryDisplay:
    """A trajectory over time, the simulation from its first state, and bands of half and nine tenths of the plausible.

    The bands are of simulations by fields that are plausible given the data (`sample_fields`), or of the paths of an
    SDE; an estimator that has neither is drawn without. Simulations take four hundred steps at most, each so short that
    it follows the field: of a trajectory of many cycles, the band ends early, as the legend says.

    Parameters
    ----------
    observed : pair of arrays of shape (L,) and (L, D)
    times : array of shape (T,)
    simulation : array of shape (T, D)
        Of an SDE the median of its paths.
    names : list of D str
    band : pair of arrays of shape (B,) and (4, B, D), optional
        Times, and the quantiles 0.05, 0.25, 0.75 and 0.95.
    held_out : pair of arrays of shape (H,) and (H, D), optional
        Times and states that the fit did not see.
    unit : str, optional
        Of the times.
    of_paths : bool, default=False
        Whether the band is of the paths of an SDE.

    Attributes
    ----------
    ax_ : Axes, or array of D Axes
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import SparseODERegressor, TrajectoryDisplay
    >>> t = np.linspace(0, 6, 80)
    >>> x = np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)])
    >>> est = SparseODERegressor().fit([(t[:60], x[:60])])
    >>> TrajectoryDisplay.from_estimator(est, held_out=(t[60:], x[60:]))
    TrajectoryDisplay(x0, x1; 60 observed, 20 held out)
    """

    observed: tuple[np.ndarray, np.ndarray]
    times: np.ndarray
    simulation: np.ndarray
    names: list[str]
    band: tuple[np.ndarray, np.ndarray] | None = None
    held_out: tuple[np.ndarray, np.ndarray] | None = None
    unit: str | None = None
    of_paths: bool = False
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        later = "" if self.held_out is None else f", {len(self.held_out[0])} held out"
        return f"TrajectoryDisplay({', '.join(self.names)}; {len(self.observed[0])} observed{later})"

    @classmethod
    def compute(
        cls,
        estimator: Any,
        *,
        held_out: Any = None,
        series: int = 0,
        n_samples: int = 20,
        random_state: RandomState = 0,
    ) -> Self:
        """Simulate one of the trajectories of the fit without drawing it.

        Parameters
        ----------
        estimator : fitted estimator with ``simulate``
        held_out : one trajectory in any accepted form, optional
            What came after the observed states, with its times: the simulation goes on until its end.
        series : int, default=0
            Which trajectory of the fit.
        n_samples : int, default=20
            Sampled fields for the band, and ten times as many paths of an SDE; 0 leaves it out.
        random_state : int, Generator, RandomState or None, default=0

        Raises
        ------
        ValueError
            If the estimator is of another kind, there is no such trajectory, or what was held out did not come after
            it.
        """
        check_drawable(cls, "simulations", estimator, "ode", "sde")
        context = estimator.context_
        if not 0 <= series < len(context):
            raise ValueError(f"series {series}: the estimator was fitted on {len(context)}, numbered from 0")
        t, x = context[series]
        rest = later = None
        if held_out is not None:
            rest = _after(estimator, held_out, series)
            later = tuple(rest[0])
        end = t[-1] if later is None else max(t[-1], later[0][-1])
        times = np.linspace(t[0], end, _TIMES)
        driving = _driving(context, series, rest)
        shared = {"names": names_of(estimator), "held_out": later, "unit": context.time_unit}
        if hasattr(estimator, "diffusion"):
            coarse = np.linspace(t[0], end, min(_TIMES, max(2 * len(t), 50)))
            paths = estimator.simulate(x[0], coarse, n_paths=10 * max(n_samples, 1), random_state=random_state)
            (middle,) = _quantiles(paths, (0.5,))
            band = (coarse, _quantiles(paths, _LEVELS)) if n_samples else None
            return cls((t, x), coarse, middle, band=band, of_paths=True, **shared)
        simulation = estimator.simulate(x[0], times, **driving)
        band = _band(estimator, series, end, driving, n_samples, random_state)
        return cls((t, x), times, simulation, band=band, **shared)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, legend: bool = True, **settings: Any) -> Self:
        """Simulate and draw; see `compute` and `plot` for the parameters."""
        return cls.compute(estimator, **settings).plot(ax, legend=legend)

    def plot(self, ax: Any = None, *, legend: bool = True) -> Self:
        """Draw one panel for each variable.

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
        for d, (axis, name) in enumerate(zip(axes, self.names, strict=True)):
            self._plot_variable(axis, d)
            axis.set_xlim(self.times[0], self.times[-1])
            set_labels(axis, y=name)
        axes[-1].set_xlabel(time_label(self.unit))
        self.figure_.align_ylabels(list(axes))
        if legend:
            shared_legend(axes, columns=3)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        return self

    def _plot_variable(self, axis: Any, d: int) -> None:
        t, x = self.observed
        shown = [x[:, d], self.simulation[:, d]]
        if self.band is not None:
            times, (lowest, low, high, highest) = self.band[0], self.band[1][..., d]
            of = "the paths" if self.of_paths else "the sampled fields"
            of += f", until {times[-1]:.3g}" if times[-1] < self.times[-1] else ""
            for bottom, top, share, alpha in ((lowest, highest, "90%", 0.14), (low, high, "50%", 0.28)):
                axis.fill_between(times, bottom, top, color=FIELD_COLOUR, alpha=alpha, linewidth=0,
                                  label=f"{share} of {of}")  # fmt: skip
        axis.plot(self.times, self.simulation[:, d], color=SIMULATION_COLOUR, lw=1.6,
                  label="median of the paths" if self.of_paths else "simulation")  # fmt: skip
        axis.plot(t, x[:, d], "o", color=DATA_COLOUR, ms=3.5, mew=0, label="data")
        if self.held_out is not None:
            axis.plot(self.held_out[0], self.held_out[1][:, d], "o", color=DATA_COLOUR, ms=4.5, mfc="none",
                      label="held out")  # fmt: skip
            axis.axvline(t[-1], color="0.6", lw=0.8, ls=":")
            shown.append(self.held_out[1][:, d])
        values = np.concatenate(shown)
        low_end, high_end = np.nanmin(values), np.nanmax(values)
        room = 0.25 * ((high_end - low_end) or abs(high_end) or 1.0)
        # A band that runs away must not flatten what was observed.
        bottom = 0.0 if low_end >= 0 and low_end < room else low_end - room
        axis.set_ylim(bottom, high_end + room)


def _band(
    estimator: Any,
    series: int,
    last: float,
    driving: dict[str, Any],
    n_samples: int,
    random_state: RandomState,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Times (B,) and quantiles (4, B, D) of simulations by sampled fields from one first state; None without any."""
    if not (n_samples and hasattr(estimator, "sample_fields")):
        return None
    fields = estimator.sample_fields(n_samples, random_state)
    center, scale = state_units(np.concatenate(estimator.context_.states))
    own, rows = np.arange(n_samples), np.zeros(1, dtype=int)
    t, x = estimator.context_[series]
    ends = np.array([t[0], last])
    outside = read_signals(
        driving.get("inputs"), driving.get("parameters"), estimator.context_.given, ends, 1, lambda t: t
    )
    count = len(estimator.context_.given.inputs)

    def scaled(both: np.ndarray) -> np.ndarray:
        """Slopes of states with the time behind them."""
        z, given = both[:, :-1], {}
        if outside is not None:
            now = outside(rows, both[:1, -1])[0]
            given = {"inputs": now[:count] if count else None, "parameters": driving.get("parameters")}
        with np.errstate(all="ignore"):
            slopes = fields(np.clip(z, -_FAR, _FAR) * scale + center, **given)[own, own] / scale
        slopes = np.where((np.abs(z) < _FAR).all(axis=1, keepdims=True) & np.isfinite(slopes), slopes, 0.0)
        return np.column_stack([slopes, np.ones(n_samples)])

    both = np.tile(np.append((x[0] - center) / scale, t[0]), (n_samples, 1))
    times, paths = [t[0]], [both[:, :-1]]
    while times[-1] < last and len(times) <= _MOST_STEPS:
        near = (np.abs(both[:, :-1]) < _NEAR).all(axis=1)
        fastest = np.abs(scaled(both)[near, :-1]).max(initial=_MOVED * _LEAST_STEPS / (last - t[0]))
        times.append(min(times[-1] + _MOVED / fastest, last))
        both = rk4(scaled, both, np.array(times[-2:]), 1)[:, 1]
        paths.append(both[:, :-1])
    return np.array(times), _quantiles(np.stack(paths, axis=1) * scale + center, _LEVELS)


def _after(estimator: Any, held_out: Any, series: int) -> Trajectories:
    """What came after a trajectory of the fit, with times that count from the same moment."""
    context = estimator.context_
    rest = estimator._check_held_out(held_out if isinstance(held_out, Trajectories) else [held_out], None)
    if len(rest) != 1:
        raise ValueError(f"held_out holds {len(rest)} trajectories: give the one that came after series {series}")
    rest = rest.with_times([rest.times[0] + context.axis.shift_of(rest.axis, "the times of held_out")])
    first, last = rest.times[0][0], context.times[series][-1]
    if first < last < rest.times[0][-1] and not isinstance(held_out, np.ndarray):  # a recording from the beginning on
        return rest.rows([np.flatnonzero(rest.times[0] > last)])
    if first < last:
        raise ValueError(
            f"held_out begins at {first:g}, but series {series} was observed until {last:g}: give what came after it, "
            "with its times: held_out=(t, x)"
        )
    return rest


def _driving(context: Trajectories, series: int, later: Trajectories | None) -> dict[str, Any]:
    """What the simulation of a trajectory is given, until the end of what came after it."""
    driving = context.driving(series)
    if later is None or "inputs" not in driving:
        return driving
    times, values = (np.concatenate(parts) for parts in zip(driving["inputs"], later.driving(0)["inputs"], strict=True))
    order = np.unique(times, return_index=True)[1]
    return driving | {"inputs": (times[order], values[order])}


def _quantiles(paths: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Quantiles (Q, T, D) of paths (P, T, D) that have not diverged; NaN where all have."""
    ended = np.isnan(paths).all(axis=0)
    return np.where(ended, np.nan, np.nanquantile(np.where(ended, 0.0, paths), levels, axis=0))
