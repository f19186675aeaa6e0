"""Displays of vector fields and phase portraits, in the style of scikit-learn's Display classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.equilibria import Equilibrium
from skdyn.plotting.common import (
    DATA_COLOUR,
    FIELD_COLOUR,
    SIMULATION_COLOUR,
    SURE_COLOUR,
    UNSURE_COLOUR,
    chosen_variables,
    mark_equilibrium,
    names_of,
    physical_box,
    shared_legend,
    slice_points,
    some_axes,
)
from skdyn.plotting.kinds import check_drawable
from skdyn.plotting.labels import set_labels, set_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FINER = 8
_BAND = np.log(10.0)  # of a Laplace distribution's scale holds nine tenths
_MOST_PATHS, _MOST_SAID = 8, 4
_SIMULATED, _A_POINT, _MOST_SIMULATED = 400, 10, 4000  # points of simulated curves, also for each observed point


@dataclass(repr=False)
class FieldSlice:
    """The field on a plane (or a line): what one pair of axes shows.

    Attributes
    ----------
    variables : tuple of int
        The variables on the axes; one for a line, two for a plane. The others are held at the data's mean.
    axes : tuple of arrays of shape (R,)
        Values along each axis.
    field : array of shape (R, D) or (R, R, D)
        Indexed by the first variable, then the second.
    scale : array of the shape of ``field``, or None
        Predicted scale of the field's error.
    """

    variables: tuple[int, ...]
    axes: tuple[np.ndarray, ...]
    field: np.ndarray
    scale: np.ndarray | None

    def __repr__(self) -> str:
        return f"FieldSlice(variables {self.variables}, {' x '.join(str(len(axis)) for axis in self.axes)} points)"


@dataclass(repr=False)
class VectorFieldDisplay:
    """A vector field as streamlines, paler the less sure they are.

    One variable is drawn as ``f(x)`` with the band that holds 90% of its predicted error, two as streamlines, three as
    the streamlines on three planes. Of more, ``variables`` says which; all others are held at the data's mean.

    Parameters
    ----------
    slices : list of FieldSlice
        One, or three for three variables.
    names : list of D str
    typical : array of shape (D,)
        Root mean square of the field on the data, the unit of the shades.
    fixed : dict of str to float, optional
        Variables that are not drawn, inputs and parameters, and the values at which they are held.

    Attributes
    ----------
    ax_ : Axes, or array of three Axes
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import FIMODERegressor, VectorFieldDisplay
    >>> t = np.linspace(0, 10, 100)
    >>> est = FIMODERegressor().fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    >>> display = VectorFieldDisplay.from_estimator(est, resolution=10)
    """

    slices: list[FieldSlice]
    names: list[str]
    typical: np.ndarray
    fixed: dict[str, float] = field(default_factory=dict)
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        return f"VectorFieldDisplay({', '.join(self.names)}{self._held()})"

    def _held(self) -> str:
        said = [f"; {name} = {value:.3g}" for name, value in self.fixed.items()]
        more = f"; {len(said) - _MOST_SAID} more held" if len(said) > _MOST_SAID else ""
        return "".join(said[:_MOST_SAID]) + more

    @classmethod
    def compute(
        cls,
        estimator: Any,
        bounds: Any = None,
        resolution: int = 32,
        *,
        variables: Sequence[str | int] | None = None,
        inputs: Any = None,
        parameters: Any = None,
    ) -> Self:
        """Evaluate a fitted estimator's field without drawing it.

        Parameters
        ----------
        estimator : fitted estimator
        bounds : array of shape (D, 2), optional
            The data's box, widened by a quarter on each side, by default; not below zero where the data are not.
        resolution : int, default=32
            Points along each axis; eight times as many where there is but one.
        variables : sequence of one to three names or numbers, optional
            Which variables to draw; all by default, of which there may be three.
        inputs, parameters : array of shape (U,) and (P,), optional
            Where the field depends on some: what is held; their means over the data by default.

        Raises
        ------
        ValueError
            If the estimator is of another kind, or the variables to be drawn are none of its own or more than three.
        """
        check_drawable(cls, "vector fields", estimator, "ode", "sde")
        chosen = chosen_variables(names_of(estimator), variables)
        data = np.concatenate(estimator.context_.states)
        box = estimator._check_bounds(bounds, data)
        low, high = physical_box(box, data) if bounds is None else box
        points = resolution if len(chosen) > 1 else _FINER * resolution
        lines = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
        given, slices = held(estimator, inputs, parameters), []
        fixed = estimator._with_given(np.empty(0), **given)
        for shown in combinations(chosen, min(len(chosen), 2)):
            axes = tuple(lines[v] for v in shown)
            places = slice_points(shown, axes, np.append(data.mean(axis=0), fixed))
            slices.append(FieldSlice(shown, axes, *_field_and_scale(estimator, places)))
        typical = np.sqrt(np.mean(estimator._velocity(estimator.context_.points) ** 2, axis=0))
        names = names_of(estimator)
        values = {name: data[:, v].mean().item() for v, name in enumerate(names) if v not in chosen}
        values |= dict(zip(estimator.context_.given.names, fixed.tolist(), strict=True))
        return cls(slices, names, np.where(typical > 0, typical, 1.0), values)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        bounds: Any = None,
        resolution: int = 32,
        variables: Sequence[str | int] | None = None,
        inputs: Any = None,
        parameters: Any = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> Self:
        """Evaluate and draw a fitted estimator's field; see `compute` and `plot` for the parameters."""
        computed = cls.compute(estimator, bounds, resolution, variables=variables, inputs=inputs, parameters=parameters)
        return computed.plot(ax, **plot_params)

    def plot(
        self, ax: Any = None, *, density: float = 1.1, uncertainty: bool = True, colour: str = FIELD_COLOUR
    ) -> Self:
        """Draw the field.

        Parameters
        ----------
        ax : Axes, or three Axes for three variables, optional
            A new figure by default.
        density : float, default=1.1
            Of the streamlines.
        uncertainty : bool, default=True
            Pale where the predicted error is as large as the field, where there is a prediction.
        colour : str
            Of streamlines without it.

        Returns
        -------
        self
        """
        axes, self.figure_ = some_axes(ax, len(self.slices))
        for axis, part in zip(axes, self.slices, strict=True):
            if len(part.variables) == 1:
                self._plot_line(axis, part, uncertainty)
            else:
                self._plot_plane(axis, part, density, uncertainty, colour)
        if self.fixed:
            set_title(axes[0], self._held().removeprefix("; "), fontsize="medium", color="0.35")
        self.ax_ = axes[0] if len(axes) == 1 else axes
        return self

    def _plot_line(self, ax: Axes, part: FieldSlice, uncertainty: bool) -> None:
        ((variable,), (x,)) = part.variables, part.axes
        name, f = self.names[variable], part.field[:, variable]
        ax.axhline(0, color="0.6", linewidth=0.8)
        if uncertainty and part.scale is not None:
            b = _BAND * part.scale[:, variable]
            ax.fill_between(x, f - b, f + b, color=FIELD_COLOUR, alpha=0.3, linewidth=0, label="90% band")
        ax.plot(x, f, color=SIMULATION_COLOUR, label="field")
        ax.set_xlim(x[0], x[-1])
        set_labels(ax, x=name, y=f"d{name}/dt")

    def _plot_plane(self, ax: Axes, part: FieldSlice, density: float, uncertainty: bool, colour: Any) -> None:
        from matplotlib.colors import Normalize

        (i, j), (x, y) = part.variables, part.axes
        shaded = uncertainty and part.scale is not None
        if shaded:
            colour = np.sqrt(np.mean((part.scale / self.typical) ** 2, axis=-1)).T
        lines = ax.streamplot(x, y, part.field[..., i].T, part.field[..., j].T, density=density, color=colour,
                              cmap=_shades(), norm=Normalize(0, 1), linewidth=0.9, arrowsize=0.8, zorder=1)  # fmt: skip
        if shaded:
            assert ax.figure is not None
            bar = ax.figure.colorbar(lines.lines, ax=ax, fraction=0.046, pad=0.03, extend="max")
            bar.set_label("predicted error / typical speed")
            bar.outline.set_visible(False)
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        set_labels(ax, x=self.names[i], y=self.names[j])


