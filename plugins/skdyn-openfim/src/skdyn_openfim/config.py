"""What the configurations of OpenFIM's models share: blocks, heads, and readers that name the key that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Attention = Literal["gnot", "efficient", "legacy", "elu", "multihead"]

WIDTHS = 4, 4096
LAYERS = 1, 64
HEADS = 1, 64
FEEDFORWARDS = 1, 16384
DIMENSIONS = 1, 64


@dataclass(frozen=True)
class BlockConfig:
    """Attention and a feed-forward layer; see `skdyn_openfim.blocks.Block`.

    Attributes
    ----------
    width, heads, feedforward : int
        Embedding, attention heads and hidden width.
    attention : {"gnot", "efficient", "legacy", "elu", "multihead"}
        Mechanism; see `skdyn_openfim.attention`.
    bias, query_residual : bool
        Whether all its layers have biases, and whether attention is added to its queries.
    """

    width: int
    heads: int
    feedforward: int
    attention: Attention
    bias: bool
    query_residual: bool


@dataclass(frozen=True)
class HeadConfig:
    """Blocks in which queries attend to tokens, then a perceptron; see `skdyn_openfim.blocks.Head`.

    Attributes
    ----------
    block : BlockConfig
    layers : int
        Number of blocks.
    hidden : tuple of int
        Widths of the perceptron's hidden layers.
    """

    block: BlockConfig
    layers: int
    hidden: tuple[int, ...]


def section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object inside a configuration."""
    value = values.get(key)
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be an object, got {value!r}")
    return value


def integer(values: Mapping[str, Any], key: str, bounds: tuple[int, int]) -> int:
    """Return a whole number within ``bounds``, both included."""
    if key not in values:
        raise ValueError(f"missing key {key!r}")
    value, (low, high) = values[key], bounds
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{key} must be an integer from {low} to {high}, got {value!r}")
    return value


def flag(values: Mapping[str, Any], key: str) -> bool:
    """Return a switch that is on where it is absent and off where it is null, as the authors' code reads it."""
    value = values.get(key, True)
    if value is not None and type(value) is not bool:
        raise ValueError(f"{key} must be true, false or null, got {value!r}")
    return bool(value)


def attention(
    values: Mapping[str, Any],
    method_key: str,
    map_key: str,
    feature_maps: Mapping[str, Attention],
    default_method: str | None = None,
    default_map: str | None = None,
) -> Attention:
    """Return the mechanism that the authors' names of a method and of a feature map stand for."""
    method, feature_map = values.get(method_key, default_method), values.get(map_key, default_map)
    if method == "nn_multihead":
        return "multihead"
    if method != "linear":
        raise ValueError(f"{method_key} must be 'linear' or 'nn_multihead', got {method!r}")
    if not isinstance(feature_map, str) or feature_map not in feature_maps:
        raise ValueError(f"{map_key} must be one of {', '.join(feature_maps)}, got {feature_map!r}")
    return feature_maps[feature_map]


def check_divisible(key: str, width: int, heads_key: str, heads: int) -> None:
    """Refuse a width that cannot be split into four features and into attention heads."""
    if width % 4 or width % heads:
        raise ValueError(f"{key} {width} must be a multiple of 4 and of {heads_key} = {heads}")
