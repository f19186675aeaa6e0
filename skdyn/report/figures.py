"""The figures of a report, as plotly draws them: trajectories over time, and the field with the data on it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from skdyn.plotting import FieldSlice, TrajectoryDisplay, VectorFieldDisplay
from skdyn.plotting.common import DATA_COLOUR, SIMULATION_COLOUR, SURE_COLOUR, time_label
from skdyn.plotting.fields import simulated

_MOST_SERIES = 6
_MOST_SIMULATED = 8  # trajectories of the phase portrait
_SIMULATED = 1000  # points of each
_BAND = np.log(10.0)  # of a Laplace distribution's scale holds nine tenths
_PANEL = 230  # pixels
_RESOLUTION = 22
_UNSURE, _PALE = 0.5, "#c3c8d1"  # from which share of the typical speed the predicted error makes arrows pale


def trajectory_figures(estimator: Any) -> list[Any]:
    """One figure for each of the first six trajectories: data, simulation and band, a panel for each variable."""
    from plotly.subplots import make_subplots

    figures = []
    for series in range(min(len(estimator.context_), _MOST_SERIES)):
        shown = TrajectoryDisplay.compute(estimator, series=series)
        count = len(shown.names)
        figure = make_subplots(rows=count, cols=1, shared_xaxes=True, vertical_spacing=0.06 / count)
        for d, name in enumerate(shown.names):
            once: dict[str, Any] = {"showlegend": d == 0}
            if shown.band is not None:
                times, (_, low, high, _) = shown.band
                _line(figure, times, high[:, d], "", width=0, row=d + 1, showlegend=False, hoverinfo="skip")
                _line(figure, times, low[:, d], "50% band", width=0, row=d + 1, fill="tonexty",
                      fillcolor="rgba(125, 133, 151, 0.3)", hoverinfo="skip", **once)  # fmt: skip
            _line(figure, shown.times, shown.simulation[:, d], "simulation", row=d + 1, **once)
            t, x = shown.observed
            _points(figure, t, x[:, d], row=d + 1, **once)
            room = 0.4 * (np.ptp(x[:, d]) or 1.0)
            low, high = x[:, d].min(), x[:, d].max()
            bottom = max(low - room, 0.0) if low >= 0 else low - room
            figure.update_yaxes(title_text=escape(name), row=d + 1, range=[bottom, high + room])
        figure.update_xaxes(title_text=escape(time_label(shown.unit)), row=count)
        figures.append(_dressed(figure, 90 + _PANEL * count))
    return figures


def field_figures(estimator: Any) -> list[Any]:
    """The field with the data, simulations and equilibria: a curve of one variable, planes of two and three."""
    if estimator.n_features_in_ > 3:
        return []
    field = VectorFieldDisplay.compute(estimator, resolution=_RESOLUTION)
    paths = None if hasattr(estimator, "diffusion") else _paths(estimator)
    if estimator.n_features_in_ == 1:
        return [_line_figure(estimator, field)]
    return [_plane_figure(estimator, field, part, paths) for part in field.slices]


def _line_figure(estimator: Any, field: VectorFieldDisplay) -> Any:
    import plotly.graph_objects as go

    (part,), name = field.slices, escape(field.names[0])
    x, f = part.axes[0], part.field[:, 0]
    figure = go.Figure()
    if part.scale is not None:
        b = _BAND * part.scale[:, 0]
        _line(figure, x, f + b, "", width=0, showlegend=False, hoverinfo="skip")
        _line(figure, x, f - b, "90% band", width=0, fill="tonexty", fillcolor="rgba(125, 133, 151, 0.3)",
              hoverinfo="skip")  # fmt: skip
    _line(figure, x, f, "field")
    observed = np.concatenate(estimator.context_.states)[:, 0]
    _points(figure, observed, np.zeros(len(observed)), symbol="line-ns-open")
    _equilibria(figure, estimator, lambda state: (state[0], 0.0))
    figure.update_xaxes(title_text=name)
    figure.update_yaxes(title_text=f"d{name}/dt")
    return _dressed(figure, 460)


def _plane_figure(estimator: Any, field: VectorFieldDisplay, part: FieldSlice, paths: np.ndarray | None) -> Any:
    import plotly.graph_objects as go

    (i, j), (x, y) = part.variables, part.axes
    drawn = go.Figure()
    unsure = np.zeros(part.field.shape[:2], dtype=bool)
    if part.scale is not None:
        unsure = np.sqrt(np.mean((part.scale / field.typical) ** 2, axis=-1)) > _UNSURE
    for which, colour, name in ((~unsure, SURE_COLOUR, "field"), (unsure, _PALE, "field, hardly known")):
        if which.any():
            across, up = _arrows(part, which)
            drawn.add_scatter(x=across, y=up, mode="lines", line={"color": colour, "width": 1}, name=name,
                              hoverinfo="skip")  # fmt: skip
    for k, path in enumerate(() if paths is None else paths):
        _line(drawn, path[:, i], path[:, j], "simulation", showlegend=k == 0)
    for k, states in enumerate(estimator.context_.states):
        _points(drawn, states[:, i], states[:, j], showlegend=k == 0)
    _equilibria(drawn, estimator, lambda state: (state[i], state[j]))
    drawn.update_xaxes(title_text=escape(field.names[i]), range=[x[0], x[-1]])
    drawn.update_yaxes(title_text=escape(field.names[j]), range=[y[0], y[-1]])
    return _dressed(drawn, 620)


def _arrows(part: FieldSlice, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the strokes of arrows at the points of a plane that ``which`` (R, R) names; NaN between the arrows."""
    (i, j), (x, y) = part.variables, part.axes
    wide, high = np.ptp(x), np.ptp(y)
    slopes = np.stack([part.field[..., i] / wide, part.field[..., j] / high], axis=-1)
    speed = np.linalg.norm(slopes, axis=-1)
    fastest = speed.max() or 1.0
    # The root keeps slow arrows visible; the longest ends before the next point.
    along = (
        slopes / np.where(speed > 0, speed, fastest)[..., None] * (0.9 / len(x)) * np.sqrt(speed / fastest)[..., None]
    )
    start = np.stack(np.meshgrid((x - x[0]) / wide, (y - y[0]) / high, indexing="ij"), axis=-1) - along / 2
    tip, side = start + along, np.stack([-along[..., 1], along[..., 0]], axis=-1)
    barbs = [tip - 0.3 * along + 0.18 * sign * side for sign in (1.0, -1.0)]
    strokes = np.stack([start, tip, barbs[0], tip, barbs[1], np.full_like(tip, np.nan)], axis=-2)[which].reshape(-1, 2)
    return x[0] + wide * strokes[:, 0], y[0] + high * strokes[:, 1]


