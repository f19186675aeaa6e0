"""Write files and folders so that no reader, kill or full disk ever leaves half of a copy.

A saved folder is a description and its parts, other files of which the description has the sha256. New parts are
written under hidden names that end in their sha256, and flushed to the disk. Then the description is replaced by one
rename: this is the moment at which the new copy takes the place of the old one. Then the parts move to their own names.
Whenever that is interrupted, each part that the description asks for is whole under one of its two names, where
`skdyn.files.folder.read_folder` looks for it.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from skdyn.exceptions import FileError
from skdyn.files.reading import sha256
from skdyn.files.turns import alone_in

_PATIENCE = 10.0  # seconds for readers to close a file, which keep Windows from replacing it


def write_file(path: Path, content: bytes) -> None:
    """Replace a file by one rename, after the content has reached the disk; its folder is made if it does not exist.

    Raises
    ------
    FileError
        If it cannot be written; the file is then as it was.
    """
    with _refusal(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, content)


def write_folder(
    folder: Path,
    parts: Iterable[tuple[str, bytes]],
    description: str,
    describe: Callable[[Mapping[str, str]], bytes],
    instead_of: str | None = None,
) -> None:
    """Replace what is saved in a folder, all of it or nothing.

    Other files in the folder are left alone. Several writers take turns.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    parts : iterable of (str, bytes)
        Names, which may lead into folders below, and contents; only one is held at a time.
    description : str
        Name of the file that describes the others.
    describe : callable (mapping of str to str) -> bytes
        Its content, given the sha256 of each part.
    instead_of : str, optional
        Name of the description of another kind of copy, which this one takes the place of: it is removed once the new
        one is in place.

    Raises
    ------
    FileError
        If the folder cannot be written, for instance because the disk is full; what was saved is then as it was.
    """
    with _refusal(folder):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with alone_in(folder) as alone:
                _replace_all(folder, parts, description, describe, alone)
                if instead_of is not None:
                    with suppress(OSError):
                        (folder / instead_of).unlink(missing_ok=True)
                        _flush_folder(folder)
        except BaseException:
            for path in made:
                with suppress(OSError):  # another writer may have come
                    path.rmdir()
            raise


def staged(path: Path, digest: str) -> Path:
    """Where a part with this sha256 waits until it moves to its own name."""
    return path.with_name(f".{path.name}.{digest[:32]}")


def _replace_all(
    folder: Path,
    parts: Iterable[tuple[str, bytes]],
    description: str,
    describe: Callable[[Mapping[str, str]], bytes],
    alone: bool,
) -> None:
    digests: dict[str, str] = {}
    written: list[Path] = []
    made: list[Path] = []
    content = None
    try:
        for name, part in parts:
            path = folder / name
            if not path.parent.exists():
                path.parent.mkdir()
                made.append(path.parent)
            digests[name] = sha256(part)
            waiting = staged(path, digests[name])
            if not waiting.exists():
                written.append(waiting)
            _put(waiting, part)
        content = describe(digests)
        _put(folder / description, content)
    except BaseException:
        if content is None or not _holds(folder / description, content):
            with suppress(OSError):
                for path in written:
                    path.unlink(missing_ok=True)
                for path in made:
                    path.rmdir()
        raise
    with suppress(OSError):  # the new copy is in place, and a part that cannot move is whole where it waits
        for name, digest in digests.items():
            _rename(staged(folder / name, digest), folder / name)
        for parent in {(folder / name).parent for name in digests}:
            _flush_folder(parent)
        if alone:
            _tidy([folder / description, *(folder / name for name in digests)])


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _tidy(paths: Iterable[Path]) -> None:
    """Remove what writers that were killed have left beside these files."""
    for path in paths:
        leftover = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{32}}|[0-9a-f]{{8}}\.partial)")
        for other in list(path.parent.iterdir()):
            if leftover.fullmatch(other.name):
                other.unlink(missing_ok=True)


def _put(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _rename(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _rename(source: Path, target: Path) -> None:
    """`os.replace`, which Windows refuses while a reader has the target open."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _flush_folder(folder: Path) -> None:
    """Bring renames to the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _refusal(path: Path) -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(
            f"{path} cannot be saved: {error.strerror or error}; what was saved there before is as it was"
        ) from error
