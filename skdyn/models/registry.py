"""Which models and estimators there are: built in, registered by the program, or offered by installed plugins.

Plugins announce themselves through the entry-point groups ``skdyn.models`` (each a `ModelSpec`) and
``skdyn.estimators`` (each an estimator class). Listing reads names only; a plugin is imported when its name is first
asked for, and a plugin that fails is one `PluginError` for that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from skdyn.exceptions import PluginError

if TYPE_CHECKING:
    from torch import nn

    from skdyn.models.normalization import Scaling

MODELS, ESTIMATORS = "skdyn.models", "skdyn.estimators"


def _same_name(name: str) -> str | None:
    return name


@dataclass(frozen=True)
class ModelSpec:
    """How to recognise, check, build and feed one kind of pretrained model.

    Parameters
    ----------
    name : str
        What users pass as ``model=``, for example ``"fim-ode"``.
    summary : str
        One line for listings.
    location : path or str
        Folder of the default weights, or ``hf://owner/repo[/sub/folder][@revision]``.
    recognises : callable (config dict) -> bool
        Whether a folder with this ``config.json`` holds this kind of model.
    configure : callable (config dict) -> frozen configuration with ``max_dim``
        Raises ValueError naming the key that is wrong; allocates nothing.
    network : callable (configuration) -> torch.nn.Module
        With ``encode(states, times, mask, dim_mask) -> encoded`` and ``decode(encoded, queries) -> (field,
        log_scale)`` in normalised units, as `skdyn.nn.fim_ode.FIMODE` has them; a model of SDEs also with
        ``decode_sde``, as `skdyn.nn.fim_sde.FIMSDE` has it. ``encoded`` is a dataclass of tensors (or tuples of
        tensors). It must not keep buffers outside its state dict.
    scaling : callable (states, times, mask) -> Scaling, or None
        See `skdyn.models.normalization.fim_ode_scaling`. None for a forecaster, whose network has ``encode(prefixes) ->
        encoded`` and ``decode(encoded, times)`` instead, as `skdyn.nn.lass_ode.LASSODE` has them.
    rename : callable (str) -> str or None, optional
        Maps a tensor's name in the file to the network's own; None ignores the tensor.
    trained_points : int, optional
        Most points of a trajectory in training; longer ones are cut into several (`skdyn.data.arrangement`).
    """

    name: str
    summary: str
    location: str | Path
    recognises: Callable[[Mapping[str, Any]], bool]
    configure: Callable[[Mapping[str, Any]], Any]
    network: Callable[[Any], nn.Module]
    scaling: Callable[[Any, Any, Any], Scaling] | None
    rename: Callable[[str], str | None] = _same_name
    trained_points: int | None = None


_BUILTIN = {
    MODELS: {
        "fim-ode": "skdyn.estimators._fim_ode:MODEL",
        "fim-sde": "skdyn.estimators._fim_sde:MODEL",
        "lass-ode": "skdyn.estimators._lass_ode:MODEL",
    },
    ESTIMATORS: {
        "coarse-graining": "skdyn.estimators._coarse_graining:FIMCoarseGrainer",
        "fim-ode": "skdyn.estimators._fim_ode:FIMODERegressor",
        "fim-sde": "skdyn.estimators._fim_sde:FIMSDERegressor",
        "lass-ode": "skdyn.estimators._lass_ode:LASSODEForecaster",
        "sparse-ode": "skdyn.estimators._sparse_ode:SparseODERegressor",
    },
}
_lock = RLock()
_registered: dict[str, dict[str, Any]] = {MODELS: {}, ESTIMATORS: {}}
_loaded: dict[tuple[str, str, str], Any] = {}


def list_models() -> list[str]:
    """Names that ``model=`` accepts, sorted; nothing is imported.

    Examples
    --------
    >>> import skdyn
    >>> "fim-ode" in skdyn.list_models()
    True
    """
    return _names(MODELS)


def list_estimators() -> list[str]:
    """Names that `make_estimator` accepts, sorted; nothing is imported."""
    return _names(ESTIMATORS)


def get_model(name: str) -> ModelSpec:
    """Return the specification of a registered model.

    Raises
    ------
    PluginError
        If no model has this name, or the plugin that offers it is broken.
    """
    return _get(MODELS, name)


def get_estimator(name: str) -> type:
    """Return the class of a registered estimator; raises PluginError as `get_model` does."""
    return _get(ESTIMATORS, name)


def make_estimator(name: str, **params: Any) -> Any:
    """Build a registered estimator.

    Parameters
    ----------
    name : str
        One of `list_estimators`.
    **params
        Its constructor's parameters.

    Examples
    --------
    >>> import skdyn
    >>> skdyn.make_estimator("fim-ode", device="cpu")
    FIMODERegressor(device='cpu')
    """
    return get_estimator(name)(**params)


def register_model(spec: ModelSpec) -> None:
    """Make a model known to this process under ``spec.name``; a name in use is a PluginError."""
    name = getattr(spec, "name", "")
    _register(MODELS, name, _checked(MODELS, name, spec, "register_model"))


def register_estimator(name: str, estimator: type) -> None:
    """Make an estimator class known to this process; a name in use is a PluginError."""
    _register(ESTIMATORS, name, _checked(ESTIMATORS, name, estimator, "register_estimator"))


def recognise_model(config: Mapping[str, Any]) -> ModelSpec:
    """Find the model that a ``config.json`` belongs to; plugins are imported only if no built-in model knows it.

    Raises
    ------
    PluginError
        If no installed model recognises it; the message lists those asked and the plugins that failed.
    """
    problems = []
    for name in sorted(_names(MODELS), key=lambda name: name not in _BUILTIN[MODELS]):
        try:
            spec = _get(MODELS, name)
            if spec.recognises(config):
                return spec
        except PluginError as error:
            problems.append(f"; {error}")
        except Exception as error:  # a plugin's own test of the configuration may fail in any way
            problems.append(f"; {name!r} cannot judge it: {type(error).__name__}: {error}")
    raise PluginError(f"no installed model recognises it; asked: {', '.join(_names(MODELS))}{''.join(problems)}")


def plugin_problems() -> list[PluginError]:
    """What is wrong with the installed plugins; importing all of them to find out."""
    problems = []
    for group in (MODELS, ESTIMATORS):
        problems.extend(_announced(group)[1])
        for name in _names(group):
            try:
                _get(group, name)
            except PluginError as error:
                problems.append(error)
        for name in sorted(_BUILTIN[group].keys() & _entry_points(group).keys()):
            where = ", ".join(_origin(entry) for entry in _entry_points(group)[name])
            problems.append(PluginError(f"{group}: {where} offers {name!r}, a built-in name, and is ignored"))
    return problems


def _names(group: str) -> list[str]:
    return sorted({*_BUILTIN[group], *_registered[group], *_entry_points(group)})


def _entry_points(group: str) -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for entry in _announced(group)[0]:
        same = found.setdefault(entry.name, [])
        if all(entry.value != other.value or _origin(entry) != _origin(other) for other in same):
            same.append(entry)
    return found


def _announced(group: str) -> tuple[list[EntryPoint], list[PluginError]]:
    """All entry points of a group, and the packages that have unreadable ones."""
    try:
        return list(entry_points(group=group)), []
    except Exception:  # one unreadable file fails the whole search, which is then done package by package
        found: list[EntryPoint] = []
        problems = []
        for package in distributions():
            try:
                found.extend(package.entry_points.select(group=group))
            except Exception as error:
                problems.append(
                    PluginError(f"{group}: the entry points of {_package(package)} cannot be read: {error}")
                )
        return found, problems


def _package(distribution: Any) -> str:
    try:
        return distribution.name or "an unknown package"
    except Exception:  # a folder without METADATA, left over by an uninstall
        return "an unknown package"


def _origin(entry: EntryPoint) -> str:
    return f"{_package(entry.dist)} ({entry.value})"


def _get(group: str, name: str) -> Any:
    with _lock:
        if target := _BUILTIN[group].get(name):
            module, attribute = target.split(":")
            return getattr(import_module(module), attribute)
        if name in _registered[group]:
            return _registered[group][name]
        entries = _entry_points(group).get(name, [])
        if not entries:
            raise PluginError(f"nothing is registered as {name!r} in {group}; known names: {', '.join(_names(group))}")
        if len(entries) > 1:
            raise PluginError(f"{group}: {name!r} is offered twice: {', '.join(map(_origin, entries))}; uninstall one")
        return _load(group, entries[0])


def _load(group: str, entry: EntryPoint) -> Any:
    key = (group, entry.name, entry.value)
    if key not in _loaded:
        try:
            value = entry.load()
        # A plugin may fail in any way, even by exiting, and must not take the rest with it.
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{group}: {entry.name!r} of {_origin(entry)} fails to import: {type(error).__name__}: {error}"
            ) from error
        _loaded[key] = _checked(group, entry.name, value, _origin(entry))
    return _loaded[key]


def _checked(group: str, name: str, value: Any, origin: str) -> Any:
    if group == MODELS:
        if not isinstance(value, ModelSpec):
            raise PluginError(f"{group}: {name!r} of {origin} is a {type(value).__name__}, not a ModelSpec")
        if value.name != name:
            raise PluginError(f"{group}: {name!r} of {origin} names itself {value.name!r}")
    elif not (isinstance(value, type) and hasattr(value, "fit") and hasattr(value, "get_params")):
        raise PluginError(f"{group}: {name!r} of {origin} is not an estimator class")
    return value


def _register(group: str, name: str, value: Any) -> None:
    with _lock:
        if name in _names(group):
            raise PluginError(f"{group}: the name {name!r} is taken; known names: {', '.join(_names(group))}")
        _registered[group][name] = value
