"""Paths as users write them, where they come in."""

from __future__ import annotations

import os
from pathlib import Path

from skdyn.exceptions import FileError, SkdynError


def user_path(place: str | os.PathLike[str], error: type[SkdynError] = FileError, what: str = "path") -> Path:
    """The path that a user has written, with the home folder in place of a leading ``~``.

    Parameters
    ----------
    place : str or path
    error : subclass of SkdynError
    what : str
        What errors call it.

    Raises
    ------
    error
        If it is empty, holds a null character, or begins with the home folder of a user who does not exist.
    """
    text = os.fspath(place)
    if not text:
        raise error(f"the {what} is empty: give it a name; '.' is the working folder")
    if "\0" in text:
        raise error(f"the {what} {text!r} cannot be found: it holds a null character")
    try:
        return Path(text).expanduser()
    except RuntimeError as problem:
        raise error(f"the {what} {text!r} cannot be found: {problem} Write './{text}' if its name begins so") from None
