"""Display of a coarse-grainer: its codes over time, and the equation that they obey."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.plotting.common import DATA_COLOUR, time_label
from skdyn.plotting.fields import PhasePortraitDisplay
from skdyn.plotting.kinds import check_drawable
from skdyn.plotting.sde import DriftDiffusionDisplay

_MOST_CODES = 3  # of an equation that can be drawn
_MOST_RECORDINGS = 8


@dataclass(repr=False)
class LatentDisplay:
    """The codes of a coarse-grainer over time, above the field that they obey.

    Parameters
    ----------
    codes : Trajectories
    equation : PhasePortraitDisplay or DriftDiffusionDisplay, or None
        None of more than three codes.

    Attributes
    ----------
    ax_ : array of Axes
        Of the codes, one for each.
    figure_ : Figure

    Examples
    --------
    >>> from skdyn import FIMCoarseGrainer, LatentDisplay
    >>> from skdyn.datasets import make_blob_video
    >>> video = make_blob_video(300, size=15)
    >>> grainer = FIMCoarseGrainer(max_iter=5, random_state=0).fit(video.frames, t=video.t)
    >>> LatentDisplay.from_estimator(grainer, resolution=5)
    LatentDisplay(1 code, 300 frames)
    """

    codes: Trajectories
    equation: Any = None
    ax_: Any = None
    figure_: Any = None

    def __repr__(self) -> str:
        count = self.codes.n_features
        return f"LatentDisplay({count} code{'s'[: count > 1]}, {self.codes.n_points} frames)"

    @classmethod
    def from_estimator(cls, estimator: Any, *, resolution: int = 32) -> Self:
        """Compute and draw the codes and the equation of a fitted coarse-grainer.

        Parameters
        ----------
        estimator : fitted FIMCoarseGrainer
        resolution : int, default=32
            Of the equation's picture.

        Raises
        ------
        ValueError
            If the estimator is no coarse-grainer.
        """
        check_drawable(cls, "the codes of recordings", estimator, "grainer")
        dynamics = estimator.dynamics_
        figure, upper, lower = _panels(dynamics)
        equation = None
        if lower is not None:
            display: Any = DriftDiffusionDisplay if hasattr(dynamics, "diffusion") else PhasePortraitDisplay
            equation = display.from_estimator(dynamics, resolution=resolution, ax=lower)
            for axis in lower.flat:
                axis.set(xlabel=_of_codes(axis.get_xlabel()), ylabel=_of_codes(axis.get_ylabel()))
        shown = cls(dynamics.context_, equation, upper, figure)
        shown._plot_codes()
        return shown

    def _plot_codes(self) -> None:
        many = len(self.codes) > 1
        for d, axis in enumerate(self.ax_):
            for t, z in self.codes[:_MOST_RECORDINGS]:
                axis.plot(t, z[:, d], lw=1.0, color=None if many else DATA_COLOUR)
            axis.set_ylabel(f"code {d}")
            axis.margins(x=0)
        self.ax_[-1].set_xlabel(time_label(self.codes.time_unit))


def _of_codes(label: str) -> str:
    """The label of a variable of the equation as that of a code, with the name that it has above."""
    return re.sub(r"\bx(\d+)\b", r"code \1", label)


def _panels(dynamics: Any) -> tuple[Any, np.ndarray, Any]:
    """A figure, the axes of the codes and those of the equation."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "skdyn[plot]"') from None
    codes = dynamics.n_features_in_
    drawn = codes <= _MOST_CODES
    below = 3 if codes == 3 else 2 if codes == 1 and hasattr(dynamics, "diffusion") else 1
    width, height = (max(7.6, 5.0 * below), 1.4 + 1.6 * codes + 4.0 * drawn)
    figure = plt.figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    parts: Any = figure.subfigures(2, 1, height_ratios=(0.5 + 1.6 * codes, 4.0)) if drawn else (figure, None)
    top, bottom = parts
    upper = np.atleast_1d(top.subplots(codes, 1, sharex=True))
    lower = None if bottom is None else bottom.subplots(1, below, squeeze=False)[0]
    return figure, upper, lower
