"""Rows of batches in a folder, so that an interrupted run goes on where it was; what is read is checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skdyn import __version__
from skdyn.exceptions import FileError
from skdyn.files.manifest import seal, unseal
from skdyn.files.reading import read_bytes, sha256
from skdyn.files.writing import write_file
from skdyn.panel.groups import Groups
from skdyn.panel.work import Reading, Row

_FORMAT = 1
_LARGEST = 2**28  # bytes of a batch
_REQUEST = "panel.json"


@dataclass(frozen=True)
class Store:
    """The folder of one request.

    Attributes
    ----------
    folder : Path
    request : str
        The sha256 of all that the rows follow from.
    outputs : tuple of str
    """

    folder: Path
    request: str
    outputs: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path, request: str, outputs: tuple[str, ...]) -> Store:
        """Begin in a folder, or go on in one that was begun with the same request.

        Raises
        ------
        FileError
            If it holds the rows of another request, is damaged or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{folder} cannot be made: {error.strerror or error}") from error
        path = folder / _REQUEST
        if path.exists():
            found, _ = unseal(read_bytes(path, _LARGEST), path, _FORMAT)
            if found.get("request") != request:
                raise FileError(
                    f"{folder} holds the rows of another table, estimator, model or outputs, or of another version of "
                    "skdyn: choose another folder"
                )
        else:
            write_file(path, seal({"request": request}, {}, _FORMAT))
        return cls(folder, request, outputs)

    def read(self, number: int, count: int) -> list[Row] | None:
        """The rows of a batch; None if there are none yet.

        Raises
        ------
        FileError
            If they are damaged, or those of another batch.
        """
        path = self._path(number)
        if not path.exists():
            return None
        found, _ = unseal(read_bytes(path, _LARGEST), path, _FORMAT, constants=True)
        rows, names = found.get("rows"), {"n_trajectories", "n_points", *self.outputs, "error"}
        fits = isinstance(rows, list) and len(rows) == count and all(
            isinstance(row, dict) and set(row) == names for row in rows
        )  # fmt: skip
        if found.get("request") != self.request or not fits:
            raise FileError(f"{path} does not hold the {count} rows of this batch: remove it to fit them again")
        return list(rows) if isinstance(rows, list) else None

    def write(self, number: int, rows: Sequence[Row]) -> None:
        """Keep the rows of a batch."""
        write_file(self._path(number), seal({"request": self.request, "rows": list(rows)}, {}, _FORMAT))

    def _path(self, number: int) -> Path:
        return self.folder / f"rows-{number:06d}.json"


def request_of(
    groups: Groups, reading: Reading, estimator: Any, outputs: tuple[str, ...], horizon: int, weights: str | None
) -> str:
    """The sha256 of all that the rows follow from: data, keys, estimator, weights, version, and what is asked."""
    parameters = sorted((name, repr(value)) for name, value in estimator.get_params().items())
    asked = (type(estimator).__qualname__, parameters, weights, outputs, horizon, groups.by, reading, __version__)
    digests = [repr(asked).encode()]
    for key, table in zip(groups.keys, groups.tables, strict=True):
        digests.append(repr((key, list(table.columns))).encode())
        for name in table.columns:
            values = np.asarray(table[name])
            digests.append(repr(values.tolist()).encode() if values.dtype.kind in "OUS" else values.tobytes())
    return sha256(json.dumps([sha256(part) for part in digests]).encode())
