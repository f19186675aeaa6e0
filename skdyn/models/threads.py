"""How many threads torch uses for a call, without a setting that outlasts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Given = TypeVar("Given")
Made = TypeVar("Made")


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Let torch share an operation among at most so many threads, in this thread and in those that it starts."""
    before = torch.get_num_threads()
    if before <= count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(function: Callable[[Given], Made], parts: Sequence[Given], threads: int) -> list[Made]:
    """Apply a function to parts on several threads, of which each computes alone.

    Parameters
    ----------
    function : callable
        Its work must release Python's lock, as torch's operations do.
    parts : sequence
    threads : int

    Returns
    -------
    list
        In the order of the parts.
    """
    with at_most_threads(1):
        if threads == 1 or len(parts) == 1:
            return [function(part) for part in parts]
        with ThreadPoolExecutor(min(threads, len(parts))) as pool:
            return list(pool.map(function, parts))
