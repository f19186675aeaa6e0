"""Adapter folders: low-rank updates of one base model, tied to it by its sha256, read without trusting them.

A folder holds ``adapter.json`` (the base, rank, targets and the record of the training) and ``adapter.safetensors``
(the factors). Everything that is wrong with them is a `WeightsError` that names the file.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from skdyn.exceptions import WeightsError
from skdyn.files.folder import Part, read_folder
from skdyn.files.paths import user_path
from skdyn.files.reading import parse_json, sha256
from skdyn.files.writing import write_folder
from skdyn.models.registry import calling
from skdyn.models.sharing import Shared
from skdyn.models.weights import LoadedModel, read_tensors
from skdyn.nn.lora import add_low_rank, load_low_rank_state, low_rank_state, merge
from skdyn.nn.plain_torch import plain_torch

CONFIG, TENSORS = "adapter.json", "adapter.safetensors"
MAX_BYTES = 2_000_000
"""Largest size of an adapter's factors."""

_TYPE, _VERSION = "lora", 1
_KEYS = {"adapter_type", "format_version", "base", "rank", "alpha", "targets", "tensors_sha256", "training"}
_SEAL = "description_sha256"  # in the factors' metadata, so that each file vouches for the other
_SHA256 = re.compile(r"[0-9a-f]{64}")

_MERGED: Shared[tuple[str, str, str], LoadedModel] = Shared(16)


def save_adapter(
    folder: str | os.PathLike[str],
    base: LoadedModel,
    rank: int,
    alpha: float,
    state: Mapping[str, Tensor],
    training: Mapping[str, Any],
) -> None:
    """Write an adapter folder; an earlier adapter there is replaced, all of it or nothing.

    Parameters
    ----------
    folder : str or path
        Made if it does not exist.
    base : LoadedModel
        The model that the adapter belongs to, and to no other.
    rank, alpha : int, float
        As given to `skdyn.nn.lora.add_low_rank`.
    state : mapping
        What `skdyn.nn.lora.low_rank_state` returned.
    training : mapping
        The record of the training, for ``adapter.json``: anything that JSON can hold.

    Raises
    ------
    ValueError
        If the factors take more than 2 MB, or are not all finite.
    FileError
        If the folder cannot be written; an earlier adapter there is then as it was.
    """
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise ValueError("the adapter holds NaN or infinite values; its training has diverged")
    description = {
        "adapter_type": _TYPE,
        "format_version": _VERSION,
        "base": {"model": base.spec.name, "sha256": base.sha256},
        "rank": rank,
        "alpha": alpha,
        "targets": [name.removesuffix(".down") for name in state if name.endswith(".down")],
        "training": dict(training),
    }
    factors = {name: tensor.detach().float().contiguous() for name, tensor in state.items()}
    blob = save(factors, metadata={_SEAL: _seal(description)})
    if len(blob) > MAX_BYTES:
        raise ValueError(
            f"the adapter takes {len(blob)} bytes, more than {MAX_BYTES}; choose a smaller rank than {rank}"
        )
    content = (json.dumps(description | {"tensors_sha256": sha256(blob)}, indent=2) + "\n").encode()
    write_folder(user_path(folder), [(TENSORS, blob)], CONFIG, lambda _: content)


def load_adapter(folder: str | os.PathLike[str], base: LoadedModel) -> LoadedModel:
    """Merge an adapter into its base, once per process for equal content; the base is left as it is.

    Parameters
    ----------
    folder : str or path
    base : LoadedModel

    Returns
    -------
    LoadedModel
        Its ``sha256`` is of the base's and the adapter's together, so that several adapters of one base, and the base
        itself, live side by side. Layers without an update share their parameters with the base.

    Raises
    ------
    WeightsError
        If the folder cannot be found, read or trusted, or is an adapter of another base.
    """
    if not isinstance(folder, (str, os.PathLike)) or not str(folder):
        raise WeightsError(f"adapter must be a folder, got {folder!r}")
    path = user_path(folder, WeightsError, "adapter folder")
    try:
        missing = [name for name in (CONFIG, TENSORS) if not (path / name).is_file()]
    except OSError as error:  # a name too long, a folder that may not be entered
        raise WeightsError(f"the adapter folder {str(folder)!r} cannot be found: {error}") from None
    if missing:
        raise WeightsError(f"the adapter folder {path.absolute()} has no file {' and no file '.join(missing)}")

    def wanted(content: bytes) -> dict[str, Part]:
        values = _parse(parse_json(content, path / CONFIG, WeightsError), path / CONFIG)
        return {TENSORS: Part(str(values["tensors_sha256"]), MAX_BYTES)}

    files = read_folder(path, CONFIG, wanted, WeightsError, follow=True)
    key = base.sha256, sha256("".join(sha256(files[name]) for name in (CONFIG, TENSORS)).encode())

    @plain_torch()  # the model is shared by all later calls
    def merged() -> LoadedModel:
        config = parse_json(files[CONFIG], path / CONFIG, WeightsError)
        _check_base(config["base"], base, path)
        network = _merge(base, config, files[TENSORS], path)
        return dataclasses.replace(base, network=network, sha256=sha256("".join(key).encode()))

    return dataclasses.replace(
        _MERGED.get((base.spec.name, *key), merged), source=f"{base.source} with the adapter {path}"
    )


