"""Numbers that a user gives, checked by name: scikit-learn's `check_scalar`, which lets NaN and booleans pass."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


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
    from sklearn.utils import check_scalar

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
    except (TypeError, ValueError):
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
