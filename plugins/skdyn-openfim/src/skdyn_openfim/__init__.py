"""The FIM-ODE checkpoints of the OpenFIM project as models of skdyn.

Installing this package is enough: skdyn finds it by its entry point, lists ``"openfim/fim-ode"`` and loads any folder
or hub repository in the authors' format.

Sources: FIM-ODE (arXiv 2602.08733) and the layout of the checkpoints published with it (OpenFIM, MIT licence).

Examples
--------
>>> import skdyn
>>> "openfim/fim-ode" in skdyn.list_models()
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdyn.registry import ModelSpec
from skdyn_openfim.checkpoint import own_name, recognises
from skdyn_openfim.config import FIMODEConfig
from skdyn_openfim.scaling import delta_log_scaling

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FIM_ODE", "FIMODEConfig", "delta_log_scaling"]
__version__ = "0.1.0"


def _network(config: FIMODEConfig) -> nn.Module:
    from skdyn_openfim.network import FIMODE

    return FIMODE(config)


FIM_ODE = ModelSpec(
    name="openfim/fim-ode",
    summary="vector fields of ODEs of up to 3 variables: the weights published with arXiv 2602.08733",
    location="hf://FIM4Science/fim-ode/base_model/checkpoints/best-model@main",
    recognises=recognises,
    configure=FIMODEConfig.from_dict,
    network=_network,
    scaling=delta_log_scaling,
    rename=own_name,
)
