"""The models as experts beside a network."""

from __future__ import annotations

import numpy as np

from skdyn.plugins import Expert, on_grid, season_of
from skdyn_statsforecast.models import Array, quantiles_ahead


def _expert(name: str, label: str, suits: str) -> Expert:
    def fit(even: Array, season: int | None = None):  # type: ignore[no-untyped-def]
        seasons = [season_of(channel, season) for channel in even.T]

        def ahead(count: int) -> Array:
            parts = [quantiles_ahead(name, channel, season, count, (0.5,)) for channel, season in zip(even.T, seasons)]
            return np.concatenate(parts, axis=1)

        return ahead

    return Expert(label, on_grid(fit), suits, seasonal=True)


AUTO_ARIMA = _expert("AutoARIMA", "auto-arima", "short noisy series with trends and seasons; takes seconds")
AUTO_ETS = _expert("AutoETS", "auto-ets", "level, trend and season under noise")
AUTO_THETA = _expert("AutoTheta", "auto-theta", "slow trends under noise")
