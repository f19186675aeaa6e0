"""A fitted `FIMCoarseGrainer` as a folder: parameters, autoencoder, and its dynamics in a folder of their own."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.estimators._grainer_settings import check_settings
from skdyn.estimators._latent_sde import LatentSDERegressor
from skdyn.estimators._persistence import (
    CONTEXT,
    ESTIMATOR,
    GRAINER,
    check_names,
    damage_named,
    pack,
    plain,
    read_saved,
    times_told,
    unpack,
)
from skdyn.exceptions import FileError
from skdyn.files.arrays import pack_arrays, unpack_arrays
from skdyn.files.manifest import seal, unseal
from skdyn.files.paths import user_path
from skdyn.files.writing import write_folder

if TYPE_CHECKING:
    from skdyn.coarse_graining.autoencoder import Autoencoder

_FORMAT = 4
_AUTOENCODER, _DYNAMICS = "autoencoder.npz", "dynamics"
_PARTS = {_AUTOENCODER, f"{_DYNAMICS}/{ESTIMATOR}", f"{_DYNAMICS}/{CONTEXT}"}


@dataclass(frozen=True)
class GrainerParts:
    """What a fitted grainer is made of.

    Attributes
    ----------
    params : dict
        Its parameters, as plain values.
    autoencoder : Autoencoder
    dynamics : LatentSDERegressor or FIMODERegressor
        Fitted to the codes.
    loss_curve : list of float
    feature_names : sequence of D str, or None
    frame_shape : tuple of int
        (D,), or (H, W) of images.
    times_told : bool
        Whether the recordings carried no times, and `fit` was told them.
    """

    params: dict[str, Any]
    autoencoder: Autoencoder
    dynamics: LatentSDERegressor | FIMODERegressor
    loss_curve: list[float]
    feature_names: Sequence[str] | None
    frame_shape: tuple[int, ...]
    times_told: bool

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the folder, all of it or nothing."""
        values = {
            "params": self.params,
            "feature_names": None if self.feature_names is None else list(self.feature_names),
            "loss_curve": plain("loss_curve_", [float(loss) for loss in self.loss_curve]),
            "frame_shape": list(self.frame_shape),
            "times_told": self.times_told,
            "stochastic": isinstance(self.dynamics, LatentSDERegressor),
        }
        parts = {_AUTOENCODER: pack_arrays(self.autoencoder.arrays())} | {
            f"{_DYNAMICS}/{name}": content for name, content in pack(self.dynamics).items()
        }
        write_folder(
            user_path(folder),
            parts.items(),
            GRAINER,
            lambda digests: seal(values, digests, _FORMAT),
            instead_of=ESTIMATOR,
        )

    @classmethod
    def read(cls, folder: str | os.PathLike[str], owner: str) -> Self:
        """Read the folder; ``owner`` is what errors say that it should hold."""
        path = user_path(folder)
        files = read_saved(path, GRAINER, _FORMAT, _PARTS)
        with damage_named(path, owner):
            values, _ = unseal(files[GRAINER], path / GRAINER, _FORMAT)
            params, losses, names = values["params"], values["loss_curve"], values["feature_names"]
            if type(values["stochastic"]) is not bool or not _are_losses(losses):
                raise FileError(f"{path / GRAINER} is damaged: stochastic or loss_curve is not what it should be")
            told = times_told(values)
            arrays = unpack_arrays(files[_AUTOENCODER], path / _AUTOENCODER)
            autoencoder = _autoencoder(arrays, params)
            shape = values["frame_shape"]
            if not (_are_sizes(shape) and math.prod(shape) == len(autoencoder.frame_mean)):
                raise FileError(f"{path / GRAINER} is damaged: frame_shape is not that of its frames")
            if names is not None:
                check_names(names, len(autoencoder.frame_mean))
            inner = {name: files[f"{_DYNAMICS}/{name}"] for name in (ESTIMATOR, CONTEXT)}
            kind: type[LatentSDERegressor | FIMODERegressor]
            kind = LatentSDERegressor if values["stochastic"] else FIMODERegressor
            dynamics = unpack(kind, inner, path / _DYNAMICS)
            if dynamics.n_features_in_ != len(autoencoder.code_mean):
                raise FileError(f"{path} is damaged: its dynamics and its autoencoder have different numbers of codes")
            with np.errstate(all="ignore"):
                frames = autoencoder.decode(np.concatenate(dynamics.context_.states))
                if not (np.isfinite(frames).all() and np.isfinite(autoencoder.encode(frames)).all()):
                    raise FileError(f"{path} is damaged: its autoencoder overflows on its own codes")
        return cls(params, autoencoder, dynamics, losses, names, tuple(shape), told)


def _are_losses(losses: Any) -> bool:
    return isinstance(losses, list) and all(type(loss) is float and math.isfinite(loss) for loss in losses)


def _are_sizes(shape: Any) -> bool:
    return isinstance(shape, list) and len(shape) in (1, 2) and all(type(n) is int and n > 0 for n in shape)


def _autoencoder(arrays: Mapping[str, np.ndarray], params: Mapping[str, Any]) -> Autoencoder:
    """Build it, once names and shapes are known to be those that the parameters ask for, and all numbers finite."""
    import torch

    from skdyn.coarse_graining.autoencoder import STRAIGHT, Autoencoder
    from skdyn.models.devices import resolve_device
    from skdyn.nn.autoencoder import Bent, perceptron

    check_settings(params)
    hidden, codes = params["hidden"], params["n_components"]
    bent = params["method"] == "pca"
    straight = {name: (arrays[name].size,) for name in STRAIGHT if name in arrays}
    if len(arrays) != 4 * (len(hidden) + 1 + bent) + 4 + len(straight):
        raise ValueError(f"hidden has {len(hidden)} layers, which need other than {len(arrays)} arrays")
    sizes = [arrays["frame_mean"].size, *hidden, codes]
    shapes: dict[str, tuple[int, ...]] = {
        "frame_mean": (sizes[0],),
        "frame_scale": (),
        "code_mean": (codes,),
        "code_scale": (codes,),
    } | straight
    with torch.device("meta"):
        for part, widths in (("encoder", sizes), ("decoder", sizes[::-1])):
            state = (Bent if bent else perceptron)(widths, params["activation"]).state_dict()
            shapes |= {f"{part}.{name}": tuple(tensor.shape) for name, tensor in state.items()}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise ValueError(f"the array {name} must hold finite numbers of shape {shape}")
    if not (arrays["frame_scale"] > 0 and (arrays["code_scale"] != 0).all()):
        raise ValueError("the scales of frames and codes must not be zero")
    if straight and not (codes == 1 and _rise_together(arrays)):
        raise ValueError(f"{' and '.join(STRAIGHT)} must rise together, for a single code")
    return Autoencoder.from_arrays(arrays, params["activation"], resolve_device(params["device"]))


def _rise_together(arrays: Mapping[str, np.ndarray]) -> bool:
    from skdyn.coarse_graining.autoencoder import STRAIGHT

    codes, lengths = (arrays.get(name, np.zeros(0)) for name in STRAIGHT)
    return len(codes) == len(lengths) > 1 and all((np.diff(values) > 0).all() for values in (codes, lengths))
