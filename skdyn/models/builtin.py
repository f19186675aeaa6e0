"""The models of this package; their networks are imported when they are first needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from skdyn.models.normalization import fim_ode_scaling, fim_sde_scaling
from skdyn.models.spec import Kind, ModelSpec

_BUNDLE = Path(__file__).parents[1] / "bundle"


def _spec(name: str, kind: Kind, summary: str, module: str, network: str, **options: Any) -> ModelSpec:
    """Specification of a model whose name is also the ``model_type`` of its configurations and its folder's."""

    def part(attribute: str) -> Any:
        return getattr(import_module(f"skdyn.nn.{module}"), attribute)

    return ModelSpec(
        name=name,
        kind=kind,
        summary=summary,
        location=_BUNDLE / name,
        recognises=lambda values: values.get("model_type") == name,
        configure=lambda values: part(f"{network}Config").from_dict(values),
        network=lambda configuration: part(network)(configuration),
        **options,
    )


def _by_format(version: Any) -> int:
    if isinstance(version, bool) or version not in (1, 2):
        raise ValueError(f"format_version must be 1 or 2, got {version!r}")
    return int(version)


def _fim_ode_config(values: Mapping[str, Any]) -> Any:
    from skdyn.nn.arbitrated import ArbitratedConfig
    from skdyn.nn.fim_ode import FIMODEConfig

    configs = {1: FIMODEConfig, 2: ArbitratedConfig}
    return configs[_by_format(values.get("format_version"))].from_dict(values)


def _fim_ode_network(configuration: Any) -> Any:
    from skdyn.nn.arbitrated import ArbitratedFIMODE
    from skdyn.nn.fim_ode import FIMODE

    return (ArbitratedFIMODE if configuration.format_version == 2 else FIMODE)(configuration)


def _fim_sde_config(values: Mapping[str, Any]) -> Any:
    from skdyn.nn.arbitrated_sde import ArbitratedSDEConfig
    from skdyn.nn.fim_sde import FIMSDEConfig

    configs = {1: FIMSDEConfig, 2: ArbitratedSDEConfig}
    return configs[_by_format(values.get("format_version"))].from_dict(values)


def _fim_sde_network(configuration: Any) -> Any:
    from skdyn.nn.arbitrated_sde import ArbitratedFIMSDE
    from skdyn.nn.fim_sde import FIMSDE

    return (ArbitratedFIMSDE if configuration.format_version == 2 else FIMSDE)(configuration)


FIM_ODE = ModelSpec(
    name="fim-ode",
    kind="ode",
    summary="vector fields of ODEs, by a network and closed-form fits",
    location=_BUNDLE / "fim-ode",
    recognises=lambda values: values.get("model_type") == "fim-ode",
    configure=_fim_ode_config,
    network=_fim_ode_network,
    scaling=fim_ode_scaling,
    trained_points=200,
)
FIM_SDE = ModelSpec(
    name="fim-sde",
    kind="sde",
    summary="drift and diffusion of SDEs, by a network and closed-form fits",
    location=_BUNDLE / "fim-sde",
    recognises=lambda values: values.get("model_type") == "fim-sde",
    configure=_fim_sde_config,
    network=_fim_sde_network,
    scaling=fim_sde_scaling,
)
LASS_ODE = _spec("lass-ode", "forecast", "forecasts of series of observed dynamical systems", "lass_ode", "LASSODE")
