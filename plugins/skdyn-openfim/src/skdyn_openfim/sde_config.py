"""Read the ``config.json`` of an OpenFIM FIM-SDE checkpoint: tolerant of unknown keys, strict about the known ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
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
from skdyn_openfim.scaling import MEAN_STEP

# Here "softmax" is the mechanism that the published weights were trained with; in FIM-ODE checkpoints it is another.
_FEATURE_MAPS: dict[str, Attention] = {
    "softmax": "legacy",
    "softmax-gnot": "gnot",
    "softmax-efficient": "efficient",
    "elu": "elu",
}
_LINEAR = "torch.nn.Linear"
_GELU = "torch.nn.GELU"
_MLP = "fim.models.blocks.base.MLP"
_STATES_NORM = "fim.models.sde.Standardization"
_TIMES_NORM = "fim.models.sde.DeltaLogCentering"


@dataclass(frozen=True)
class FIMSDEConfig:
    """Architecture of a FIM-SDE network of OpenFIM.

    Attributes
    ----------
    max_dim : int
        Largest dimension.
    encoder : BlockConfig
    encoder_layers : int
    operator : HeadConfig
        Of the drift and of the diffusion, which have weights of their own.
    loss_scale : HeadConfig or None
        None without the head that predicts the error.
    mean_step : float
        Geometric mean that the normalised time steps had in training.
    end_tokens : bool or "all"
        Whether the last point of every trajectory that is shorter than the longest of its context is a token, with
        increments of zero; ``"all"`` is that of the longest too. The authors' code makes such tokens of trajectories
        that are padded, in training and in use: of the longest only in a batch with a longer one in another context.
    """

    max_dim: int
    encoder: BlockConfig
    encoder_layers: int
    operator: HeadConfig
    loss_scale: HeadConfig | None
    mean_step: float
    end_tokens: bool | Literal["all"]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FIMSDEConfig:
        """Read the authors' configuration.

        Parameters
        ----------
        values : dict
            The whole ``config.json``. ``"end_tokens"`` is this package's own key: false for networks trained without
            such tokens, ``"all"`` for numbers as the authors' code gives them in a batch with a longer context.

        Raises
        ------
        ValueError
            With the key that is missing, of the wrong type, absurdly large or not supported.
        """
        width = integer(values, "model_embedding_size", WIDTHS)
        for key in ("phi_0t", "phi_0x", "phi_1x"):
            _name(values, key, _LINEAR)
        _name(values, "states_norm", _STATES_NORM)
        encoder = section(values, "psi_1")
        has_scale = values.get("learnable_loss_scales") is not None
        return cls(
            max_dim=integer(values, "max_dimension", DIMENSIONS),
            encoder=_block("psi_1.layer", section(encoder, "layer"), width),
            encoder_layers=integer(encoder, "num_layers", LAYERS),
            operator=_head(values, "operator", width),
            loss_scale=_head(values, "learnable_loss_scales", width) if has_scale else None,
            mean_step=_mean_step(_name(values, "times_norm", _TIMES_NORM)),
            end_tokens="all" if values.get("end_tokens") == "all" else flag(values, "end_tokens"),
        )


def _name(values: Mapping[str, Any], key: str, expected: str) -> Mapping[str, Any]:
    """Return the object under ``key``, which must name the only class that is supported there."""
    found = section(values, key)
    if found.get("name") != expected:
        raise ValueError(f"{key}: name must be {expected!r}, got {found.get('name')!r}")
    return found


def _head(values: Mapping[str, Any], key: str, width: int) -> HeadConfig:
    operator = section(values, key)
    if operator.get("paths_block_attention", True) is not False:
        raise ValueError(f"{key}: paths_block_attention must be false: attention path by path is not supported")
    projection = _name(operator, "projection", _MLP)
    _name(projection, "hidden_act", _GELU)
    hidden = projection.get("hidden_layers")
    if not isinstance(hidden, list) or len(hidden) > LAYERS[1]:
        raise ValueError(f"{key}: hidden_layers must be a list of widths, got {hidden!r}")
    widths = tuple(integer({"hidden_layers": value}, "hidden_layers", (1, WIDTHS[1])) for value in hidden)
    block = _block(f"{key}.attention", section(operator, "attention"), width)
    return HeadConfig(block, integer(operator, "num_res_layers", LAYERS), widths)


def _block(place: str, layer: Mapping[str, Any], width: int) -> BlockConfig:
    heads = integer(layer, "nhead", HEADS)
    check_divisible("model_embedding_size", width, "nhead", heads)
    if layer.get("activation") != _GELU:
        raise ValueError(f"{place}: activation must be {_GELU!r}, got {layer.get('activation')!r}")
    return BlockConfig(
        width=width,
        heads=heads,
        feedforward=integer(layer, "dim_feedforward", FEEDFORWARDS),
        attention=attention(layer, "attn_method", "lin_feature_map", _FEATURE_MAPS, "nn_multihead", "elu"),
        bias=flag(layer, "bias"),
        query_residual=flag(layer, "query_residual"),
    )


def _mean_step(times_norm: Mapping[str, Any]) -> float:
    value = times_norm.get("target_value", MEAN_STEP)
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise ValueError(f"times_norm: target_value must be a positive number, got {value!r}")
    return float(value)
