"""Recordings of images as rows, and the shape that rows go back to."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.numbers import read_numbers
from skdyn.exceptions import TrajectoryError


def image_shape(X: Any) -> tuple[int, int] | None:
    """Height and width of the images of one recording (L, H, W) or several; None of recordings that are of rows.

    Raises
    ------
    TrajectoryError
        If they differ, or are lists of lists of lists, which may be one recording of images or several of rows.

    Examples
    --------
    >>> import numpy as np
    >>> image_shape([np.zeros((9, 3, 4)), (0.1, np.zeros((5, 3, 4)))]), image_shape(np.zeros((9, 12)))
    ((3, 4), None)
    """
    if _is_video(X) or _is_timed_video(X):
        return _shape_of(_states(X))
    if _is_nested(X):
        raise TrajectoryError(
            "X is a list of lists of lists of numbers, which may be images of one recording or rows of several: pass "
            "numpy.array(X) for images (L, H, W), or [numpy.array(x) for x in X] for recordings of rows (L, D)"
        )
    if not isinstance(X, (list, tuple)) or not any(_is_video(_states(item)) for item in X):
        return None
    shapes = [_shape_of(_states(item)) for item in X]
    for k, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise TrajectoryError(f"recording {k} has frames of shape {shape}, but recording 0 of {shapes[0]}")
    return shapes[0]


def as_rows(X: Any) -> Any:
    """Images as rows, (L, H, W) to (L, H * W), one recording or several; anything else as it is."""
    if image_shape(X) is None:
        return X
    return _flat_item(X) if _is_video(X) or _is_timed_video(X) else [_flat_item(item) for item in X]


def _flat_item(item: Any) -> Any:
    return _flat(item) if _is_video(item) else (item[0], _flat(item[1]))


def _flat(images: Any) -> np.ndarray:
    array = images if isinstance(images, np.ndarray) else read_numbers(images, "X")
    return array.reshape(len(array), -1)


def _is_video(item: Any) -> bool:
    """Whether it is an array of three axes, of any library; but those of xarray have names, and are read by these."""
    return getattr(item, "ndim", None) == 3 and 0 not in item.shape and not hasattr(item, "dims")


def _is_nested(X: Any) -> bool:
    """Whether it is an array of three axes that is spelled as lists."""
    if not (_is_list(X) and all(_is_list(parts) and all(map(_is_list, parts)) for parts in X)):
        return False
    rows = [row for parts in X for row in parts]
    return len({len(parts) for parts in X}) == len({len(row) for row in rows}) == 1 and all(
        np.isscalar(row[0]) for row in rows
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0


def _shape_of(images: Any) -> tuple[int, int]:
    height, width = map(int, np.shape(images)[1:])
    return height, width


def _is_timed_video(X: Any) -> bool:
    """Whether it is one recording alone: a pair of times and images."""
    return isinstance(X, tuple) and len(X) == 2 and _is_video(X[1]) and np.ndim(X[0]) < 2


def _states(item: Any) -> Any:
    """Of a pair of times and states, the states."""
    return item[1] if isinstance(item, tuple) and len(item) == 2 else item
