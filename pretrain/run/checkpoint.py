"""Checkpoints that survive: each takes its place whole, and is verified before it is used.

A checkpoint is a folder ``step-000001234`` with ``checkpoint.json`` (plain values, the list of tensors, the sha256 of
each part and of itself) and one or more ``part-000.safetensors``. No pickle.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from skdyn.exceptions import FileError
from skdyn.files.folder import Part, read_folder
from skdyn.files.manifest import seal, unseal
from skdyn.files.writing import write_folder

_MANIFEST = "checkpoint.json"
_FORMAT = 2
_PREFIX = "step-"
_PART = re.compile(r"part-\d{3,9}\.safetensors")
_WIDEST = 16  # bytes of a number
_HEADER = 2**16  # bytes that a part takes beside its numbers, for each tensor


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name and plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def save_checkpoint(
    folder: Path, step: int, checkpoint: Checkpoint, shard_mb: float | None = None, keep: int = 2
) -> Path:
    """Write a checkpoint, then remove all but it and the newest others, ``keep`` in all.

    Whatever interrupts it, checkpoints that were complete before stay so, also one of the same step: see
    `skdyn.files.writing`.

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

    Raises
    ------
    FileError
        If it cannot be written, for instance because the disk is full.
    """
    final = folder / f"{_PREFIX}{step:09d}"
    shapes = {name: list(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    values = {"values": checkpoint.values, "shapes": shapes}
    parts = (
        (f"part-{number:03d}.safetensors", save(pieces))
        for number, pieces in enumerate(_parts(checkpoint.tensors, shard_mb))
    )
    write_folder(final, parts, _MANIFEST, lambda digests: seal(values, digests, _FORMAT))
    # After a fall back from damaged checkpoints, those of later steps are not newer than this one.
    others = [path for path in reversed(list_checkpoints(folder)) if path != final]
    kept = {final, *others[: keep - 1]}
    # Those without a manifest are what is left of others that were killed before they were complete.
    for old in set(folder.glob(f"{_PREFIX}*")) - kept:
        shutil.rmtree(old, ignore_errors=True)
    return final


def check_shard(shard_mb: float) -> float:
    """The largest part in megabytes, or a ValueError where it leaves no room beside its header."""
    if not 2 * _HEADER <= shard_mb * 1e6 < math.inf:
        raise ValueError(f"parts of {shard_mb} MB are too small, or no size; the smallest is 0.14 MB")
    return shard_mb


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / _MANIFEST).is_file())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Load the newest checkpoint that is intact, falling back to older ones.

    Raises
    ------
    FileNotFoundError
        If there is none.
    FileError
        If there are some and all are damaged; the message says how.
    """
    problems = []
    for path in reversed(list_checkpoints(folder)):
        try:
            return _load(path)
        except Exception as error:  # whatever is wrong with this one, the one before may be intact
            problems.append(f"{path.name}: {type(error).__name__}: {error}")
    if problems:
        raise FileError(f"every checkpoint in {folder} is damaged: {'; '.join(problems)}")
    raise FileNotFoundError(f"{folder} holds no checkpoint: name the folder of a run")


def _load(path: Path) -> Checkpoint:
    def wanted(content: bytes) -> dict[str, Part]:
        described, digests = unseal(content, path / _MANIFEST, _FORMAT, constants=True)
        if wrong := [name for name in digests if not _PART.fullmatch(name)]:
            raise FileError(f"{path / _MANIFEST} names a part {wrong[0]!r:.80}, which is none")
        shapes = described["shapes"].values()
        limit = sum(_WIDEST * math.prod(shape) for shape in shapes) + _HEADER * (len(shapes) + 1)
        return {name: Part(digest, limit) for name, digest in digests.items()}

    files = read_folder(path, _MANIFEST, wanted)
    manifest, digests = unseal(files[_MANIFEST], path / _MANIFEST, _FORMAT, constants=True)
    pieces: dict[str, dict[int, Tensor]] = {}
    for name in digests:
        for key, piece in load(files.pop(name)).items():
            tensor, _, number = key.rpartition("#")
            pieces.setdefault(tensor, {})[int(number)] = piece
    if set(pieces) != set(manifest["shapes"]) or not isinstance(manifest["values"], dict):
        raise FileError(f"{path} does not hold the tensors that its manifest lists")
    tensors = {}
    for name, shape in manifest["shapes"].items():
        flat = torch.cat([pieces[name][number] for number in sorted(pieces[name])])
        tensors[name] = flat.reshape(shape)
    return Checkpoint(tensors, manifest["values"])


def _parts(tensors: Mapping[str, Tensor], shard_mb: float | None) -> list[dict[str, Tensor]]:
    """Tensors flattened, cut and packed into parts that stay below the limit."""
    limit = math.inf if shard_mb is None else int(check_shard(shard_mb) * 1e6) - _HEADER
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
