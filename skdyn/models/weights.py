"""Read a model's configuration and tensors from its files, trusting neither.

No file is unpickled or evaluated. Everything that is wrong with a file is a `WeightsError` that names the file and the
reason, raised before anything large is allocated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn
from torch.overrides import TorchFunctionMode

from skdyn.exceptions import PluginError, WeightsError
from skdyn.files.folder import Part, read_folder, stamp
from skdyn.files.reading import parse_json, read_bytes, sha256
from skdyn.models.locations import CONFIG, TENSORS, ModelFiles, locate
from skdyn.models.registry import calling, recognise_model
from skdyn.models.sharing import Shared
from skdyn.models.spec import ModelSpec
from skdyn.nn.plain_torch import plain_torch

_LIMITS = {CONFIG: 2**20, TENSORS: 4 * 2**30}  # bytes
_MAX_HEADER = 32 * 2**20
_FLOATS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}


@dataclass(frozen=True)
class LoadedModel:
    """A checked model, shared by the whole process and never modified.

    Attributes
    ----------
    spec : ModelSpec
    config : frozen configuration of the network
    network : torch.nn.Module
        On the CPU in float32, in evaluation mode, without gradients.
    source : str
        Where the files came from.
    sha256 : str
        Of the configuration and the tensors together: the identity of the weights.
    """

    spec: ModelSpec
    config: Any
    network: nn.Module
    source: str
    sha256: str

    @property
    def max_variables(self) -> int:
        """Largest number of variables that the model takes."""
        return getattr(self.config, "max_variables", self.config.max_dim)

    @property
    def sees_origin(self) -> bool:
        """Whether the network is told where the user's zero is; see `skdyn.models.spec.ModelSpec`."""
        return getattr(self.network, "sees_origin", False)

    @property
    def takes_outside(self) -> bool:
        """Whether the network takes inputs and parameters; see `skdyn.models.spec.ModelSpec`."""
        return getattr(self.network, "takes_outside", False)


_LOADED: Shared[tuple[Any, ...], LoadedModel] = Shared(8)


class _Unfilled(TorchFunctionMode):
    """Parameters are made without first values: on the meta device drawing these would import torch's compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def load_model(model: str | os.PathLike[str]) -> LoadedModel:
    """Load a model once per process; see `skdyn.models.locations.locate` for what names it.

    A registered name is read by its own `ModelSpec`; a folder or a hub id by the first that recognises it.

    Raises
    ------
    WeightsError
        If the files cannot be found, read or trusted.
    """
    files = locate(model)
    places = [path for path in (files.config, files.tensors, files.sums) if path is not None]
    name = None if files.spec is None else files.spec.name
    return _LOADED.get((name, *((str(path), stamp(path)) for path in places)), lambda: _load(files))


@plain_torch()  # the model is shared by all later calls
def _load(files: ModelFiles) -> LoadedModel:
    content = _read(files)
    spec, config = _configure(files, parse_json(content[CONFIG], files.config, WeightsError))
    blob = content[TENSORS]
    try:
        with calling(spec, f"fails to build its network from {files.config}"), torch.device("meta"), _Unfilled():
            network = spec.network(config)
            expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{files.config}: {spec.name} cannot be built from it: {error}") from error

    def rename(name: str) -> str | None:
        with calling(spec, f"fails to rename the tensor {name!r} of {files.tensors}"):
            own = spec.rename(name)
            if not (own is None or isinstance(own, str)):
                raise TypeError(f"a name must be a str or None, not a {type(own).__name__}")
            return own

    state = read_tensors(blob, files.tensors, expected, spec.name, rename)
    with calling(spec, f"cannot take the tensors of {files.tensors}"):
        network.load_state_dict(state, assign=True)
        network.eval().requires_grad_(False)
    identity = sha256("".join(sha256(content[name]) for name in (CONFIG, TENSORS)).encode())
    return LoadedModel(spec, config, network, files.source, identity)


def _configure(files: ModelFiles, values: Mapping[str, Any]) -> tuple[ModelSpec, Any]:
    path, spec = files.config, _spec_of(files, values)
    try:
        with calling(spec, f"fails to read {path}", (ValueError,)):
            config = spec.configure(values)
            if type(config.max_dim) is not int or config.max_dim < 1:
                raise TypeError(f"max_dim must be a positive integer, got {config.max_dim!r}")
            return spec, config
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise WeightsError(f"{path} is not a configuration of {spec.name}: {error}") from error


def _spec_of(files: ModelFiles, values: Mapping[str, Any]) -> ModelSpec:
    """Whose configuration it is: of the name that was asked for, or of whoever recognises it."""
    kind, named = values.get("model_type", "none"), files.spec
    if named is not None:
        with calling(named, f"cannot judge {files.config}"):
            if named.recognises(values):
                return named
    try:
        found = recognise_model(values)
    except PluginError as error:
        whose = "" if named is None else f", asked for as {named.name!r}"
        raise WeightsError(f"{files.config}{whose}: unknown model_type {kind!r}: {error}") from error
    if named is None:
        return found
    raise WeightsError(
        f"the model {named.name!r} does not recognise its own {files.config}, with model_type {kind!r}, which "
        f"{found.name!r} does: correct its `recognises` or its `location`, or pass model={str(files.config.parent)!r}"
    )


def _read(files: ModelFiles) -> dict[str, bytes]:
    """Configuration and tensors; where there are checksums, of one copy, also while another one is put in its place."""
    if (sums := files.sums) is not None:
        return read_folder(sums.parent, sums.name, lambda content: _listed(content, sums), WeightsError, follow=True)
    places = {CONFIG: files.config, TENSORS: files.tensors}
    return {name: read_bytes(path, _LIMITS[name], WeightsError, follow=True) for name, path in places.items()}


def _listed(content: bytes, path: Path) -> dict[str, Part]:
    """The checksums of a model's two files."""
    lines = content.decode("utf-8", errors="replace").splitlines()
    listed = {parts[1].lstrip("*"): parts[0].lower() for parts in map(str.split, lines) if len(parts) == 2}
    for name in _LIMITS:
        if name not in listed:
            raise WeightsError(f"{path} does not list {name}")
    return {name: Part(listed[name], limit) for name, limit in _LIMITS.items()}


