"""Which forecasters stand beside the network, and who decides between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from skdyn.forecasting.by_channel import blended
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.experts.registry import STANDARD, get_expert

RULES = ("auto", "backtest")
BACKTESTED = ("parrot", "sparse-ode")
"""Experts of the rule that weighs by one backtest."""


class Blend(Protocol):
    """Forecasters of one series with their weights."""

    weights: dict[str, float]

    def over(self, curve: Curve) -> Any:
        """A curve of the network with all forecasters after the last observation."""


BlendOf = Callable[[Any, np.ndarray, np.ndarray], Blend]
"""Maps a network, times (L,) and values (L, D) to the blend of that series."""


def blend_of(rule: str, further: Sequence[str], season: int | None = None) -> BlendOf:
    """How to blend the forecasts of a series; of each of its variables by itself where they do not all end together.

    Parameters
    ----------
    rule : {"auto", "backtest"}
        The trained arbiter over the quick experts, or weights by one backtest over two.
    further : sequence of str
        Names of experts to ask as well.
    season : int, optional
        Steps of a season; it is looked for otherwise.

    Raises
    ------
    PluginError
        If there is no such expert.
    WeightsError
        If the arbiter cannot be read.
    """
    names = dict.fromkeys((*(STANDARD if rule == "auto" else BACKTESTED), *further))
    fits = {name: get_expert(name).told(season) for name in names}
    if rule == "backtest":
        from skdyn.forecasting.ensemble import Ensemble

        return partial(blended, lambda network, times, values: Ensemble(network, times, values, fits))
    from skdyn.forecasting.arbiter_files import load_arbiter
    from skdyn.forecasting.arbitration import Arbitration

    arbiter, known = load_arbiter()
    return partial(blended, lambda network, times, values: Arbitration(network, arbiter, known, times, values, fits))
