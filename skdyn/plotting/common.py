"""What displays have in common: colours, axes, legends, marks of equilibria, and states on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from skdyn.dynamics.equilibria import Equilibrium

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATA_COLOUR, SIMULATION_COLOUR, FIELD_COLOUR = "#d1495b", "#1d3557", "#7d8597"
_CONSTANT = 1e-12  # range of a variable, in its size, below which there is nothing to draw
MOST_DRAWN = 3  # variables of a field at once
SURE_COLOUR, UNSURE_COLOUR = "#33415c", "#e9ebee"  # of a field, with FIELD_COLOUR between the two


def slice_points(variables: tuple[int, ...], axes: tuple[np.ndarray, ...], base: np.ndarray) -> np.ndarray:
    """States (R, D) or (R, R, D) on a line or a plane through ``base`` (D,), indexed by the first variable first."""
    grids = np.meshgrid(*axes, indexing="ij")
    points = np.broadcast_to(base, (*grids[0].shape, len(base))).copy()
    for variable, values in zip(variables, grids, strict=True):
        points[..., variable] = values
    return points


def shared_legend(axes: np.ndarray, columns: int | None = None) -> None:
    """Put what the first of the axes shows, each label once, above all of them."""
    handles, labels = axes[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes[0].figure.legend(
        unique.values(),
        unique.keys(),
        loc="outside upper center",
        ncols=columns or (3 if len(axes) == 1 else 5),
        frameon=False,
    )


def physical_box(box: np.ndarray, data: np.ndarray) -> np.ndarray:
    """A box (2, D) that does not go below zero where the data (M, D) do not: counts and amounts have no negatives.

    Around a constant it is half as wide as this is large.
    """
    low, high = box
    size = np.maximum(np.abs(low), np.abs(high))
    room = np.where(high - low > _CONSTANT * size, 0.0, np.where(size > 0, size / 4, 1.0))
    low, high = low - room, high + room
    return np.stack([np.where(data.min(axis=0) >= 0, np.maximum(low, 0.0), low), high])


def names_of(estimator: Any) -> list[str]:
    """Names of the variables of a fitted estimator; x0, x1 and so on where the data came without."""
    return [
        str(name)
        for name in getattr(estimator, "feature_names_in_", map("x{}".format, range(estimator.n_features_in_)))
    ]


def chosen_variables(names: list[str], variables: Sequence[str | int] | None) -> tuple[int, ...]:
    """Positions of the variables to be drawn: those named or numbered, all by default.

    Raises
    ------
    ValueError
        If they are more than three, or not among the estimator's.
    """
    if variables is None:
        if len(names) > MOST_DRAWN:
            raise ValueError(
                f"the estimator has {len(names)} variables: choose up to {MOST_DRAWN} to draw, such as "
                f"variables={names[:2]!r}; the others are held at the data's mean"
            )
        return tuple(range(len(names)))
    listed = [variables] if isinstance(variables, str | Integral) else list(variables)
    positions = [name if isinstance(name, Integral) else names.index(name) if name in names else -1 for name in listed]
    for name, position in zip(listed, positions, strict=True):
        if not 0 <= position < len(names):
            raise ValueError(f"variables names {name!r}, which is none of {', '.join(names[:20])}")
    if len(set(positions)) < len(positions) or not 0 < len(positions) <= MOST_DRAWN:
        raise ValueError(f"variables must be one to {MOST_DRAWN} different ones, got {variables!r}")
    return tuple(int(position) for position in positions)


def time_label(unit: str | None) -> str:
    """What stands at an axis of time."""
    return "time" if unit is None else f"time [{unit}s]"


def mark_equilibrium(ax: Axes, point: Equilibrium, place: tuple[float, float]) -> None:
    """Draw an equilibrium: filled if stable, square if a saddle, pale if outside the data."""
    label = point.kind + ("" if point.inside else ", outside the data")
    marker = "s" if point.kind == "saddle" else "D" if point.kind in ("centre", "non-hyperbolic") else "o"
    ax.plot(*place, marker, color=SIMULATION_COLOUR if point.stable else "white", markeredgecolor=SIMULATION_COLOUR,
            markeredgewidth=1.8, markersize=8, alpha=1.0 if point.inside else 0.55, zorder=5, linestyle="none",
            label=label)  # fmt: skip


def some_axes(ax: Any, count: int, *, stacked: bool = False) -> tuple[np.ndarray, Figure]:
    """Use the axes given, or make ``count`` in a new figure: beside each other, or stacked with a common x axis."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            raise ImportError('plots need matplotlib: pip install "skdyn[plot]"') from None
        if stacked:
            figure, axes = plt.subplots(count, 1, figsize=(7.6, 1.4 + 2.1 * count), sharex=True, layout="constrained")
        else:
            width = 6.6 if count == 1 else 5.2 * count
            figure, axes = plt.subplots(1, count, figsize=(width, 5.0), layout="constrained")
        return np.atleast_1d(axes), figure
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != count:
        raise ValueError(f"{count} axes are needed for this system, got {len(axes)}")
    return axes, axes[0].figure
