"""Whether what a command is to write can be written, found out before the work is done; and how it is written."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from skdyn.cli.usage import UsageError
from skdyn.files.writing import write_file


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


def places_read(options: argparse.Namespace) -> list[Path]:
    """The files and folders that a command reads: its table or saved estimator, and its model and adapter."""
    from skdyn import list_models
    from skdyn.files.paths import user_path

    given, registered = dict(getattr(options, "param", ())), list_models()
    named = [getattr(options, "model", None), given.get("model"), given.get("adapter")]
    folders = [user_path(name) for name in named if isinstance(name, str) and name and name not in registered]
    return [*(getattr(options, name) for name in ("data", "folder") if hasattr(options, name)), *folders]


def check_apart(out: Path | None, picture: Path) -> None:
    """Refuse a picture of the same name as the other file or folder that a command writes.

    Raises
    ------
    UsageError
    """
    if out is not None and os.path.realpath(out) == os.path.realpath(picture):
        raise UsageError(f"--out and --plot both name {out}: give the picture another name")


def check_file(path: Path, read: Iterable[Path]) -> None:
    """Refuse a file that cannot be written, or would spoil what is read, and make no folder yet.

    Parameters
    ----------
    path : Path
    read : iterable of Path
        Files and folders that the command reads.

    Raises
    ------
    UsageError
        If it is one of the files that are read, whatever it is called, or lies in one of the folders.
    OSError
        Naming the path and the reason.
    """
    for source in read:
        if source.is_dir():
            if any(_is_same(folder, source) for folder in Path(os.path.realpath(path)).parents):
                raise UsageError(f"{path} lies in the folder {source}, which is read: write into another folder")
        elif _is_same(path, source):
            raise UsageError(f"{path} would replace {source}, which is read: give the output another name")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: the name of a file is needed")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written: it is protected")
    _check_writable(path.parent)


def write_output(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing, where a link points to; into a pipe or a device as it is.

    Raises
    ------
    FileError, OSError
        If it cannot be written.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
    else:
        write_file(Path(os.path.realpath(path)), content)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist
        return False


def _check_writable(folder: Path) -> None:
    """Try to write into a folder, or into the nearest one above it that exists."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(f"{folder} cannot be written: {there}: {error.strerror}") from None
