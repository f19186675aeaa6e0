"""Read single files without trusting them: regular ones only, of a bounded size, JSON without surprises."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from skdyn.exceptions import FileError, SkdynError

# Opening a pipe or a device must not wait; neither flag exists on Windows, which has neither.
_AT_ONCE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_bytes(path: Path, limit: int, error: type[SkdynError] = FileError, *, follow: bool = False) -> bytes:
    """Read a regular file of at most ``limit`` bytes.

    Parameters
    ----------
    path : Path
    limit : int
    error : subclass of SkdynError
    follow : bool, default=False
        Take what a link leads to, as in the hub's cache; links are refused by default.

    Raises
    ------
    error
        If there is no such file, it is a link, a pipe, a device or a folder, it is too large, or a Git LFS pointer or a
        web page stands in its place.
    """
    try:
        if not follow and stat.S_ISLNK(os.lstat(path).st_mode):
            raise error(f"{path} is a link, which is not followed: put the file itself there")
        descriptor = os.open(path, _AT_ONCE | (0 if follow else _NO_LINK))
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise error(f"{path} is not a regular file")
            if found.st_size > limit:
                raise error(f"{path} has {found.st_size} bytes, more than the limit of {limit}")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(found.st_size + 1)  # asking for more would allocate it
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as problem:  # a null character in the name is a ValueError
        if isinstance(problem, SkdynError):
            raise
        raise error(f"{path} cannot be read: {problem}") from problem
    if len(content) > found.st_size:
        raise error(f"{path} grows while it is read")
    start = content[:64].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        raise error(f"{path} is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'")
    if start.startswith((b"<!doctype", b"<html")):
        raise error(f"{path} is an HTML page, not the file itself: the download was redirected")
    return content


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


def parse_json(
    content: bytes, path: Path, error: type[SkdynError] = FileError, *, constants: bool = False
) -> dict[str, Any]:
    """Parse a JSON object strictly: no repeated keys, nothing but an object.

    Parameters
    ----------
    content : bytes
    path : Path
        What errors call it.
    error : subclass of SkdynError
    constants : bool, default=False
        Take NaN and infinity, which are no JSON.

    Raises
    ------
    error
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise ValueError(f"the key {twice!r} is repeated")
        return values

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON number")

    parse_constant = None if constants else refuse
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=unique, parse_constant=parse_constant)
    except (ValueError, RecursionError) as problem:
        raise error(f"{path} is not valid JSON, or is damaged: {problem}") from None
    if not isinstance(value, dict):
        raise error(f"{path} holds a JSON {type(value).__name__}, not an object, or is damaged")
    return value