def _parse(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Check the description before anything is built from it."""
    if (kind := values.get("adapter_type")) != _TYPE:
        raise WeightsError(f"{path} is not an adapter: adapter_type must be {_TYPE!r}, got {kind!r}")
    if (version := values.get("format_version")) != _VERSION or type(version) is not int:
        raise WeightsError(f"{path}: format_version must be {_VERSION}, got {version!r}")
    if wrong := sorted(_KEYS ^ values.keys()):
        raise WeightsError(f"{path}: {'missing' if wrong[0] in _KEYS else 'unknown'} key {wrong[0]!r}")
    base, rank, alpha, targets = (values[name] for name in ("base", "rank", "alpha", "targets"))
    if not (
        isinstance(base, dict)
        and base.keys() == {"model", "sha256"}
        and isinstance(base["model"], str)
        and isinstance(base["sha256"], str)
        and _SHA256.fullmatch(base["sha256"])
    ):
        raise WeightsError(f"{path}: base must have a model's name and its sha256, got {base!r}")
    if type(rank) is not int or not 1 <= rank <= 4096:
        raise WeightsError(f"{path}: rank must be an integer between 1 and 4096, got {rank!r}")
    if type(alpha) not in (int, float) or not (math.isfinite(alpha) and 0 < alpha <= 1e6):
        raise WeightsError(f"{path}: alpha must be a positive number of at most 1e6, got {alpha!r}")
    if not isinstance(targets, list) or not 1 <= len(targets) <= 4096 or not all(isinstance(n, str) for n in targets):
        raise WeightsError(f"{path}: targets must be a list of 1 to 4096 names, got {str(targets)[:80]}")
    if not isinstance(values["training"], dict):
        raise WeightsError(f"{path}: training must be an object, got {type(values['training']).__name__}")
    return values


def _seal(description: Mapping[str, Any]) -> str:
    """The sha256 of a description without that of the factors."""
    values = json.loads(json.dumps(description))  # keys as JSON has them
    values.pop("tensors_sha256", None)
    return sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode())


def _check_base(wanted: Mapping[str, str], base: LoadedModel, path: Path) -> None:
    if wanted["sha256"] != base.sha256:
        raise WeightsError(
            f"the adapter {path} was trained on other weights than those of {base.source}: on {wanted['model']!r} with "
            f"sha256 {wanted['sha256'][:16]}, not on {base.spec.name!r} with sha256 {base.sha256[:16]}; pass the model "
            "it was trained on, or train it anew"
        )


def _merge(base: LoadedModel, config: Mapping[str, Any], blob: bytes, path: Path) -> torch.nn.Module:
    try:
        with calling(base.spec, f"cannot take the adapter {path}", (ValueError,)):
            adapted = add_low_rank(base.network, config["targets"], config["rank"], config["alpha"])
    except ValueError as error:
        raise WeightsError(f"{path / CONFIG} does not fit {base.spec.name!r}: {error}") from None
    expected = {name: tuple(tensor.shape) for name, tensor in low_rank_state(adapted).items()}
    load_low_rank_state(adapted, read_tensors(blob, path / TENSORS, expected, f"an adapter of {base.spec.name}"))
    header = parse_json(blob[8 : 8 + int.from_bytes(blob[:8], "little")], path / TENSORS, WeightsError)
    if (header.get("__metadata__") or {}).get(_SEAL, _seal(config)) != _seal(config):
        raise WeightsError(f"{path / CONFIG} is damaged or altered: it is not the one that {TENSORS} was written with")
    merged = merge(adapted)
    if not all(bool(tensor.isfinite().all()) for tensor in merged.parameters()):
        raise WeightsError(f"{path / TENSORS}: the merged weights overflow float32")
    return merged
