"""Read a folder that `skdyn.files.writing.write_folder` wrote, whole, also while another process writes it anew."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from skdyn.exceptions import FileError, SkdynError
from skdyn.files.reading import read_bytes, sha256
from skdyn.files.writing import staged

_LONGEST = 2**26  # bytes of a description
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PAUSE = 0.005  # seconds
_ROUNDS = 200


@dataclass(frozen=True)
class Part:
    """What a description says of another file.

    Attributes
    ----------
    sha256 : str
    limit : int
        Most bytes to read of it.
    """

    sha256: str
    limit: int


def read_folder(
    folder: Path,
    description: str,
    wanted: Callable[[bytes], Mapping[str, Part]],
    error: type[SkdynError] = FileError,
    *,
    follow: bool = False,
) -> dict[str, bytes]:
    """Read the description and the parts that it names, of one and the same copy.

    Parameters
    ----------
    folder : Path
    description : str
        Name of the file that describes the others.
    wanted : callable (bytes) -> mapping of str to Part
        From its content to the parts by name; raises ``error`` if that cannot be trusted.
    error : subclass of SkdynError
    follow : bool, default=False
        See `skdyn.files.reading.read_bytes`.

    Returns
    -------
    dict
        The content of each file by its name.

    Raises
    ------
    error
        Naming the file that is absent, cannot be read, or is damaged.
    """
    path, last = folder / description, None
    for _ in range(_ROUNDS):
        before = stamp(path)
        try:
            content = read_bytes(path, _LONGEST, error, follow=follow)
            parts = wanted(content)
            return {description: content} | {
                name: _read(folder / name, part, description, error, follow) for name, part in parts.items()
            }
        except error:
            # A part that moved to its own name just now is there in the next round; a folder that nobody has written
            # to meanwhile, and that fails twice, is damaged.
            if before == stamp(path):
                if before == last:
                    raise
                last = before
        time.sleep(_PAUSE)
    raise error(f"{folder} is written anew all the time: it cannot be read whole")


def stamp(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written to; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path, part: Part, description: str, error: type[SkdynError], follow: bool) -> bytes:
    """A part from its own name, or from where it waits for it."""
    problem: SkdynError | None = None
    places = (path, staged(path, part.sha256)) if _SHA256.fullmatch(part.sha256) else (path,)
    for place in places:
        try:
            content = read_bytes(place, part.limit, error, follow=follow)
            if sha256(content) == part.sha256:
                return content
            reason = error(f"{path} is damaged or altered: its sha256 is not the one in {description}")
        except error as caught:
            reason = caught
        problem = problem or reason
    assert problem is not None
    raise problem
