"""The numbers that `FIMCoarseGrainer` trains by, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from skdyn.coarse_graining.training import Settings
from skdyn.estimators._field import check_positive, check_whole
from skdyn.nn.autoencoder import ACTIVATIONS


def check_settings(params: Mapping[str, Any]) -> Settings:
    """Settings from the parameters of `FIMCoarseGrainer`.

    Raises
    ------
    ValueError
        If a number is of the wrong kind or out of its range, or the activation is unknown.
    """
    whole = {name: params[name] for name in ("n_components", "max_iter", "context_size", "n_queries")}
    if params["n_iter_no_change"] is not None:
        whole["n_iter_no_change"] = params["n_iter_no_change"]
    hidden, activation = params["hidden"], params["activation"]
    if isinstance(hidden, str) or not isinstance(hidden, (Sequence, np.ndarray)):
        raise ValueError(f"hidden must be a sequence of whole numbers, got {hidden!r}")
    for i, width in enumerate(hidden):
        whole[f"hidden[{i}]"] = width
    check_positive(learning_rate=params["learning_rate"], **whole)
    check_whole(**whole)
    for name in ("horizon", "isometry", "tol"):
        value = params[name]
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value < np.inf:
            raise ValueError(f"{name} must be zero or positive and finite, got {value!r}")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(sorted(ACTIVATIONS))}, got {activation!r}")
    return Settings(**{field.name: params[field.name] for field in fields(Settings)})
