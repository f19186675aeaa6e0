"""Displays of stochastic differential equations: drift with diffusion as shading, and fans of simulated paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdyn.data.parameters import RandomState
from skdyn.data.trajectories import Trajectories, Trajectory
from skdyn.dynamics.equilibria import Equilibrium
from skdyn.dynamics.units import state_units
from skdyn.plotting.common import (
    DATA_COLOUR,
    FIELD_COLOUR,
    SIMULATION_COLOUR,
    SURE_COLOUR,
    mark_equilibrium,
    names_of,
    shared_legend,
    slice_points,
    some_axes,
    time_label,
)
from skdyn.plotting.fields import FieldSlice, VectorFieldDisplay, in_sight
from skdyn.plotting.kinds import check_drawable
from skdyn.plotting.labels import set_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_TIMES = 200
_BAND = 2.0  # scales of the predicted error
_DARKEST = 0.5  # of the shades of purple, so that streamlines show on it
_MOST_STATES = (0.01, 0.99)  # quantiles of the states between which the height of curves is chosen
_ROOM, _EDGE = 0.3, 0.05  # beside what is drawn there, and beside zero, of its height


@dataclass(repr=False)
class DriftDiffusionDisplay:
    """The drift of an SDE as streamlines over its diffusion as shading, with the data and the drift's equilibria.

    One variable is drawn as two curves, f(x) and g(x), each with the band of two scales of its predicted error, which
    hold 95%; two as one plane, three as three planes. Of more, ``variables`` says which; all others are held at the
    data's mean.

    Parameters
    ----------
    drift : VectorFieldDisplay
    diffusion : list of FieldSlice
        On the same points as the slices of the drift.
    units : array of shape (D,)
        Standard deviation of the data; the shading is the root mean square over the variables of g over this.
    data : Trajectories
    equilibria : list of Equilibrium

    Attributes
    ----------
    ax_ : Axes, or array of two Axes for one variable and three for three
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import DriftDiffusionDisplay, FIMSDERegressor
    >>> x = np.cumsum(np.random.default_rng(0).normal(size=(200, 2)), axis=0)
    >>> display = DriftDiffusionDisplay.from_estimator(FIMSDERegressor().fit(x), resolution=10)
    """

    drift: VectorFieldDisplay
    diffusion: list[FieldSlice]
    units: np.ndarray
    data: Trajectories
    equilibria: list[Equilibrium]
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        return f"DriftDiffusionDisplay({', '.join(self.drift.names)})"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        bounds: Any = None,
        resolution: int = 32,
        variables: Sequence[str | int] | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> Self:
        """Evaluate and draw drift and diffusion of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator of an SDE
        bounds : array of shape (D, 2), optional
            The data's box, widened by a quarter on each side, by default.
        resolution : int, default=32
            Points along each axis.
        variables : sequence of one to three names or numbers, optional
            Which variables to draw; all by default, of which there may be three.
        ax : Axes, or two for one variable and three for three, optional
            A new figure by default.
        **plot_params
            Passed to `plot`.

        Raises
        ------
        ValueError
            If the estimator is not of an SDE, or the variables are none of its own or too many.
        """
        check_drawable(cls, "drift and diffusion of SDEs", estimator, "sde")
        drift = VectorFieldDisplay.compute(estimator, bounds, resolution, variables=variables)
        states = np.concatenate(estimator.context_.states)
        slices = []
        for part in drift.slices:
            points = slice_points(part.variables, part.axes, states.mean(axis=0))
            _, diffusion, _, scale = estimator._drift_and_diffusion(points.reshape(-1, points.shape[-1]))
            scale = None if scale is None else scale.reshape(points.shape)
            slices.append(FieldSlice(part.variables, part.axes, diffusion.reshape(points.shape), scale))
        units = state_units(states)[1]
        shown = [point for point in estimator.equilibria(bounds) if in_sight(drift, point)]
        return cls(drift, slices, units, estimator.context_, shown).plot(ax, **plot_params)

    def plot(self, ax: Any = None, *, density: float = 1.1, data: bool = True, legend: bool = True) -> Self:
        """Draw drift and diffusion.

        Parameters
        ----------
        ax : Axes, or two for one variable and three for three, optional
            A new figure by default.
        density : float, default=1.1
            Of the streamlines.
        data : bool, default=True
            Draw the observed states.
        legend : bool, default=True

        Returns
        -------
        self
        """
        first = self.drift.slices[0]
        axes, self.figure_ = some_axes(ax, 2 if len(first.variables) == 1 else len(self.diffusion))
        if len(first.variables) == 1:
            self._plot_lines(axes, data)
            if ax is None:
                self.figure_.get_layout_engine().set(wspace=0.08)
        else:
            largest = max(float(self._size(part).max()) for part in self.diffusion)
            images = [self._shade(axis, part, largest) for axis, part in zip(axes, self.diffusion, strict=True)]
            bar = self.figure_.colorbar(images[0], ax=list(axes), fraction=0.046, pad=0.02)
            bar.set_label("diffusion / deviation of the data, per √time")
            bar.outline.set_visible(False)
            self.drift.plot(axes, density=density, uncertainty=False, colour=SURE_COLOUR)
            for axis, part in zip(axes, self.diffusion, strict=True):
                self._plot_states(axis, part.variables, data)
        if legend:
            shared_legend(axes)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        return self

    def _size(self, part: FieldSlice) -> np.ndarray:
        return np.sqrt(np.mean((part.field / self.units) ** 2, axis=-1))

    def _shade(self, ax: Axes, part: FieldSlice, largest: float) -> AxesImage:
        x, y = part.axes
        return ax.imshow(
            self._size(part).T,
            cmap=_light_purples(),
            vmin=0,
            vmax=largest,
            alpha=0.7,
            origin="lower",
            extent=(x[0], x[-1], y[0], y[-1]),
            aspect="auto",
            interpolation="bicubic",
            zorder=0,
        )

    def _plot_states(self, ax: Axes, variables: tuple[int, ...], data: bool) -> None:
        i, j = variables
        for k, x in enumerate(self.data.states if data else ()):
            ax.plot(x[:, i], x[:, j], "o", color=DATA_COLOUR, markersize=3, alpha=0.5, markeredgewidth=0, zorder=3,
                    label=None if k else "data")  # fmt: skip
        for point in self.equilibria:
            mark_equilibrium(ax, point, (point.state[i], point.state[j]))

    def _plot_lines(self, axes: np.ndarray, data: bool) -> None:
        (variable,) = self.drift.slices[0].variables
        name = self.drift.names[variable]
        curves = (self.drift.slices[0], f"drift of {name}"), (self.diffusion[0], f"diffusion of {name}")
        observed = np.concatenate(self.data.states)[:, variable]
        for ax, (part, label) in zip(axes, curves, strict=True):
            x, value = part.axes[0], part.field[:, variable]
            ax.axhline(0, color="0.6", linewidth=0.8)
            low = high = value
            if part.scale is not None:
                b = _BAND * part.scale[:, variable]
                low, high = value - b if part is self.drift.slices[0] else np.maximum(value - b, 0.0), value + b
                ax.fill_between(x, low, high, color=FIELD_COLOUR, alpha=0.3, linewidth=0, label="95% band")
            ax.plot(x, value, color=SIMULATION_COLOUR, linewidth=1.6, label="estimate")
            ax.set_xlim(x[0], x[-1])
            ax.set_ylim(*_among(observed, x, low, high))
            set_labels(ax, x=name, y=label)
            if data:
                base = ax.get_ylim()[0]
                ax.plot(observed, np.full_like(observed, base), "|", color=DATA_COLOUR, markersize=10, alpha=0.3,
                        label="data", clip_on=False)  # fmt: skip
        for point in self.equilibria:
            mark_equilibrium(axes[0], point, (point.state[variable], 0.0))


def _among(observed: np.ndarray, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Limits that hold zero and a band (R,) over points (R,) where most states were observed; beyond it may go far."""
    begin, end = np.quantile(observed, _MOST_STATES)
    inside = (x >= begin) & (x <= end)
    inside = inside if inside.any() else np.ones_like(inside)
    least, most = min(0.0, float(low[inside].min())), max(0.0, float(high[inside].max()))
    height = most - least
    return least - (_ROOM if least < 0 else _EDGE) * height, most + (_ROOM if most > 0 else _EDGE) * height


