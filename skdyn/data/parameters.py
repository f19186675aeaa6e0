"""Numbers and sources of randomness that a user gives, checked by name."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

RandomState = int | np.random.Generator | np.random.RandomState | None
"""What is accepted as ``random_state``."""

_MOST_BYTES = 4 * 2**30


def check_number(
    name: str,
    value: Any,
    *,
    whole: bool = False,
    low: float = 0.0,
    include_low: bool = False,
    high: float = math.inf,
    error: type[ValueError] = ValueError,
) -> None:
    """Refuse what is not a finite number in a range.

    Parameters
    ----------
    name : str
        What errors call it.
    value : object
    whole : bool, default=False
        Take whole numbers only.
    low, high : float
        Bounds; ``high`` is included where it is finite.
    include_low : bool, default=False
        Take ``low`` itself too.
    error : subclass of ValueError

    Raises
    ------
    error
        Naming the parameter, the range and the value.
    """
    from sklearn.utils import check_scalar  # lets NaN and booleans pass

    try:
        if isinstance(value, bool) or value != value:
            raise TypeError
        check_scalar(
            value,
            name,
            Integral if whole else Real,
            min_val=low,
            max_val=high,
            include_boundaries=("both" if include_low else "right")
            if high < math.inf
            else ("left" if include_low else "neither"),
        )
        if math.isinf(value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise error(f"{name} must be {_wanted(whole, low, include_low, high)}, got {value!r}") from None


def _wanted(whole: bool, low: float, include_low: bool, high: float) -> str:
    kind = "a whole number" if whole else "a number"
    if high < math.inf:
        return f"{kind} {'from' if include_low else 'above'} {low:g} {'to' if include_low else 'and at most'} {high:g}"
    if low == 0 and not include_low:
        return "a positive integer" if whole else "positive and finite"
    if whole:
        return f"an integer of at least {low if include_low else low + 1:g}"
    return f"finite and {'at least' if include_low else 'above'} {low:g}"


def check_size(what: str, *shape: int) -> None:
    """Refuse an answer of float64 numbers that would take more memory than 4 GiB, before any of it is made.

    Parameters
    ----------
    what : str
        What errors call it.
    *shape : int

    Raises
    ------
    ValueError
        Naming the shape and the size.
    """
    size = 8 * math.prod(int(length) for length in shape)
    if size > _MOST_BYTES:
        raise ValueError(
            f"{what} of shape {tuple(map(int, shape))} would take {size / 2**30:.3g} GiB, more than "
            f"{_MOST_BYTES / 2**30:g}: ask for fewer at a time"
        )


def read_generator(random_state: Any) -> np.random.Generator:
    """The generator that a ``random_state`` stands for.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        An integer gives the same numbers each time; the others give new ones at each call.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1, size=4))
    whole = isinstance(random_state, Integral) and not isinstance(random_state, bool)
    if random_state is None or isinstance(random_state, np.random.Generator) or (whole and random_state >= 0):
        return np.random.default_rng(random_state)
    raise ValueError(
        f"random_state must be None, a non-negative integer, a numpy Generator or RandomState, got {random_state!r}"
    )
