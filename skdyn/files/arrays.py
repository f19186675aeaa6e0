"""NumPy arrays by name as the bytes of an npz archive, and back without trusting them."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skdyn.exceptions import FileError

_TYPES = ("<f8", "<f4", "<i8")
_MOST = 1000  # arrays in an archive


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an npz archive."""
    archive = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(archive, **named)
    return archive.getvalue()


def unpack_arrays(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """Read what `pack_arrays` returned; nothing larger than ``content`` is made of it.

    Parameters
    ----------
    content : bytes
    path : Path
        What errors call it.

    Returns
    -------
    dict
        Arrays of float64, float32 or int64, in the order in which they were packed.

    Raises
    ------
    FileError
        If it is no archive of such arrays: damaged, compressed, with names twice, with other types.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(names) > _MOST or len(set(names)) < len(names):
                raise ValueError("too many arrays, or two of one name")
            if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
                raise ValueError("its arrays are compressed or encrypted")
            if sum(member.file_size for member in members) > len(content):
                raise ValueError("its arrays claim to be larger than the file")
            return {name.removesuffix(".npy"): _array(archive.read(name), name) for name in names}
    except Exception as error:  # a damaged archive makes zipfile and NumPy fail in many ways, and none is another's
        raise FileError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _array(content: bytes, name: str) -> np.ndarray:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0) or not name.endswith(".npy"):
        raise ValueError(f"{name} is not an array in format 1.0")
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    if kind.str not in _TYPES or math.prod(shape) * kind.itemsize != len(content) - start or min(shape, default=0) < 0:
        raise ValueError(f"{name} has {len(content) - start} bytes for an array of type {kind} and shape {shape}")
    flat = np.frombuffer(content, kind, offset=start)
    return flat.reshape(shape, order="F" if by_columns else "C").copy()