def _light_purples() -> Any:
    """From white to a light purple."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("light purples", colormaps["Purples"](np.linspace(0.0, _DARKEST, 64)))


@dataclass(repr=False)
class PathFanDisplay:
    """An observed trajectory over the fan of paths that an SDE draws from its first state.

    After this the paths have the noise that the fit found in the observations, `noise_`, as the trajectory has.

    Parameters
    ----------
    t : array of shape (L,)
    paths : array of shape (P, L, D)
        Simulated paths; NaN where they have diverged.
    observed : Trajectory
    names : list of D str
    unit : str, optional
        Of time, where it is known.

    Attributes
    ----------
    ax_ : Axes, or array of D Axes
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import FIMSDERegressor, PathFanDisplay
    >>> x = np.cumsum(np.random.default_rng(0).normal(size=(200, 1)), axis=0)
    >>> display = PathFanDisplay.from_estimator(FIMSDERegressor().fit(x), n_paths=10, random_state=0)
    """

    t: np.ndarray
    paths: np.ndarray
    observed: Trajectory
    names: list[str]
    unit: str | None = None
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        return f"PathFanDisplay({', '.join(self.names)}; {len(self.paths)} paths)"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        observed: Any = None,
        *,
        n_paths: int = 200,
        random_state: RandomState = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> Self:
        """Simulate from the first state of a trajectory, over its span, and draw both.

        Parameters
        ----------
        estimator : fitted estimator of an SDE
        observed : one trajectory in any accepted form, optional
            The first of the context by default. Held-out data show whether the fan is as wide as it should be.
        n_paths : int, default=200
        random_state : int, numpy.random.Generator or None, default=None
        ax : Axes, or D Axes, optional
            A new figure by default.
        **plot_params
            Passed to `plot`.

        Raises
        ------
        ValueError
            If the estimator is not of an SDE, or there are several trajectories.
        """
        check_drawable(cls, "paths of SDEs", estimator, "sde")
        if observed is None:
            trajectory = estimator.context_[0]
        else:
            read = estimator._check_held_out(observed, None)
            if len(read) != 1:
                raise ValueError(f"observed holds {len(read)} trajectories: give one, as observed=(t, x)")
            trajectory = read[0]
        t, x = trajectory
        times = np.linspace(t[0], t[-1], min(len(t), _TIMES))
        paths = estimator.simulate(x[0], times, n_paths=n_paths, random_state=random_state, observed=True)
        paths[:, 0] = x[0]  # this much has been observed
        unit = estimator.context_.time_unit
        return cls(times, paths, trajectory, names_of(estimator), unit).plot(ax, **plot_params)

    def plot(self, ax: Any = None, *, samples: int = 3, legend: bool = True) -> Self:
        """Draw the fan: its median, the middle half and nine tenths of the paths at each time.

        Parameters
        ----------
        ax : Axes, or D Axes, optional
            A new figure by default.
        samples : int, default=3
            Single paths to draw as well.
        legend : bool, default=True

        Returns
        -------
        self
        """
        axes, self.figure_ = some_axes(ax, len(self.names), stacked=True)
        ended = np.isnan(self.paths).all(axis=0)  # of which NumPy would warn
        fan = np.nanquantile(np.where(ended, 0.0, self.paths), _LEVELS, axis=0)
        low, lower, middle, upper, high = np.where(ended, np.nan, fan)
        t, x = self.observed
        for d, (axis, name) in enumerate(zip(axes, self.names, strict=True)):
            axis.fill_between(self.t, low[:, d], high[:, d], color=SIMULATION_COLOUR, alpha=0.12, linewidth=0,
                              label="90% of the paths")  # fmt: skip
            axis.fill_between(self.t, lower[:, d], upper[:, d], color=SIMULATION_COLOUR, alpha=0.22, linewidth=0,
                              label="50% of the paths")  # fmt: skip
            for k, path in enumerate(self.paths[:samples]):
                axis.plot(self.t, path[:, d], color=FIELD_COLOUR, linewidth=0.7, label=None if k else "single paths")
            axis.plot(self.t, middle[:, d], color=SIMULATION_COLOUR, linewidth=1.6, label="median")
            axis.plot(t, x[:, d], color=DATA_COLOUR, linewidth=1.1, label="data")
            axis.set_xlim(self.t[0], self.t[-1])
            set_labels(axis, y=name)
        axes[-1].set_xlabel(time_label(self.unit))
        if legend:
            handles, labels = axes[0].get_legend_handles_labels()
            self.figure_.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        return self