def _paths(estimator: Any) -> np.ndarray:
    return simulated(estimator, _MOST_SIMULATED, _SIMULATED)


def _equilibria(figure: Any, estimator: Any, place: Any) -> None:
    for point in estimator.equilibria(**estimator.context_.typical):
        x, y = place(point.state)
        figure.add_scatter(
            x=[x],
            y=[y],
            mode="markers",
            name=point.kind + ("" if point.inside else ", outside the data"),
            opacity=1.0 if point.inside else 0.5,
            marker={
                "size": 12,
                "symbol": "square" if point.kind == "saddle" else "circle",
                "color": SIMULATION_COLOUR if point.stable else "white",
                "line": {"width": 2, "color": SIMULATION_COLOUR},
            },
        )


def _line(
    figure: Any, x: np.ndarray, y: np.ndarray, name: str, width: float = 2, row: int | None = None, **more: Any
) -> None:
    place = {} if row is None else {"row": row, "col": 1}
    figure.add_scatter(
        x=x, y=y, name=name, mode="lines", line={"width": width, "color": SIMULATION_COLOUR}, **place, **more
    )


def _points(
    figure: Any, x: np.ndarray, y: np.ndarray, row: int | None = None, symbol: str = "circle", **more: Any
) -> None:
    place = {} if row is None else {"row": row, "col": 1}
    marker = {"size": 6 if symbol == "circle" else 12, "color": DATA_COLOUR, "symbol": symbol}
    figure.add_scatter(x=x, y=y, name="data", mode="markers", marker=marker, **place, **more)


def _dressed(figure: Any, height: int) -> Any:
    figure.update_layout(
        height=height,
        template="simple_white",
        margin={"l": 70, "r": 20, "t": 40, "b": 50},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.0},
        title=None,
        showlegend=True,
        hovermode="closest",
    )
    return figure
