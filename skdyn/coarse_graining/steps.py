"""Follow a drift from one frame to the next, in as many steps as its speed asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_LONGEST = 0.25  # step, in deviations of the codes
_MOST = 4


def steps_of(moves: Any, deviations: Any) -> int:
    """Euler steps from frame to frame, for moves (N, d) of one whole step of codes with these deviations (d,).

    Examples
    --------
    >>> import numpy as np
    >>> [steps_of(np.full((9, 2), move), np.ones(2)) for move in (0.01, 0.6, 9.0)]
    [1, 3, 4]
    """
    size = float(np.sqrt(float((moves**2).mean()) / max(float((deviations**2).mean()), 1e-300)))
    return int(np.clip(np.ceil(size / _LONGEST), 1, _MOST)) if np.isfinite(size) else _MOST


def follow(drift: Callable[[Any], Any], start: Any, duration: Any, count: int, first: Any) -> Any:
    """Codes (N, d) after durations (N, 1), by ``count`` Euler steps; ``first`` (N, d) is the drift at the start.

    Examples
    --------
    >>> import numpy as np
    >>> start = np.ones((1, 1))
    >>> follow(lambda z: -z, start, np.ones((1, 1)), 2, -start)
    array([[0.25]])
    """
    z = start + first * (duration / count)
    for _ in range(count - 1):
        z = z + drift(z) * (duration / count)
    return z
