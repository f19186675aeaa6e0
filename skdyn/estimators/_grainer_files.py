"""A fitted `FIMCoarseGrainer` as a folder: parameters, autoencoder, and its dynamics in a folder of their own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

import numpy as np

from skdyn.coarse_graining.autoencoder import Autoencoder
from skdyn.estimators._coarse_graining import FIMCoarseGrainer
from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.estimators._fim_sde import FIMSDERegressor
from skdyn.estimators._persistence import damage_named, plain_params
from skdyn.exceptions import SkdynError
from skdyn.models.inference import resolve_device

Grainer = TypeVar("Grainer", bound=FIMCoarseGrainer)

_FORMAT = 1
_GRAINER, _AUTOENCODER, _DYNAMICS = "grainer.json", "autoencoder.npz", "dynamics"


def save(grainer: FIMCoarseGrainer, folder: str | os.PathLike[str]) -> None:
    """Write the folder."""
    path = Path(folder)
    names = getattr(grainer, "feature_names_in_", None)
    description = {
        "format": _FORMAT,
        "params": plain_params(grainer),
        "feature_names": None if names is None else list(names),
        "loss_curve": [float(loss) for loss in grainer.loss_curve_],
        "stochastic": isinstance(grainer.dynamics_, FIMSDERegressor),
    }
    text = json.dumps(description, indent=2) + "\n"
    grainer.dynamics_.save(path / _DYNAMICS)
    np.savez(path / _AUTOENCODER, **grainer.autoencoder_.arrays())
    (path / _GRAINER).write_text(text, encoding="utf-8")


def load(cls: type[Grainer], folder: str | os.PathLike[str]) -> Grainer:
    """Read the folder."""
    path = Path(folder)
    with damage_named(path, cls.__name__):
        description = json.loads((path / _GRAINER).read_text(encoding="utf-8"))
        if description["format"] != _FORMAT:
            raise SkdynError(f"{path} is in format {description['format']}, not in format {_FORMAT}")
        grainer = cls(**description["params"])
        with np.load(path / _AUTOENCODER, allow_pickle=False) as arrays:
            autoencoder = Autoencoder.from_arrays(dict(arrays), grainer.activation, resolve_device(grainer.device))
        regressor = FIMSDERegressor if description["stochastic"] else FIMODERegressor
        losses, names = description["loss_curve"], description["feature_names"]
    return grainer._keep(autoencoder, regressor.load(path / _DYNAMICS), losses, names)
