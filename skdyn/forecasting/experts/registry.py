"""Which experts there are; plugins announce theirs, each an `Expert`, in the entry-point group ``skdyn.experts``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from skdyn.exceptions import PluginError
from skdyn.forecasting.experts.grid import Fit
from skdyn.models.catalogue import Catalogue


@dataclass(frozen=True)
class Expert:
    """A forecaster to ask beside the network.

    Attributes
    ----------
    name : str
    fit : callable
        Maps increasing times (N,) and complete values (N, D) to a forecast, which maps later, increasing times (H,) to
        values (H, D). All of these are read-only. A ValueError says that there is nothing to be said of this series.
    suits : str
        When it is worth asking, for people.
    seasonal : bool
        Whether ``fit`` reads ``season=``, how many steps one has, where that is known; it finds one otherwise.

    Raises
    ------
    PluginError
        If the name or what it suits is no text, or ``fit`` cannot be called.
    """

    name: str
    fit: Fit
    suits: str
    seasonal: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name and isinstance(self.suits, str)):
            raise PluginError(f"an Expert has a name and a word on what it suits, got {self.name!r} and {self.suits!r}")
        if not callable(self.fit):
            raise PluginError(f"fit of the expert {self.name!r} must be callable: fit(times, values), got {self.fit!r}")

    def told(self, season: int | None) -> Fit:
        """How to fit a series of which the season may be known."""
        return partial(self.fit, season=season) if self.seasonal and season is not None else self.fit


def _checked(name: str, value: Any, origin: str) -> Expert:
    if not isinstance(value, Expert):
        raise PluginError(f"skdyn.experts: {name!r} of {origin} is a {type(value).__name__}, not an Expert")
    return value


_HERE = "skdyn.forecasting.experts"

CATALOGUE = Catalogue(
    "skdyn.experts",
    {
        "analogues": f"{_HERE}.analogues:ANALOGUES",
        "autoregression": f"{_HERE}.autoregression:AUTOREGRESSION",
        "closed-form": f"{_HERE}.closed_form:CLOSED_FORM",
        "damped-trend": f"{_HERE}.smoothing:DAMPED_TREND",
        "dmd-16": f"{_HERE}.modes:DMD_16",
        "drift": f"{_HERE}.naive:DRIFT",
        "growth": f"{_HERE}.growth:GROWTH",
        "hankel-dmd": f"{_HERE}.modes:HANKEL_DMD",
        "last-value": f"{_HERE}.naive:LAST_VALUE",
        "mean": f"{_HERE}.naive:MEAN",
        "parrot": f"{_HERE}.analogues:PARROT",
        "quadratic-map": f"{_HERE}.maps:QUADRATIC_MAP",
        "s-map": f"{_HERE}.analogues:S_MAP",
        "seasonal-naive": f"{_HERE}.naive:SEASONAL_NAIVE",
        "sparse-ode": f"{_HERE}.equations:SPARSE_ODE",
        "theta": f"{_HERE}.smoothing:THETA",
    },
    _checked,
)

STANDARD: tuple[str, ...] = (
    "parrot",
    "analogues",
    "s-map",
    "hankel-dmd",
    "dmd-16",
    "quadratic-map",
    "closed-form",
    "seasonal-naive",
    "damped-trend",
    "theta",
    "autoregression",
    "last-value",
    "mean",
    "drift",
    "growth",
)
"""The quick ones: whom a forecaster asks without being told to."""


def list_experts() -> list[str]:
    """Names that `get_expert` accepts, sorted; nothing is imported."""
    return CATALOGUE.names()


def get_expert(name: str) -> Expert:
    """A registered expert.

    Raises
    ------
    PluginError
        If no expert has this name, or the plugin that offers it is broken.
    """
    return CATALOGUE.get(name)
