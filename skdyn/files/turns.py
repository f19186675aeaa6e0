"""Writers of one folder take turns: a lock of the system, which a process that is killed gives back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skdyn.exceptions import FileError

_PATIENCE = 60.0  # seconds

if sys.platform == "win32":
    import msvcrt

    def _open(folder: Path) -> int:
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)

    def _try(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _release(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    _BUSY: type[OSError] = PermissionError
else:
    import fcntl

    def _open(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)

    def _try(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing alone would leave it to a process that was forked meanwhile

    _BUSY: type[OSError] = BlockingIOError


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Keep other writers out of a folder, and wait for one that is there.

    Yields
    ------
    bool
        False on a file system without locks.

    Raises
    ------
    FileError
        If another process has not finished within a minute.
    """
    descriptor = _open(folder)
    try:
        locked = _wait(descriptor, folder)
        try:
            yield locked
        finally:
            if locked:
                _release(descriptor)
    finally:
        os.close(descriptor)


def _wait(descriptor: int, folder: Path) -> bool:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            _try(descriptor)
            return True
        except _BUSY:
            if time.monotonic() > end:
                raise FileError(
                    f"{folder} cannot be saved: another process has been saving there for a minute"
                ) from None
            time.sleep(0.005)
        except OSError:
            return False
