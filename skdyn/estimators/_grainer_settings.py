"""The numbers that `FIMCoarseGrainer` trains by, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from skdyn.coarse_graining.training import Settings
from skdyn.data.parameters import check_number
from skdyn.nn.autoencoder import ACTIVATIONS

METHODS = ("pca", "random")


def check_settings(params: Mapping[str, Any]) -> Settings:
    """Settings from the parameters of `FIMCoarseGrainer`.

    Raises
    ------
    ValueError
        If a number is of the wrong kind or out of its range, or the method or the activation is unknown.
    """
    whole = {name: params[name] for name in ("n_components", "max_iter", "context_size", "n_queries")}
    if params["n_iter_no_change"] is not None:
        whole["n_iter_no_change"] = params["n_iter_no_change"]
    hidden, activation = params["hidden"], params["activation"]
    if isinstance(hidden, str) or not isinstance(hidden, (Sequence, np.ndarray)):
        raise ValueError(f"hidden must be a sequence of whole numbers, got {hidden!r}")
    for i, width in enumerate(hidden):
        whole[f"hidden[{i}]"] = width
    check_number("learning_rate", params["learning_rate"])
    for name, value in whole.items():
        check_number(name, value, whole=True)
    for name in ("horizon", "isometry", "reconstruction", "denoising", "tol"):
        check_number(name, params[name], include_low=True)
    fraction = params["validation_fraction"]
    if fraction is not None:
        check_number("validation_fraction", fraction)
        if not fraction < 1:
            raise ValueError(f"validation_fraction must be below 1, or None, got {fraction!r}")
    if params["method"] not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {params['method']!r}")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(sorted(ACTIVATIONS))}, got {activation!r}")
    return Settings(**{field.name: params[field.name] for field in fields(Settings)})
