"""Recordings of images as rows, and the shape that rows go back to."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError


def image_shape(X: Any) -> tuple[int, int] | None:
    """Height and width of the images of one recording (L, H, W) or several; None of recordings that are of rows.

    Raises
    ------
    TrajectoryError
        If they differ.

    Examples
    --------
    >>> import numpy as np
    >>> image_shape([np.zeros((9, 3, 4)), (0.1, np.zeros((5, 3, 4)))]), image_shape(np.zeros((9, 12)))
    ((3, 4), None)
    """
    if _is_video(X):
        return X.shape[1:]
    if not isinstance(X, (list, tuple)) or not any(_is_video(_states(item)) for item in X):
        return None
    shapes = [np.shape(_states(item))[1:] for item in X]
    for k, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise TrajectoryError(f"recording {k} has frames of shape {shape}, but recording 0 of {shapes[0]}")
    return shapes[0]


def as_rows(X: Any) -> Any:
    """Images as rows, (L, H, W) to (L, H * W), one recording or several; anything else as it is."""
    if image_shape(X) is None:
        return X
    return _flat(X) if _is_video(X) else [_flat_item(item) for item in X]


def _flat_item(item: Any) -> Any:
    return _flat(item) if _is_video(item) else (item[0], _flat(item[1]))


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _is_video(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.ndim == 3 and item.size > 0


def _states(item: Any) -> Any:
    """Of a pair of times and states, the states."""
    return item[1] if isinstance(item, tuple) and len(item) == 2 else item