@dataclass(repr=False)
class PhasePortraitDisplay:
    """A vector field with the data, simulations from the data's first states, and the equilibria.

    Parameters
    ----------
    background : VectorFieldDisplay
    data : Trajectories
    simulation : array of shape (K, L, D), or None
    equilibria : list of Equilibrium

    Attributes
    ----------
    ax_ : Axes, or array of three Axes
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import FIMODERegressor, PhasePortraitDisplay
    >>> t = np.linspace(0, 10, 100)
    >>> est = FIMODERegressor().fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    >>> display = PhasePortraitDisplay.from_estimator(est, resolution=10)
    """

    background: VectorFieldDisplay
    data: Trajectories
    simulation: np.ndarray | None
    equilibria: list[Equilibrium]
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        found = len(self.equilibria)
        return (
            f"PhasePortraitDisplay({', '.join(self.background.names)}; {found} equilibri{'um' if found == 1 else 'a'})"
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        bounds: Any = None,
        resolution: int = 32,
        variables: Sequence[str | int] | None = None,
        inputs: Any = None,
        parameters: Any = None,
        simulate: bool = True,
        ax: Any = None,
        **plot_params: Any,
    ) -> Self:
        """Compute and draw the phase portrait of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
        bounds : array of shape (D, 2), optional
            The data's box, widened by a quarter on each side, by default.
        resolution : int, default=32
        variables : sequence of one to three names or numbers, optional
            Which variables to draw; all by default, of which there may be three. Of the others data, simulations and
            equilibria have any values, and the field that of the data's mean.
        inputs, parameters : array of shape (U,) and (P,), optional
            Where the field depends on some: what is held for field and equilibria; their means by default.
        simulate : bool, default=True
            Draw simulations from the first state of (at most eight of) the trajectories, as long as the longest; where
            there are inputs or parameters, under those of each and as long as each.
        ax : Axes, or three Axes for three variables, optional
        **plot_params
            Passed to `plot`.
        """
        check_drawable(cls, "vector fields", estimator, "ode", "sde")
        background = VectorFieldDisplay.compute(
            estimator, bounds, resolution, variables=variables, inputs=inputs, parameters=parameters
        )
        paths = None
        if simulate:
            count = int(np.clip(_A_POINT * max(map(len, estimator.context_.times)), _SIMULATED, _MOST_SIMULATED))
            paths = simulated(estimator, _MOST_PATHS, count)
        found = estimator.equilibria(bounds, **held(estimator, inputs, parameters))
        shown = [point for point in found if in_sight(background, point)]
        return cls(background, estimator.context_, paths, shown).plot(ax, **plot_params)

    def plot(self, ax: Any = None, *, density: float = 1.1, uncertainty: bool = True, legend: bool = True) -> Self:
        """Draw the portrait; see `VectorFieldDisplay.plot` for the parameters."""
        self.background.plot(ax, density=density, uncertainty=uncertainty)
        self.figure_ = self.background.figure_
        axes = np.atleast_1d(self.background.ax_)
        for axis, part in zip(axes, self.background.slices, strict=True):
            if len(part.variables) == 1:
                self._plot_line(axis, *part.variables)
            else:
                self._plot_plane(axis, *part.variables)
        if legend:
            shared_legend(axes)
        self.ax_ = self.background.ax_
        return self

    def _plot_line(self, ax: Axes, variable: int) -> None:
        observed = np.concatenate(self.data.states)[:, variable]
        base = ax.get_ylim()[0]
        ax.plot(
            observed, np.full_like(observed, base), "|", color=DATA_COLOUR, markersize=10, label="data", clip_on=False
        )
        ax.set_ylim(base, None)
        for point in self.equilibria:
            mark_equilibrium(ax, point, (point.state[variable], 0.0))

    def _plot_plane(self, ax: Axes, i: int, j: int) -> None:
        for k, x in enumerate(self.data.states):
            ax.plot(x[:, i], x[:, j], "o", color=DATA_COLOUR, markersize=3.5, alpha=0.85, markeredgewidth=0, zorder=3,
                    label=None if k else "data")  # fmt: skip
        for k, path in enumerate([] if self.simulation is None else self.simulation):
            ax.plot(path[:, i], path[:, j], color=SIMULATION_COLOUR, linewidth=1.6, zorder=2.5,
                    label=None if k else "simulation")  # fmt: skip
        for point in self.equilibria:
            mark_equilibrium(ax, point, (point.state[i], point.state[j]))


