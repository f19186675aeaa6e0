"""Whether what a command is to write can be written, found out before the work is done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def check_folder(path: Path) -> None:
    """Refuse a folder that cannot be made or written to.

    Raises
    ------
    OSError
        Naming the path and the reason.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file: --out names a folder")
    _check_writable(path)


def check_file(path: Path) -> None:
    """Refuse a file that cannot be written, and make no folder yet.

    Raises
    ------
    OSError
        Naming the path and the reason.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: the name of a file is needed")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written: it is protected")
    _check_writable(path.parent)


def _check_writable(folder: Path) -> None:
    """Try to write into a folder, or into the nearest one above it that exists."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(f"{folder} cannot be written: {there}: {error.strerror}") from None
