"""Checkpoints that survive: written beside the good ones, moved into place whole, verified before they are used.

A checkpoint is a folder ``step-000001234`` with ``checkpoint.json`` (plain values, the list of tensors, the sha256 of
each part) and one or more ``part-000.safetensors``. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

_MANIFEST = "checkpoint.json"
_PREFIX = "step-"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name and plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def save_checkpoint(
    folder: Path, step: int, checkpoint: Checkpoint, shard_mb: float | None = None, keep: int = 2
) -> Path:
    """Write a checkpoint, then remove all but the newest ``keep``.

    Whatever interrupts it, checkpoints that were complete before stay untouched: the new one appears under its name
    by one atomic rename, after everything in it has reached the disk.

    Parameters
    ----------
    folder : Path
        Where the run's checkpoints live.
    step : int
    checkpoint : Checkpoint
    shard_mb : float, optional
        Largest part in megabytes (10^6 bytes); one part by default.
    keep : int

    Returns
    -------
    Path
        The new checkpoint's folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{_PREFIX}{step:09d}"
    partial = folder / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        shapes = {name: list(tensor.shape) for name, tensor in checkpoint.tensors.items()}
        parts = {}
        for number, pieces in enumerate(_parts(checkpoint.tensors, shard_mb)):
            path = partial / f"part-{number:03d}.safetensors"
            save_file(pieces, path)
            parts[path.name] = _sha256(path)
            _flush(path)
        manifest = {"values": checkpoint.values, "shapes": shapes, "parts": parts}
        (partial / _MANIFEST).write_text(json.dumps(manifest))
        _flush(partial / _MANIFEST)
        if final.exists():
            shutil.rmtree(final)
        os.replace(partial, final)
        _flush(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / _MANIFEST).is_file())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Load the newest checkpoint that is intact, falling back to older ones.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If there are some and all are damaged; the message says how.
    """
    problems = []
    for path in reversed(list_checkpoints(folder)):
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            problems.append(f"{path.name}: {error}")
    if problems:
        raise ValueError(f"every checkpoint in {folder} is damaged: {'; '.join(problems)}")
    raise FileNotFoundError(f"no checkpoint in {folder}")


def _load(path: Path) -> Checkpoint:
    manifest = json.loads((path / _MANIFEST).read_text())
    pieces: dict[str, dict[int, Tensor]] = {}
    for name, digest in manifest["parts"].items():
        if _sha256(path / name) != digest:
            raise ValueError(f"{name} does not match its sha256")
        for key, piece in load_file(path / name).items():
            tensor, _, number = key.rpartition("#")
            pieces.setdefault(tensor, {})[int(number)] = piece
    tensors = {}
    for name, shape in manifest["shapes"].items():
        flat = torch.cat([pieces[name][number] for number in sorted(pieces[name])])
        tensors[name] = flat.reshape(shape)
    return Checkpoint(tensors, manifest["values"])


def _parts(tensors: Mapping[str, Tensor], shard_mb: float | None) -> list[dict[str, Tensor]]:
    """Tensors flattened, cut and packed into parts that stay below the limit."""
    limit = math.inf if shard_mb is None else int(shard_mb * 1e6) - 65536  # room for the header
    if limit < 65536:
        raise ValueError(f"parts of {shard_mb} MB are too small; the smallest is 0.14 MB")
    parts: list[dict[str, Tensor]] = [{}]
    used = 0
    for name, tensor in tensors.items():
        flat = tensor.detach().reshape(-1).cpu()
        longest = flat.numel() if shard_mb is None else int(limit // flat.element_size())
        for number, piece in enumerate(flat.split(max(longest, 1))):
            size = piece.numel() * piece.element_size()
            # Safetensors' header takes about 100 bytes a tensor.
            if parts[-1] and (used + size > limit or len(parts[-1]) >= 400) and shard_mb is not None:
                parts.append({})
                used = 0
            parts[-1][f"{name}#{number}"] = piece.clone()
            used += size
    return parts


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
