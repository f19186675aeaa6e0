"""Cases of the forecast benchmark: recordings of the families, observed up to 30%, 60% or 90% of their points.

Letters: N observed points, H points after them, L points of the whole recording, D channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdyn.datasets.families import FAMILIES, IN_DOMAIN, ZERO_SHOT, make_family_series

SEED = 20_260_209
"""Seed of the recordings; training draws from other seeds."""

RATIOS = (0.3, 0.6, 0.9)
CLIP = 5.0
"""Forecasts are cut off where they leave the middle of a recording by so many half-ranges."""

SOLVED = 0.01
"""Error below which a case counts as solved: a root mean square of a tenth of the half-range."""

_LEAST = 5


class Setting(NamedTuple):
    """Noise in units of a channel's range, and the share of the prefix's points that is lost."""

    noise: float
    dropped: float


SETTINGS = (Setting(0.0, 0.0), Setting(0.05, 0.0), Setting(0.0, 0.4))
"""Clean and uniform; with noise of 5%; without 40% of the points."""


@dataclass(frozen=True)
class Case:
    """One prefix, and what follows it.

    Attributes
    ----------
    family, split : str
        ``split`` is "in-domain" or "zero-shot".
    series : int
        Number of the recording within its family.
    ratio : float
    setting : Setting
    times, values : array of shape (N,) and (N, D)
        What is observed.
    future, truth : array of shape (H,) and (H, D)
        Clean.
    middle, half_range : array of shape (D,)
        Of the whole clean recording.
    """

    family: str
    split: str
    series: int
    ratio: float
    setting: Setting
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    future: NDArray[np.float64]
    truth: NDArray[np.float64]
    middle: NDArray[np.float64]
    half_range: NDArray[np.float64]

    def error(self, forecast: NDArray[np.float64]) -> float:
        """Mean square error (``unseen_true``) of a forecast (H, D), in half-ranges of the whole recording.

        Channels that do not vary are left out. What is not finite, or further than `CLIP` from the middle, counts as
        `CLIP`.
        """
        moves = self.half_range > 1e-9 * np.abs(self.middle)
        middle, half = self.middle[moves], self.half_range[moves]
        predicted = np.nan_to_num((forecast[:, moves] - middle) / half, nan=CLIP, posinf=CLIP, neginf=-CLIP)
        target = (self.truth[:, moves] - middle) / half
        return float(np.mean((np.clip(predicted, -CLIP, CLIP) - target) ** 2))

    @property
    def unseen_share(self) -> float:
        """Share of the points that lie after the prefix."""
        return 1.0 - self.ratio


def make_cases(family: str, setting: Setting, n_series: int = 20, ratios: tuple[float, ...] = RATIOS) -> Iterator[Case]:
    """Cases of a family; a recording is corrupted once and cut at each ratio."""
    place = list(FAMILIES).index(family)
    split = "in-domain" if family in IN_DOMAIN else "zero-shot"
    for number, (t, x) in enumerate(make_family_series(family, n_series, random_state=SEED + place)):
        rng = np.random.default_rng([SEED, place, number, round(1000 * setting.noise), round(1000 * setting.dropped)])
        low, high = x.min(axis=0), x.max(axis=0)
        observed = x + setting.noise * (high - low) * rng.normal(size=x.shape)
        kept = rng.random(len(t)) >= setting.dropped
        kept[:_LEAST] = True
        for ratio in ratios:
            count = round(ratio * len(t))
            seen = kept[:count]
            yield Case(
                family,
                split,
                number,
                ratio,
                setting,
                t[:count][seen],
                observed[:count][seen],
                t[count:],
                x[count:],
                (low + high) / 2,
                (high - low) / 2,
            )


def split_families(split: str) -> tuple[str, ...]:
    """Names of the families of a split."""
    splits = {"in-domain": IN_DOMAIN, "zero-shot": ZERO_SHOT}
    if split not in splits:
        raise ValueError(f"unknown split {split!r}; known are {', '.join(splits)}")
    return splits[split]
