"""FIM-ODE as an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdyn.normalization import fim_ode_scaling
from skdyn.registry import ModelSpec

if TYPE_CHECKING:
    from torch import nn


def _recognises(config: Mapping[str, Any]) -> bool:
    return config.get("model_type") == "fim-ode"


def _configure(config: Mapping[str, Any]) -> Any:
    from skdyn.nn.fim_ode import FIMODEConfig

    return FIMODEConfig.from_dict(config)


def _network(config: Any) -> nn.Module:
    from skdyn.nn.fim_ode import FIMODE

    return FIMODE(config)


MODEL = ModelSpec(
    name="fim-ode",
    summary="vector fields of ODEs of up to 3 dimensions (bundled)",
    location=Path(__file__).parents[1] / "bundle" / "fim-ode",
    recognises=_recognises,
    configure=_configure,
    network=_network,
    scaling=fim_ode_scaling,
)
