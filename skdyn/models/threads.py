"""How many threads torch uses for a call, without a setting that outlasts it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from skdyn.models.sharing import Shared

Given = TypeVar("Given")
Made = TypeVar("Made")

_HELPERS: Shared[int, ThreadPoolExecutor] = Shared(1)
"""The threads that help a process with its calls, by its number: one that was forked has none of its parent's."""


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
    """Apply a function to parts on several threads, this one among them, of which each computes alone.

    Helpers take what this thread has not come to yet. Where they are late, because other work has the cores, it does
    all of it and waits for none.

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
    left = deque(enumerate(parts))
    made: dict[int, Made] = {}

    def work() -> None:
        with at_most_threads(1):
            while left:
                try:
                    place, part = left.popleft()
                except IndexError:  # another thread was faster
                    return
                made[place] = function(part)

    helpers: list[Future[None]] = []
    if (count := min(threads, len(parts)) - 1) > 0:
        pool = _HELPERS.get(os.getpid(), lambda: ThreadPoolExecutor(os.cpu_count(), "skdyn"))
        helpers = [pool.submit(work) for _ in range(count)]
    try:
        work()
    finally:
        left.clear()
        late = [helper for helper in helpers if not helper.cancel()]
        errors = [error for helper in late if (error := helper.exception()) is not None]
    if errors:
        raise errors[0]
    return [made[place] for place in range(len(parts))]