def read_tensors(
    blob: bytes,
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    owner: str,
    rename: Callable[[str], str | None] = lambda name: name,
) -> dict[str, torch.Tensor]:
    """Check and read a safetensors file.

    Parameters
    ----------
    blob : bytes
        Its content.
    path : Path
        What errors call it.
    expected : mapping of str to shape
        The tensors that must be there, and no others.
    owner : str
        Whom errors say the tensors are for.
    rename : callable (str) -> str or None, optional
        From the file's names to the expected ones; None ignores a tensor.

    Returns
    -------
    dict
        The tensors in float32, all finite, under their expected names.

    Raises
    ------
    WeightsError
    """
    names = _check_header(blob, path, expected, owner, rename)
    try:
        tensors = load_safetensors(blob)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    state = {own: tensors[name].to(torch.float32) for name, own in names.items()}
    for name, own in names.items():
        if not bool(torch.isfinite(state[own]).all()):
            raise WeightsError(f"{path}: tensor {name!r} holds NaN or infinite values")
    return state


def _check_header(
    blob: bytes,
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    owner: str,
    rename: Callable[[str], str | None],
) -> dict[str, str]:
    """Check names, types, shapes and offsets in the header; return the expected name of each tensor to read."""
    length = int.from_bytes(blob[:8], "little")
    if len(blob) < 8 or not 2 <= length <= min(_MAX_HEADER, len(blob) - 8):
        raise WeightsError(f"{path} is truncated or is not a safetensors file ({len(blob)} bytes)")
    header = parse_json(blob[8 : 8 + length], path, WeightsError)
    header.pop("__metadata__", None)
    names: dict[str, str] = {}
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: _start(item[1], item[0], path)):
        shape, (start, stop) = entry.get("shape"), entry["data_offsets"]
        if not isinstance(entry.get("dtype"), str) or entry["dtype"] not in _FLOATS:
            raise WeightsError(
                f"{path}: tensor {name!r} has type {entry.get('dtype')!r}; expected {', '.join(_FLOATS)}"
            )
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise WeightsError(f"{path}: tensor {name!r} has shape {shape!r}")
        size = _FLOATS[entry["dtype"]]
        for n in shape:
            size *= n
        if start != end or stop - start != size:
            raise WeightsError(f"{path}: tensor {name!r} has offsets {start}:{stop} that do not fit its shape or place")
        end = stop
        own = rename(name)
        if own is None:
            continue
        if own not in expected:
            raise WeightsError(f"{path}: unexpected tensor {name!r} for {owner}")
        if own in names.values():
            raise WeightsError(f"{path}: two tensors are named {own!r} by {owner}")
        if tuple(shape) != expected[own]:
            raise WeightsError(
                f"{path}: tensor {name!r} has shape {tuple(shape)}, the configuration says {expected[own]}"
            )
        names[name] = own
    if end != len(blob) - 8 - length:
        raise WeightsError(f"{path} is truncated or has trailing bytes: {len(blob) - 8 - length} for {end} expected")
    if missing := sorted(set(expected) - set(names.values())):
        raise WeightsError(f"{path}: {len(missing)} tensors are missing, the first is {missing[0]!r}")
    return names


def _start(entry: Any, name: str, path: Path) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(o) is int and o >= 0 for o in offsets)):
        raise WeightsError(f"{path}: tensor {name!r} has no valid place in the file")
    return offsets[0]