def held(estimator: Any, inputs: Any, parameters: Any) -> dict[str, Any]:
    """Inputs and parameters for a field that depends on them; their means over the data where none are given."""
    given = estimator.context_.typical
    asked = {"inputs": inputs, "parameters": parameters}
    return given | {kind: value for kind, value in asked.items() if value is not None}


def simulated(estimator: Any, most: int, points: int) -> np.ndarray:
    """Paths (K, L, D) of L points from the first states of at most so many of the trajectories."""
    data = estimator.context_
    if not data.given:
        span = max(t[-1] - t[0] for t in data.times)
        return estimator.simulate(np.stack([x[0] for x in data.states[:most]]), np.linspace(0, span, points))
    paths = [
        estimator.simulate(x[0], np.linspace(t[0], t[-1], points), **data.driving(k))
        for k, (t, x) in enumerate(data[:most])
    ]
    return np.stack(paths)


def in_sight(background: VectorFieldDisplay, point: Equilibrium) -> bool:
    """Whether an equilibrium lies within the axes of every slice."""
    return all(
        axis[0] <= point.state[variable] <= axis[-1]
        for part in background.slices
        for variable, axis in zip(part.variables, part.axes, strict=True)
    )


def _shades() -> Any:
    """From the dark of a field that is known to the pale of one that is not."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("sure", [SURE_COLOUR, FIELD_COLOUR, UNSURE_COLOUR])


def _field_and_scale(estimator: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    velocity, scale = estimator._field(points.reshape(-1, points.shape[-1]))
    shape = (*points.shape[:-1], -1)
    return velocity.reshape(shape), None if scale is None else scale.reshape(shape)
