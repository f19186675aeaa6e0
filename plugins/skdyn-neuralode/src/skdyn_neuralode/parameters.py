"""Checks of parameters that the estimators share."""

from __future__ import annotations

from typing import Any

from skdyn.plugins import check_number


def check_sizes(name: str, sizes: Any) -> tuple[int, ...]:
    """A list of at least one positive integer, or a ValueError that names the parameter."""
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise ValueError(f"{name} must be a list of positive integers, got {sizes!r}")
    for i, size in enumerate(sizes):
        check_number(f"{name}[{i}]", size, whole=True)
    return tuple(map(int, sizes))
