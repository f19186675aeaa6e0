"""The models of this package; their networks are imported when they are first needed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from skdyn.models.normalization import fim_ode_scaling, fim_sde_scaling
from skdyn.models.spec import Kind, ModelSpec

_BUNDLE = Path(__file__).parents[1] / "bundle"


def _spec(name: str, kind: Kind, summary: str, *formats: tuple[str, str, str], **options: Any) -> ModelSpec:
    """Specification of a model whose name is also the ``model_type`` of its configurations and its folder's.

    ``formats`` are module, network and configuration of each ``format_version`` from 1 on; a model of one format leaves
    it to its configuration to check that.
    """

    def part(version: Any, place: int) -> Any:
        if len(formats) == 1:
            version = 1
        elif isinstance(version, bool) or version not in range(1, len(formats) + 1):
            known = " or ".join(str(k + 1) for k in range(len(formats)))
            raise ValueError(f"format_version must be {known}, got {version!r}")
        module, *names = formats[int(version) - 1]
        return getattr(import_module(f"skdyn.nn.{module}"), names[place])

    return ModelSpec(
        name=name,
        kind=kind,
        summary=summary,
        location=_BUNDLE / name,
        recognises=lambda values: values.get("model_type") == name,
        configure=lambda values: part(values.get("format_version"), 1).from_dict(values),
        network=lambda configuration: part(configuration.format_version, 0)(configuration),
        **options,
    )


FIM_ODE = _spec(
    "fim-ode",
    "ode",
    "vector fields of ODEs, by a network and closed-form fits",
    ("fim_ode", "FIMODE", "FIMODEConfig"),
    ("arbitrated", "ArbitratedFIMODE", "ArbitratedConfig"),
    scaling=fim_ode_scaling,
    trained_points=200,
)
FIM_SDE = _spec(
    "fim-sde",
    "sde",
    "drift and diffusion of SDEs, by a network and closed-form fits",
    ("fim_sde", "FIMSDE", "FIMSDEConfig"),
    ("arbitrated_sde", "ArbitratedFIMSDE", "ArbitratedSDEConfig"),
    scaling=fim_sde_scaling,
)
LASS_ODE = _spec(
    "lass-ode",
    "forecast",
    "forecasts of series of observed dynamical systems",
    ("lass_ode", "LASSODE", "LASSODEConfig"),
)
