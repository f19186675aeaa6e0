"""The description of a saved folder: plain values, the sha256 of every other file, and a sha256 of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skdyn.exceptions import FileError
from skdyn.files.reading import parse_json, sha256

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OWN = {"format", "files", "sha256"}


def seal(values: Mapping[str, Any], digests: Mapping[str, str], version: int) -> bytes:
    """Write a description.

    Parameters
    ----------
    values : mapping
        Anything that JSON can hold, but for the keys ``format``, ``files`` and ``sha256``.
    digests : mapping of str to str
        The sha256 of each other file, by its name in the folder.
    version : int
        Of the format.
    """
    whole = json.loads(json.dumps({"format": version, **values, "files": dict(digests)}))  # keys as JSON has them
    return (json.dumps(whole | {"sha256": _digest(whole)}, indent=2) + "\n").encode()


def unseal(
    content: bytes, path: Path, version: int, *, constants: bool = False
) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a description back: the values and the digests that `seal` was given.

    Parameters
    ----------
    content : bytes
    path : Path
        What errors call it.
    version : int
        The format that is expected.
    constants : bool, default=False
        Take NaN and infinity among the values.

    Raises
    ------
    FileError
        If it is of another format, damaged or altered.
    """
    whole = parse_json(content, path, constants=constants)
    found = whole.get("format")
    if type(found) is not int or found != version:
        raise FileError(f"{path} is in format {found!r}, not in format {version}, or is damaged")
    if whole.pop("sha256", None) != _digest(whole):
        raise FileError(f"{path} is damaged or altered: its sha256 is not the one that it names")
    digests = whole.pop("files", None)
    if not isinstance(digests, dict) or not all(isinstance(d, str) and _SHA256.fullmatch(d) for d in digests.values()):
        raise FileError(f"{path} does not list the sha256 of the other files")
    return {key: value for key, value in whole.items() if key not in _OWN}, digests


def _digest(values: Mapping[str, Any]) -> str:
    return sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())
