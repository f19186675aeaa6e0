"""The FIM-ODE and FIM-SDE checkpoints of the OpenFIM project as models of skdyn.

Installing this package is enough: skdyn finds it by its entry points, lists ``"openfim/fim-ode"`` and
``"openfim/fim-sde"``, and loads any folder or hub repository in the authors' formats.

Sources: FIM-ODE (arXiv 2602.08733), FIM-SDE (arXiv 2502.19049) and the layout of the checkpoints published with them
(OpenFIM, MIT licence).

Examples
--------
>>> import skdyn
>>> {"openfim/fim-ode", "openfim/fim-sde"} <= set(skdyn.list_models())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdyn.plugins import ModelSpec
from skdyn_openfim.checkpoint import ode_name, recognises_ode, recognises_sde, sde_name
from skdyn_openfim.ode_config import FIMODEConfig
from skdyn_openfim.scaling import delta_log_scaling
from skdyn_openfim.sde_config import FIMSDEConfig

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FIM_ODE", "FIM_SDE", "FIMODEConfig", "FIMSDEConfig", "delta_log_scaling"]
__version__ = "0.1.0"


def _ode_network(config: FIMODEConfig) -> nn.Module:
    from skdyn_openfim.ode_network import FIMODE

    return FIMODE(config)


def _sde_network(config: FIMSDEConfig) -> nn.Module:
    from skdyn_openfim.sde_network import FIMSDE

    return FIMSDE(config)


FIM_ODE = ModelSpec(
    name="openfim/fim-ode",
    kind="ode",
    summary="vector fields of ODEs of up to 3 variables: the weights published with arXiv 2602.08733",
    location="hf://FIM4Science/fim-ode/base_model/checkpoints/best-model@main",
    recognises=recognises_ode,
    configure=FIMODEConfig.from_dict,
    network=_ode_network,
    scaling=delta_log_scaling,
    rename=ode_name,
)
FIM_SDE = ModelSpec(
    name="openfim/fim-sde",
    kind="sde",
    summary="drift and diffusion of SDEs of up to 3 variables: the weights published with arXiv 2502.19049",
    location="hf://FIM4Science/fim-sde@main",
    recognises=recognises_sde,
    configure=FIMSDEConfig.from_dict,
    network=_sde_network,
    scaling=delta_log_scaling,
    rename=sde_name,
)
