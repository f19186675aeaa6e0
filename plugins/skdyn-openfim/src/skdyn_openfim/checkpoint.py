"""The layout of OpenFIM's FIM-ODE checkpoints: how to recognise one, and what each tensor is called here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SIGNATURE = ("attention_method", "dim_embed", "dim_max_trajectory", "num_res_layers_functional_decoder")

_MODULES = (
    (r"trajectory_encoder\.delta_t_proj\.", "embed_step."),
    (r"trajectory_encoder\.x_proj\.", "embed_state."),
    (r"trajectory_encoder\.delta_x_proj\.", "embed_increment."),
    (r"trajectory_encoder\.delta_x_squared_proj\.", "embed_square."),
    (r"trajectory_encoder\.context_encoder\.layers\.(\d+)\.self_attn\.", r"encoder.\1."),
    (r"location_proj\.", "embed_query."),
    (r"functional_decoder\.res_layers\.(\d+)\.", r"field.blocks.\1."),
    (r"functional_decoder\.projection\.layers\.", "field.mlp."),
    (r"u_model\.functional_encoder\.res_layers\.(\d+)\.", r"uncertainty.blocks.\1."),
    (r"u_model\.functional_encoder\.projection\.layers\.", "uncertainty.mlp."),
)
_LAYERS = {
    "attn.linear_Q": "attention.query",
    "attn.linear_K": "attention.key",
    "attn.linear_V": "attention.value",
    "attn.out_proj": "attention.output",
    "attn.in_proj_weight": "attention.inputs.weight",
    "attn.in_proj_bias": "attention.inputs.bias",
    "linear1": "expand",
    "linear2": "contract",
    "linear_0": "0",
    "linear_1": "2",
    "output": "4",
}


def recognises(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of a FIM-ODE model of OpenFIM."""
    model = config.get("model_config")
    return isinstance(model, Mapping) and all(key in model for key in _SIGNATURE)


def own_name(name: str) -> str:
    """Translate the name of a tensor in the file to its name in `skdyn_openfim.network.FIMODE`.

    Uploads of finetuned models have ``model.`` before every name. A name that is not known is returned as it is, for
    skdyn to refuse.

    Examples
    --------
    >>> own_name("model.functional_decoder.res_layers.3.attn.linear_Q.weight")
    'field.blocks.3.attention.query.weight'
    """
    stripped = name.removeprefix("model.")
    for pattern, module in _MODULES:
        if match := re.match(pattern, stripped):
            rest = stripped[match.end() :]
            for theirs, ours in _LAYERS.items():
                if rest == theirs or rest.startswith(f"{theirs}."):
                    rest = ours + rest[len(theirs) :]
                    break
            return match.expand(module) + rest
    return name
