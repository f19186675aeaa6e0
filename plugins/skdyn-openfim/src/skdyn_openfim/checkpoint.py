"""The layout of OpenFIM's checkpoints: how to recognise one, and what each tensor is called here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ODE_SIGNATURE = ("attention_method", "dim_embed", "dim_max_trajectory", "num_res_layers_functional_decoder")
_SDE_SIGNATURE = ("max_dimension", "model_embedding_size", "psi_1", "operator")

_Patterns = tuple[tuple[str, str], ...]

_ODE_MODULES: _Patterns = (
    (r"trajectory_encoder\.delta_t_proj\.", "tokens.step."),
    (r"trajectory_encoder\.x_proj\.", "tokens.state."),
    (r"trajectory_encoder\.delta_x_proj\.", "tokens.increment."),
    (r"trajectory_encoder\.delta_x_squared_proj\.", "tokens.square."),
    (r"trajectory_encoder\.context_encoder\.layers\.(\d+)\.self_attn\.", r"encoder.\1."),
    (r"location_proj\.", "embed_query."),
    (r"functional_decoder\.res_layers\.(\d+)\.", r"field.blocks.\1."),
    (r"functional_decoder\.projection\.layers\.", "field.mlp."),
    (r"u_model\.functional_encoder\.res_layers\.(\d+)\.", r"uncertainty.blocks.\1."),
    (r"u_model\.functional_encoder\.projection\.layers\.", "uncertainty.mlp."),
)
_SDE_MODULES: _Patterns = (
    (r"phi_0t\.", "tokens.step."),
    (r"phi_0x_x\.", "tokens.state."),
    (r"phi_0x_dx\.", "tokens.increment."),
    (r"phi_0x2_dx\.", "tokens.square."),
    (r"psi_1\.layers\.(\d+)\.self_attn\.", r"encoder.\1."),
    (r"phi_1x\.", "embed_query."),
    (r"operator_(drift|diffusion|loss_scale)\.res_layers\.(\d+)\.", r"\1.blocks.\2."),
    (r"operator_(drift|diffusion|loss_scale)\.projection\.layers\.", r"\1.mlp."),
)
# In every FIM-SDE checkpoint, but not used by the network: a projection, and in older ones the second copy of the
# loss-scale head.
_SDE_IGNORED = ("phi_0.", "operator_loss_scale_diffusion.")
_LAYERS = {
    "attn.linear_Q": "attention.query",
    "attn.linear_K": "attention.key",
    "attn.linear_V": "attention.value",
    "attn.out_proj": "attention.output",
    "attn.in_proj_weight": "attention.inputs.weight",
    "attn.in_proj_bias": "attention.inputs.bias",
    "linear1": "expand",
    "linear2": "contract",
}


def recognises_ode(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of a FIM-ODE model of OpenFIM."""
    model = config.get("model_config")
    return isinstance(model, Mapping) and all(key in model for key in _ODE_SIGNATURE)


def recognises_sde(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of a FIM-SDE model of OpenFIM."""
    return all(key in config for key in _SDE_SIGNATURE)


def ode_name(name: str) -> str:
    """Translate the name of a tensor in the file to its name in `skdyn_openfim.ode_network.FIMODE`.

    Uploads of finetuned models have ``model.`` before every name. A name that is not known is returned as it is, for
    skdyn to refuse.

    Examples
    --------
    >>> ode_name("model.functional_decoder.res_layers.3.attn.linear_Q.weight")
    'field.blocks.3.attention.query.weight'
    """
    return _own_name(name.removeprefix("model."), _ODE_MODULES) or name


def sde_name(name: str) -> str | None:
    """Translate the name of a tensor in the file to its name in `skdyn_openfim.sde_network.FIMSDE`.

    None stands for tensors that the network does not use. A name that is not known is returned as it is, for skdyn to
    refuse.

    Examples
    --------
    >>> sde_name("operator_drift.res_layers.3.attn.in_proj_weight")
    'drift.blocks.3.attention.inputs.weight'
    """
    if name.startswith(_SDE_IGNORED):
        return None
    current = re.sub(r"^operator_loss_scale_drift\.", "operator_loss_scale.", name)
    return _own_name(current, _SDE_MODULES) or name


def _own_name(name: str, modules: _Patterns) -> str | None:
    for pattern, module in modules:
        if match := re.match(pattern, name):
            rest = name[match.end() :]
            for theirs, ours in _LAYERS.items():
                if rest == theirs or rest.startswith(f"{theirs}."):
                    rest = ours + rest[len(theirs) :]
                    break
            return match.expand(module) + rest
    return None
