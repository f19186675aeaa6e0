"""Pictures of fitted estimators, forecasts and simulations."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdyn.cli.answer import Answer
from skdyn.cli.outputs import check_file, write_output
from skdyn.cli.results import dynamics_of, names_of
from skdyn.cli.usage import UsageError

if TYPE_CHECKING:
    import numpy as np


def check_picture(path: Path, read: Iterable[Path]) -> None:
    """Refuse a picture that cannot be drawn or written, before anything is fitted.

    Parameters
    ----------
    path : Path
    read : iterable of Path
        See `skdyn.cli.outputs.check_file`.

    Raises
    ------
    ImportError
        Without matplotlib.
    UsageError
        If the name does not end like a picture, or the picture would spoil what is read.
    OSError
        If the file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install "skdyn[plot]"') from None
    matplotlib.use("agg")
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix.lower().removeprefix(".") not in known:
        raise UsageError(f"{path} does not end like a picture: it can end with .{', .'.join(known)}")
    check_file(path, read)


def check_drawn(estimator: Any, names: Sequence[str], chosen: Sequence[str] | None) -> None:
    """Refuse to draw what a picture cannot show, before it is fitted: too many variables, or some that are not there.

    Raises
    ------
    UsageError
    """
    from skdyn.plotting.common import MOST_DRAWN, chosen_variables
    from skdyn.plugins import BaseFieldEstimator

    if not isinstance(estimator, BaseFieldEstimator):
        if chosen:
            raise UsageError("--plot-variables is for the picture of a field")
    elif chosen:
        try:
            chosen_variables(list(names), chosen)
        except ValueError as reason:
            raise UsageError(f"--plot-variables: {reason}") from None
    elif len(names) > MOST_DRAWN:
        raise UsageError(
            f"--plot shows fields of at most {MOST_DRAWN} variables, and the data have {len(names)}: choose some, such "
            f"as --plot-variables {' '.join(names[:2])}"
        )


def draw_estimator(answer: Answer, estimator: Any, path: Path, chosen: Sequence[str] | None = None) -> None:
    """Draw the phase portrait of a field, drift and diffusion of an SDE, or what a forecaster sees ahead."""
    from skdyn import DriftDiffusionDisplay, PhasePortraitDisplay
    from skdyn.plugins import BaseFieldEstimator, BaseStochasticEstimator

    field = dynamics_of(estimator)
    if not isinstance(field, BaseFieldEstimator):
        draw_forecast(answer, estimator, max(len(estimator.context_.times[0]) // 2, 1), path)
        return
    display: Any = DriftDiffusionDisplay if isinstance(field, BaseStochasticEstimator) else PhasePortraitDisplay
    _write(answer, display.from_estimator(field, variables=chosen).figure_, "Phase portrait", path)


def draw_forecast(answer: Answer, estimator: Any, horizon: int, path: Path) -> None:
    """Draw the first series with its forecast."""
    import numpy as np

    from skdyn import ForecastDisplay
    from skdyn.forecasting.request import requested_times

    context, levels = estimator.context_, tuple(estimator.levels_)
    fan = np.asarray(estimator.predict(horizon=horizon, quantiles=levels))
    fan = fan if len(context) == 1 else fan[0]
    times, states = context.times[0], context.states[0]
    ahead = requested_times(None, horizon, context)[0]
    observed = (context.axis.shown(times), states)
    display = ForecastDisplay(observed, context.axis.shown(ahead), fan, levels, names_of(estimator))
    which = "" if len(context) == 1 else f" of series {context.ids[0]!r}, the first of {len(context)},"
    _write(answer, display.plot().figure_, f"Picture{which}", path)


def draw_paths(answer: Answer, times: np.ndarray, paths: np.ndarray, names: list[str], path: Path) -> None:
    """Draw simulated paths (P, L, D) over their times (L,)."""
    import matplotlib.pyplot as plt

    from skdyn.plotting.labels import set_labels

    figure, axes = plt.subplots(len(names), 1, squeeze=False, sharex=True, layout="constrained",
                                figsize=(7.6, 1.4 + 2.1 * len(names)))  # fmt: skip
    for d, (axis, name) in enumerate(zip(axes[:, 0], names, strict=True)):
        axis.plot(times, paths[:, :, d].T, linewidth=1.6 if len(paths) == 1 else 0.7)
        axis.set_xlim(times[0], times[-1])
        set_labels(axis, y=name)
    axes[-1, 0].set_xlabel("time")
    _write(answer, figure, "Picture", path)


def _write(answer: Answer, figure: Any, what: str, path: Path) -> None:
    import matplotlib.pyplot as plt

    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix.lower().removeprefix("."), dpi=150)
    plt.close(figure)
    write_output(path, drawn.getvalue())
    answer.say(f"{what} written to {path}")
    answer.keep(picture=str(path))
