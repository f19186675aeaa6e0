"""A fitted `FIMCoarseGrainer` as a folder: parameters, autoencoder, and its dynamics in a folder of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.estimators._fim_sde import FIMSDERegressor
from skdyn.estimators._persistence import damage_named
from skdyn.exceptions import SkdynError

if TYPE_CHECKING:
    from skdyn.coarse_graining.autoencoder import Autoencoder

_FORMAT = 1
_GRAINER, _AUTOENCODER, _DYNAMICS = "grainer.json", "autoencoder.npz", "dynamics"


@dataclass(frozen=True)
class GrainerParts:
    """What a fitted grainer is made of.

    Attributes
    ----------
    params : dict
        Its parameters, as plain values.
    autoencoder : Autoencoder
    dynamics : FIMSDERegressor or FIMODERegressor
        Fitted to the codes.
    loss_curve : list of float
    feature_names : sequence of D str, or None
    """

    params: dict[str, Any]
    autoencoder: Autoencoder
    dynamics: FIMSDERegressor | FIMODERegressor
    loss_curve: list[float]
    feature_names: Sequence[str] | None

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the folder."""
        path = Path(folder)
        description = {
            "format": _FORMAT,
            "params": self.params,
            "feature_names": None if self.feature_names is None else list(self.feature_names),
            "loss_curve": [float(loss) for loss in self.loss_curve],
            "stochastic": isinstance(self.dynamics, FIMSDERegressor),
        }
        text = json.dumps(description, indent=2) + "\n"
        self.dynamics.save(path / _DYNAMICS)
        arrays: dict[str, Any] = self.autoencoder.arrays()
        np.savez(path / _AUTOENCODER, **arrays)
        (path / _GRAINER).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: str | os.PathLike[str], owner: str) -> Self:
        """Read the folder; ``owner`` is what errors say that it should hold."""
        from skdyn.coarse_graining.autoencoder import Autoencoder
        from skdyn.models.inference import resolve_device

        path = Path(folder)
        with damage_named(path, owner):
            description = json.loads((path / _GRAINER).read_text(encoding="utf-8"))
            if description["format"] != _FORMAT:
                raise SkdynError(f"{path} is in format {description['format']}, not in format {_FORMAT}")
            params = description["params"]
            with np.load(path / _AUTOENCODER, allow_pickle=False) as arrays:
                device = resolve_device(params["device"])
                autoencoder = Autoencoder.from_arrays(dict(arrays), params["activation"], device)
            regressor = FIMSDERegressor if description["stochastic"] else FIMODERegressor
            losses, names = description["loss_curve"], description["feature_names"]
        return cls(params, autoencoder, regressor.load(path / _DYNAMICS), losses, names)
