"""Which models there are; plugins announce theirs, each a `ModelSpec`, in the entry-point group ``skdyn.models``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from skdyn.exceptions import PluginError
from skdyn.models.catalogue import Catalogue, plugin_call
from skdyn.models.spec import ModelSpec


def _checked(name: str, value: Any, origin: str) -> ModelSpec:
    if not isinstance(value, ModelSpec):
        raise PluginError(f"skdyn.models: {name!r} of {origin} is a {type(value).__name__}, not a ModelSpec")
    if value.name != name:
        raise PluginError(f"skdyn.models: {name!r} of {origin} names itself {value.name!r}")
    return value


CATALOGUE = Catalogue(
    "skdyn.models",
    {
        "fim-ode": "skdyn.models.builtin:FIM_ODE",
        "fim-sde": "skdyn.models.builtin:FIM_SDE",
        "lass-ode": "skdyn.models.builtin:LASS_ODE",
    },
    _checked,
)


def list_models() -> list[str]:
    """Names that ``model=`` accepts, sorted; nothing is imported.

    Examples
    --------
    >>> import skdyn
    >>> "fim-ode" in skdyn.list_models()
    True
    """
    return CATALOGUE.names()


def get_model(name: str) -> ModelSpec:
    """Return the specification of a registered model.

    Raises
    ------
    PluginError
        If no model has this name, or the plugin that offers it is broken.
    """
    return CATALOGUE.get(name)


def register_model(spec: ModelSpec) -> None:
    """Make a model known to this process under ``spec.name``; a name in use is a PluginError."""
    CATALOGUE.register(getattr(spec, "name", ""), spec, "register_model")


def calling(spec: ModelSpec, what: str, promised: tuple[type[Exception], ...] = ()) -> AbstractContextManager[None]:
    """Run what a specification names: see `plugin_call` where a plugin has written it, as it is where skdyn has."""
    return nullcontext() if CATALOGUE.is_builtin(spec.name) else plugin_call(repr(spec.name), what, promised)


def recognise_model(config: Mapping[str, Any]) -> ModelSpec:
    """Find the model that a ``config.json`` belongs to; plugins are imported only if no built-in model knows it.

    Raises
    ------
    PluginError
        If no installed model recognises it; the message lists those asked and the plugins that failed.
    """
    problems = []
    names = CATALOGUE.names()
    for name in sorted(names, key=lambda name: not CATALOGUE.is_builtin(name)):
        try:
            spec = CATALOGUE.get(name)
            with calling(spec, "cannot judge it"):
                if spec.recognises(config):
                    return spec
        except PluginError as error:
            problems.append(f"; {error}")
    raise PluginError(f"no installed model recognises it; asked: {', '.join(names)}{''.join(problems)}")
