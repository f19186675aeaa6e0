"""Which estimators there are; plugins announce theirs, each a class, in the entry-point group ``skdyn.estimators``."""

from __future__ import annotations

from typing import Any

from skdyn.exceptions import PluginError
from skdyn.models.catalogue import Catalogue


def _checked(name: str, value: Any, origin: str) -> type:
    if not (isinstance(value, type) and hasattr(value, "fit") and hasattr(value, "get_params")):
        raise PluginError(f"skdyn.estimators: {name!r} of {origin} is not an estimator class")
    return value


CATALOGUE = Catalogue(
    "skdyn.estimators",
    {
        "coarse-graining": "skdyn.estimators._coarse_graining:FIMCoarseGrainer",
        "fim-ode": "skdyn.estimators._fim_ode:FIMODERegressor",
        "fim-sde": "skdyn.estimators._fim_sde:FIMSDERegressor",
        "lass-ode": "skdyn.estimators._lass_ode:LASSODEForecaster",
        "sparse-ode": "skdyn.estimators._sparse_ode:SparseODERegressor",
    },
    _checked,
)


def list_estimators() -> list[str]:
    """Names that `make_estimator` accepts, sorted; nothing is imported."""
    return CATALOGUE.names()


def get_estimator(name: str) -> type:
    """Return the class of a registered estimator.

    Raises
    ------
    PluginError
        If no estimator has this name, or the plugin that offers it is broken.
    """
    return CATALOGUE.get(name)


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


def register_estimator(name: str, estimator: type) -> None:
    """Make an estimator class known to this process; a name in use is a PluginError."""
    CATALOGUE.register(name, estimator, "register_estimator")
