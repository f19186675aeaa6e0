"""Learning rates and the clocks they follow: everything is scheduled by elapsed time, to fit a time budget."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, constant, linear to zero, in shares of the budget.

    Attributes
    ----------
    peak : float
        Learning rate between warm-up and decay.
    warmup : float
        Share of the budget for the warm-up from zero.
    warmup_steps : int
        Fewest steps of the warm-up, because the first pool and compiling may use up its time.
    decay_from : float
        Share of the budget at which the decay to zero begins.
    """

    peak: float = 1.5e-3
    warmup: float = 0.02
    warmup_steps: int = 100
    decay_from: float = 0.55

    def __call__(self, progress: float, step: int) -> float:
        """Learning rate at a progress in [0, 1] after ``step`` steps."""
        rising = min(1.0, progress / self.warmup) if self.warmup else 1.0
        rising = min(rising, (step + 1) / self.warmup_steps) if self.warmup_steps else rising
        falling = min(1.0, (1.0 - progress) / (1.0 - self.decay_from)) if self.decay_from < 1 else 1.0
        return self.peak * min(rising, max(0.0, falling))


class Clock(Protocol):
    """Seconds spent on training, over all the sessions of a run."""

    def start(self, step: int, elapsed: float) -> None:
        """Begin at ``step`` with ``elapsed`` seconds already spent."""

    def elapsed(self, step: int) -> float:
        """Seconds spent when ``step`` steps have been done."""


class WallClock:
    """Real time."""

    def start(self, step: int, elapsed: float) -> None:
        """Begin with ``elapsed`` seconds already spent."""
        self._origin = time.monotonic() - elapsed

    def elapsed(self, step: int) -> float:
        """Seconds spent, whatever the step."""
        return time.monotonic() - self._origin


@dataclass
class StepClock:
    """Pretends that every step takes the same time, which makes runs reproducible bit for bit."""

    seconds_per_step: float

    def start(self, step: int, elapsed: float) -> None:
        """Nothing to remember: time is a function of the step."""

    def elapsed(self, step: int) -> float:
        """Seconds that ``step`` steps stand for."""
        return step * self.seconds_per_step
