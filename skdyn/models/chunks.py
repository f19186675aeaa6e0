"""Queries cut into chunks of a few sizes, so that kernels see few shapes, and answered side by side on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from skdyn.models.threads import side_by_side

_STEP, _ALIKE = 8, 64
_LEAST_SHARED = 32
"""Rows of a chunk that are worth a thread of their own."""


def chunk_sizes(count: int, largest: int, threads: int = 1) -> list[int]:
    """Sizes of the chunks that so many queries are cut into; the last one may be larger than what is left for it.

    Examples
    --------
    >>> chunk_sizes(1, 512), chunk_sizes(5, 512), chunk_sizes(700, 512), chunk_sizes(700, 512, threads=2)
    ([1], [8], [512, 192], [512, 96, 96])
    """
    sizes = [largest] * (count // largest)
    rest = count % largest
    if rest == 1 or count == 0:
        sizes.append(1)
    elif rest:
        parts = min(threads, -(-rest // _LEAST_SHARED))
        size = min(-(-rest // (_STEP * parts)) * _STEP, largest)
        sizes += [size] * -(-rest // size)
    return sizes


def alike_sizes(count: int, largest: int) -> list[int]:
    """Sizes of chunks with no small ones among them; see `skdyn.models.inference.Engine.field`."""
    size = min(_ALIKE, largest)
    return [largest] * (count // largest) + [size] * -(-(count % largest) // size) or [size]


def in_chunks(
    function: Callable[[Tensor], tuple[Tensor, ...]], queries: Tensor, sizes: Sequence[int], threads: int
) -> list[np.ndarray]:
    """Apply a function to chunks of queries, and join each of its results.

    Parameters
    ----------
    function : callable
        From a chunk (B, n, W) to tensors (B, n, ...).
    queries : Tensor of shape (B, N, W)
    sizes : sequence of int
        Of the chunks; they add up to N.
    threads : int

    Returns
    -------
    list of float64 arrays of shape (B, N, ...)
    """
    chunks = [queries] if len(sizes) == 1 else queries.split(list(sizes), dim=1)
    results = side_by_side(function, chunks, threads)
    found = [[part.to("cpu", torch.float64).numpy() for part in parts] for parts in zip(*results, strict=True)]
    return [parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1) for parts in found]
