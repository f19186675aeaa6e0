"""How to adapt a model of each kind: checked when made, and unchangeable."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

from skdyn.data.parameters import check_number

_MAY_BE_ZERO = {"average", "continuity", "prior", "seed"}
_AT_MOST_ONE = {"average", "share"}


def _check(settings: Settings) -> None:
    """Check the numbers, and make those of other libraries Python's own, as JSON holds them."""
    for field in dataclasses.fields(settings):
        value, whole = getattr(settings, field.name), isinstance(field.default, int)
        check_number(
            field.name,
            value,
            whole=whole,
            include_low=field.name in _MAY_BE_ZERO,
            high=1.0 if field.name in _AT_MOST_ONE else math.inf,
        )
        object.__setattr__(settings, field.name, int(value) if whole else float(value))


@dataclass(frozen=True)
class ShootingSettings:
    """How to adapt a model of ODEs, by multiple shooting.

    Attributes
    ----------
    rank, alpha : int, float
        Of the updates; see `skdyn.nn.lora.LowRankLinear`.
    steps : int
        Most steps of the optimiser.
    learning_rate, state_rate : float
        Of the factors, and of the starts in units of noise.
    average : float
        Decay of the moving average of the factors, which is what is checked and kept.
    contexts, starts : int
        Contexts in a step, and roll-outs from each.
    step, horizon : float
        Step and least length of a roll-out, in normalised time (an oscillation takes about six). A roll-out is long
        enough to cross the longest gap of the data, up to three horizons.
    continuity : float
        Weight of the errors against the estimated states, where the observations have weight one.
    prior : float
        Weight of the departure from the base's field in the data's box, widened by a quarter on each side, in units of
        the error that the base predicts there.
    share : float
        Share of the points in held-out windows.
    check_every, patience : int
        Steps between checks on the held-out windows, which the last step is followed by too, and checks that show harm
        before the end.
    context_points : int
        Most points of a training context.
    seed : int

    Raises
    ------
    ValueError
        Naming the setting that is wrong.
    """

    rank: int = 8
    alpha: float = 8.0
    steps: int = 60
    learning_rate: float = 3e-3
    state_rate: float = 0.05
    average: float = 0.9
    contexts: int = 3
    starts: int = 16
    step: float = 0.4
    horizon: float = 3.2
    continuity: float = 0.3
    prior: float = 0.1
    share: float = 0.2
    check_every: int = 5
    patience: int = 6
    context_points: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class LikelihoodSettings:
    """How to adapt a model of SDEs, by the likelihood of the observed transitions.

    Attributes
    ----------
    rank, alpha : int, float
        Of the updates; see `skdyn.nn.lora.LowRankLinear`.
    steps : int
        Most steps of the optimiser.
    learning_rate : float
    average : float
        Decay of the moving average of the factors, which is what is checked and kept.
    transitions : int
        Transitions whose likelihood is taken in a step.
    prior : float
        Weight of the departure from the base's drift and diffusion in the data's widened box, in units of the errors
        that the base predicts there.
    share : float
        Share of the points in held-out windows.
    check_every, patience : int
        Steps between checks on the held-out windows, which the last step is followed by too, and checks that show harm
        before the end.
    seed : int

    Raises
    ------
    ValueError
        Naming the setting that is wrong.
    """

    rank: int = 8
    alpha: float = 8.0
    steps: int = 60
    learning_rate: float = 2e-3
    average: float = 0.9
    transitions: int = 512
    prior: float = 0.1
    share: float = 0.2
    check_every: int = 5
    patience: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class CutSettings:
    """How to adapt a forecaster, by cuts of the series.

    Attributes
    ----------
    rank : int
        Of the updates; their scale alpha is twice the rank.
    epochs : int
        Most epochs; in each, four cuts of every series are learned from.
    lr : float
        Learning rate.
    seed : int

    Raises
    ------
    ValueError
        Naming the setting that is wrong.
    """

    rank: int = 8
    epochs: int = 30
    lr: float = 5e-3
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def alpha(self) -> float:
        """Scale of the updates; see `skdyn.nn.lora.LowRankLinear`."""
        return 2.0 * self.rank


Settings: TypeAlias = ShootingSettings | LikelihoodSettings | CutSettings
