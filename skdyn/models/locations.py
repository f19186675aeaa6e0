"""Find a model's folder: registered name, path, the hub's local cache, then the hub itself."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from skdyn.exceptions import PluginError, WeightsError
from skdyn.files.paths import user_path
from skdyn.models.registry import CATALOGUE, get_model, list_models
from skdyn.models.spec import ModelSpec

CONFIG, TENSORS, SUMS = "config.json", "model.safetensors", "SHA256SUMS"
_HUB_ID = re.compile(
    r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?P<folder>(?:/[\w.-]+)*)(?:@(?P<revision>[\w./-]+))?", flags=re.ASCII
)


@dataclass(frozen=True)
class ModelFiles:
    """Where a model's files lie.

    Attributes
    ----------
    source : str
        What to say of their origin: a name, a path or a hub id with its revision.
    config, tensors : Path
    sums : Path or None
        The checksums, where the folder has them.
    spec : ModelSpec or None
        Of the registered name that was asked for; None where whoever knows the configuration is to be found.
    """

    source: str
    config: Path
    tensors: Path
    sums: Path | None
    spec: ModelSpec | None = None


def locate(model: str | os.PathLike[str]) -> ModelFiles:
    """Find a model's files.

    Parameters
    ----------
    model : str or path
        A registered name, a folder, or ``hf://owner/repo[/sub/folder][@revision]``. Names come first, then folders;
        for a hub id the local cache is asked before the network. A path never touches the network, and neither does
        anything while ``HF_HUB_OFFLINE`` or ``SKDYN_OFFLINE`` is set to a true value.

    Raises
    ------
    WeightsError
        Listing every place that was looked at.
    """
    if isinstance(model, os.PathLike):
        return _folder(_read(model))
    if not isinstance(model, str) or not model:
        raise WeightsError(f"model must be a registered name, a folder or an hf:// id, got {model!r}")
    if model.startswith("hf://"):
        return _hub(model)
    if CATALOGUE.is_builtin(model) or model in list_models():  # reading all entry points takes tens of milliseconds
        try:
            spec = get_model(model)
        except PluginError as error:
            raise WeightsError(f"the model {model!r} cannot be used: {error}") from error
        location = str(spec.location)
        return replace(_hub(location) if location.startswith("hf://") else _folder(_read(location)), spec=spec)
    path = _read(model)
    if _is_folder(path):
        return _folder(path)
    raise WeightsError(
        f"no model {model!r}. Looked at: the registered names ({', '.join(list_models())}); "
        f"the folder {str(path.absolute())!r} (there is none). For the hub, write hf://owner/repo@revision"
    )


def _read(place: str | os.PathLike[str]) -> Path:
    return user_path(place, WeightsError, "model folder")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long for a file, a folder that may not be entered
        return False


def _folder(path: Path) -> ModelFiles:
    if not _is_folder(path):
        raise WeightsError(f"the model folder {path.absolute()} does not exist or is not a folder")
    try:
        missing = [name for name in (CONFIG, TENSORS) if not (path / name).is_file()]
        sums = path / SUMS if (path / SUMS).is_file() else None
    except OSError as error:  # a folder that may not be entered
        raise WeightsError(f"the model folder {path.absolute()} cannot be read: {error}") from None
    if missing:
        raise WeightsError(f"the model folder {path.absolute()} has no file {' and no file '.join(missing)}")
    return ModelFiles(str(path), path / CONFIG, path / TENSORS, sums)


def is_offline() -> bool:
    """Whether the environment forbids the network."""
    return any(
        os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")
        for name in ("SKDYN_OFFLINE", "HF_HUB_OFFLINE")
    )


def _hub(identifier: str) -> ModelFiles:
    match = _HUB_ID.fullmatch(identifier)
    if match is None or ".." in identifier:
        raise WeightsError(f"{identifier!r} is not a hub id: write hf://owner/repo[/sub/folder][@revision]")
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    repo, folder, revision = match["repo"], match["folder"].strip("/"), match["revision"] or "main"

    def fetch(name: str, revision: str) -> Path:
        inside = f"{folder}/{name}" if folder else name
        try:
            cached = try_to_load_from_cache(repo, inside, revision=revision)
        except ValueError as error:
            raise WeightsError(f"{identifier!r} is not a hub id: {error}") from None
        if isinstance(cached, (str, os.PathLike)):
            return Path(cached)
        if is_offline():
            raise WeightsError(
                f"{identifier}: {inside} at {revision} is not in the local hub cache, and the environment forbids the "
                "network (SKDYN_OFFLINE or HF_HUB_OFFLINE). Looked at: the local hub cache"
            )
        try:
            return Path(hf_hub_download(repo, inside, revision=revision))
        except Exception as error:  # the hub client's errors are those of its HTTP library, which changes by version
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise WeightsError(
                f"{identifier}: {inside} at {revision} cannot be had. Looked at: the local hub cache (not there); "
                f"the hub ({type(error).__name__}: {reason})"
            ) from error

    config, tensors = fetch(CONFIG, revision), fetch(TENSORS, revision)
    if tensors.parent != config.parent:  # the repository moved on after the configuration had been cached
        commit = config.parents[len(Path(folder).parts)].name
        tensors = fetch(TENSORS, commit)
    sums = config.with_name(SUMS)
    return ModelFiles(f"hf://{repo}{match['folder']}@{revision}", config, tensors, sums if sums.is_file() else None)
