"""What threads of a process share: locks that a fork renews, and caches of a few values, each made once."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Generic, TypeVar
from weakref import WeakSet

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SharedLock:
    """A reentrant lock; a process that is forked while another thread holds it gets one that is free.

    Examples
    --------
    >>> lock = SharedLock()
    >>> with lock.held():
    ...     print("alone")
    alone
    """

    def __init__(self) -> None:
        self._lock = RLock()
        _LOCKS.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; a process forked inside gives back the lock that was taken, not the new one."""
        with self._lock:
            yield

    def renew(self) -> None:
        """Forget who holds it."""
        self._lock = RLock()


_LOCKS: WeakSet[SharedLock] = WeakSet()


def _renew_all() -> None:
    for lock in _LOCKS:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


class Shared(Generic[Key, Value]):
    """Values by key, each made once however many threads ask; the one not asked for the longest gives way to a new one.

    Parameters
    ----------
    most : int
        Values kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = SharedLock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key, made now if there is none."""
        with self._lock.held():
            if key not in self._values:
                self._values[key] = make()
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
            return self._values[key]

    def __len__(self) -> int:
        return len(self._values)
