"""Read the ``config.json`` of an OpenFIM FIM-ODE checkpoint: tolerant of unknown keys, strict about the known ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from skdyn_openfim.config import (
    DIMENSIONS,
    FEEDFORWARDS,
    HEADS,
    LAYERS,
    WIDTHS,
    Attention,
    BlockConfig,
    HeadConfig,
    attention,
    check_divisible,
    flag,
    integer,
    section,
)

# FIM-ODE checkpoints say "softmax" for what later versions of OpenFIM call "softmax-gnot"; "softmax-legacy" is this
# package's own name for what those later versions run when they read "softmax".
_FEATURE_MAPS: dict[str, Attention] = {
    "softmax": "gnot",
    "softmax-gnot": "gnot",
    "softmax-efficient": "efficient",
    "softmax-legacy": "legacy",
    "elu": "elu",
}


@dataclass(frozen=True)
class FIMODEConfig:
    """Architecture of a FIM-ODE network of OpenFIM.

    Attributes
    ----------
    max_dim : int
        Largest dimension.
    encoder : BlockConfig
    encoder_layers : int
    field : HeadConfig
    uncertainty : HeadConfig or None
        None without the head that predicts the field's error.
    projection_bias : bool
        Whether the projections of observations and queries have biases.
    uncertainty_loss : {"l1", "mse", "unknown"}
        Which normalised error the uncertainty head was trained to predict.
    """

    max_dim: int
    encoder: BlockConfig
    encoder_layers: int
    field: HeadConfig
    uncertainty: HeadConfig | None
    projection_bias: bool
    uncertainty_loss: Literal["l1", "mse", "unknown"]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FIMODEConfig:
        """Read the authors' configuration.

        Parameters
        ----------
        values : dict
            The whole ``config.json``, with its ``model_config`` and, where there is one, its ``train_config``.

        Raises
        ------
        ValueError
            With the key that is missing, of the wrong type, absurdly large or not supported.
        """
        model = section(values, "model_config")
        train = section(values, "train_config") if values.get("train_config") is not None else {}
        width = integer(model, "dim_embed", WIDTHS)
        heads = integer(model, "num_heads", HEADS)
        check_divisible("dim_embed", width, "num_heads", heads)
        if not flag(model, "times_norm_on_deltas"):
            raise ValueError("times_norm_on_deltas must be true: time scaled by absolute times is not supported")
        block = BlockConfig(
            width=width,
            heads=heads,
            feedforward=integer(model, "dim_feedforward", FEEDFORWARDS),
            attention=attention(model, "attention_method", "attention_map", _FEATURE_MAPS),
            bias=flag(model, "use_bias_in_attention"),
            query_residual=flag(model, "use_query_residual_in_attention"),
        )
        return cls(
            max_dim=integer(model, "dim_max_trajectory", DIMENSIONS),
            encoder=block,
            encoder_layers=integer(model, "num_context_encoder_layers", LAYERS),
            field=HeadConfig(block, integer(model, "num_res_layers_functional_decoder", LAYERS), (width, width)),
            uncertainty=_uncertainty(model, block),
            projection_bias=flag(model, "use_bias_for_projection"),
            uncertainty_loss=_uncertainty_loss(train),
        )


def _uncertainty(model: Mapping[str, Any], block: BlockConfig) -> HeadConfig | None:
    key = "num_res_layer_u_model"
    if model.get(key) is None or (layers := integer(model, key, (0, LAYERS[1]))) == 0:
        return None
    hidden = integer(model, "dim_hidden_u_model", (1, WIDTHS[1]))
    own_block = replace(block, feedforward=integer(model, "dim_ffn_u_model", FEEDFORWARDS))
    return HeadConfig(own_block, layers, (hidden, hidden))


def _uncertainty_loss(train: Mapping[str, Any]) -> Literal["l1", "mse", "unknown"]:
    """Which error ``u`` predicts: training minimises ``error exp(-u) + u``, so ``exp(u)`` is its mean."""
    if not flag(train, "use_uncertainty_weighting") or not flag(train, "train_with_normalized_head"):
        return "unknown"
    if train.get("train_type", "vector_field") == "trajectory_reconstruction":
        # Such finetuning leaves the uncertainty head as it was in the base model, which was trained with "l1".
        return "l1"
    loss = train.get("loss_type", "l1")
    return loss if loss in ("l1", "mse") else "unknown"
