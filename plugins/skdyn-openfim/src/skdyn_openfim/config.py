"""Read the ``config.json`` of an OpenFIM FIM-ODE checkpoint: tolerant of unknown keys, strict about the known ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Attention = Literal["gnot", "efficient", "legacy", "elu", "multihead"]

# FIM-ODE checkpoints say "softmax" for what later versions of OpenFIM call "softmax-gnot"; "softmax-legacy" is this
# package's own name for what those later versions run when they read "softmax".
_FEATURE_MAPS: dict[str, Attention] = {
    "softmax": "gnot",
    "softmax-gnot": "gnot",
    "softmax-efficient": "efficient",
    "softmax-legacy": "legacy",
    "elu": "elu",
}
_WIDTHS = 4, 4096
_LAYERS = 1, 64


@dataclass(frozen=True)
class FIMODEConfig:
    """Architecture of a FIM-ODE network of OpenFIM.

    Attributes
    ----------
    max_dim, width, heads, feedforward : int
        Largest dimension, embedding, attention heads and hidden width of the blocks.
    encoder_layers, decoder_layers, uncertainty_layers : int
        Blocks of the encoder and of the two heads; no uncertainty head if the last is 0.
    uncertainty_hidden, uncertainty_feedforward : int
        Hidden width of the uncertainty head's last layers and of its blocks.
    attention : {"gnot", "efficient", "legacy", "elu", "multihead"}
        Mechanism; see `skdyn_openfim.attention`.
    attention_bias, projection_bias, query_residual : bool
        Whether the blocks and the input projections have biases, and whether attention is added to its queries.
    uncertainty_loss : {"l1", "mse", "unknown"}
        Which normalised error the uncertainty head was trained to predict.
    """

    max_dim: int
    width: int
    heads: int
    feedforward: int
    encoder_layers: int
    decoder_layers: int
    uncertainty_layers: int
    uncertainty_hidden: int
    uncertainty_feedforward: int
    attention: Attention
    attention_bias: bool
    projection_bias: bool
    query_residual: bool
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
        model = _section(values, "model_config")
        train = _section(values, "train_config") if values.get("train_config") is not None else {}
        width = _integer(model, "dim_embed", _WIDTHS)
        heads = _integer(model, "num_heads", (1, 64))
        if width % 4 or width % heads:
            raise ValueError(f"dim_embed {width} must be a multiple of 4 and of num_heads = {heads}")
        if not _flag(model, "times_norm_on_deltas"):
            raise ValueError("times_norm_on_deltas must be true: time scaled by absolute times is not supported")
        layers = 0
        if model.get("num_res_layer_u_model") is not None:
            layers = _integer(model, "num_res_layer_u_model", (0, _LAYERS[1]))
        return cls(
            max_dim=_integer(model, "dim_max_trajectory", (1, 64)),
            width=width,
            heads=heads,
            feedforward=_integer(model, "dim_feedforward", (1, 16384)),
            encoder_layers=_integer(model, "num_context_encoder_layers", _LAYERS),
            decoder_layers=_integer(model, "num_res_layers_functional_decoder", _LAYERS),
            uncertainty_layers=layers,
            uncertainty_hidden=_integer(model, "dim_hidden_u_model", (1, 4096)) if layers else 0,
            uncertainty_feedforward=_integer(model, "dim_ffn_u_model", (1, 16384)) if layers else 0,
            attention=_attention(model),
            attention_bias=_flag(model, "use_bias_in_attention"),
            projection_bias=_flag(model, "use_bias_for_projection"),
            query_residual=_flag(model, "use_query_residual_in_attention"),
            uncertainty_loss=_uncertainty_loss(train),
        )


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = values.get(key)
    if not isinstance(section, Mapping):
        raise ValueError(f"{key} must be an object, got {section!r}")
    return section


def _integer(values: Mapping[str, Any], key: str, bounds: tuple[int, int]) -> int:
    if key not in values:
        raise ValueError(f"missing key {key!r}")
    value, (low, high) = values[key], bounds
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{key} must be an integer from {low} to {high}, got {value!r}")
    return value


def _flag(values: Mapping[str, Any], key: str) -> bool:
    """A switch that is on where it is absent and off where it is null, as the authors' code reads it."""
    value = values.get(key, True)
    if value is not None and type(value) is not bool:
        raise ValueError(f"{key} must be true, false or null, got {value!r}")
    return bool(value)


def _attention(model: Mapping[str, Any]) -> Attention:
    method, feature_map = model.get("attention_method"), model.get("attention_map")
    if method == "nn_multihead":
        return "multihead"
    if method != "linear":
        raise ValueError(f"attention_method must be 'linear' or 'nn_multihead', got {method!r}")
    if not isinstance(feature_map, str) or feature_map not in _FEATURE_MAPS:
        raise ValueError(f"attention_map must be one of {', '.join(_FEATURE_MAPS)}, got {feature_map!r}")
    return _FEATURE_MAPS[feature_map]


def _uncertainty_loss(train: Mapping[str, Any]) -> Literal["l1", "mse", "unknown"]:
    """Which error ``u`` predicts: training minimises ``error exp(-u) + u``, so ``exp(u)`` is its mean."""
    if not _flag(train, "use_uncertainty_weighting") or not _flag(train, "train_with_normalized_head"):
        return "unknown"
    if train.get("train_type", "vector_field") == "trajectory_reconstruction":
        # Such finetuning leaves the uncertainty head as it was in the base model, which was trained with "l1".
        return "l1"
    loss = train.get("loss_type", "l1")
    return loss if loss in ("l1", "mse") else "unknown"
