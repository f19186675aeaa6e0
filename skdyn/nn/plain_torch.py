"""Torch as a process finds it, whatever modes surround a call: what is computed does not depend on the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

_WITH_AUTOCAST = ("cpu", "cuda", "mps")


@contextmanager
def plain_torch() -> Iterator[None]:
    """Gradients without inference mode, no autocast, and new tensors on the CPU; the caller's modes come back after it.

    All of these are modes of a thread, so that other threads are not disturbed. The default type is one of the whole
    process and is left alone: whoever makes a tensor of floats from nothing gives its type.

    Examples
    --------
    >>> import torch
    >>> with torch.no_grad():
    ...     with plain_torch():
    ...         print(torch.is_grad_enabled())
    True
    """
    # Leaving inference mode turns gradients on too, under `torch.no_grad` as well.
    with torch.inference_mode(False), ExitStack() as modes:
        for kind in _WITH_AUTOCAST:
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        # A mode of devices costs time in every call of torch; asking for it by name costs more than a look.
        if torch.empty(0).device.type != "cpu":
            modes.enter_context(torch.device("cpu"))
        yield
