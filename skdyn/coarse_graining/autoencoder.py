"""An encoder and a decoder with the scaling of frames and codes around them, for NumPy arrays on the outside."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from skdyn.coarse_graining.arc_length import ArcLength, arc_length
from skdyn.coarse_graining.spread import check_spread
from skdyn.data.moments import state_moments
from skdyn.exceptions import TrajectoryError
from skdyn.nn.autoencoder import Bent, perceptron
from skdyn.nn.plain_torch import plain_torch

_LEAST = 1e-140  # standard deviation of a feature that can be told from zero
_CHUNK = 4096  # frames or codes mapped at once
_SCALING = ("frame_mean", "frame_scale", "code_mean", "code_scale")
STRAIGHT = ("straight_codes", "straight_lengths")
"""Arrays of a code that is measured along the frames."""


@dataclass
class Autoencoder:
    """Frames to codes and back.

    Attributes
    ----------
    encoder, decoder : torch.nn.Module
        From scaled frames (N, D) to raw codes (N, d), and back.
    frame_mean : array of shape (D,)
    frame_scale : float
        A scaled frame is ``(frame - frame_mean) / frame_scale``, with a variance of one over all frames and features.
    code_mean, code_scale : arrays of shape (d,)
        A code is ``(raw - code_mean) / code_scale``; a negative scale turns it around.
    straight : ArcLength, optional
        What a single raw code is mapped by before.
    """

    encoder: nn.Module
    decoder: nn.Module
    frame_mean: np.ndarray
    frame_scale: float
    code_mean: np.ndarray
    code_scale: np.ndarray
    straight: ArcLength | None = None

    def scaled(self, frames: np.ndarray) -> Tensor:
        """Scaled frames (N, D), where the encoder is and of its type."""
        return _like(self.encoder, (frames - self.frame_mean) / self.frame_scale)

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Codes (N, d) of frames (N, D)."""
        return (self._measured(self._raw(frames)) - self.code_mean) / self.code_scale

    @plain_torch()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Frames (N, D) of codes (N, d)."""
        measured = codes * self.code_scale + self.code_mean
        raw = _like(self.decoder, measured if self.straight is None else self.straight.inverse(measured))
        with torch.inference_mode():
            parts = [self.decoder(part) for part in raw.split(_CHUNK)]
        return torch.cat(parts).double().cpu().numpy() * self.frame_scale + self.frame_mean

    @plain_torch()
    def finish(self, recordings: Sequence[np.ndarray], *, straighten: bool) -> None:
        """Give the codes of these frames mean zero and variance one, and a sign, and go on in double precision.

        A code rises with the feature of the frames with which it varies most. In double precision a frame's code does
        not depend on the frames beside it.

        Parameters
        ----------
        recordings : sequence of arrays of shape (L, D)
        straighten : bool
            Measure a single code along the frames (`skdyn.coarse_graining.arc_length`).

        Raises
        ------
        SkdynError
            If a code is the same for all frames.
        """
        for module in (self.encoder, self.decoder):
            if _place(module)[0].type != "mps":  # which has no float64
                module.double()
        frames = np.concatenate(recordings)
        raw = self._raw(frames)
        check_spread(torch.from_numpy(raw), torch.zeros(raw.shape[1]), "after training")
        if straighten and raw.shape[1] == 1:
            ends = np.cumsum([len(part) for part in recordings])
            self.straight = arc_length(np.split(raw[:, 0], ends[:-1]), recordings)
            raw = self._measured(raw)
        self.code_mean, self.code_scale = raw.mean(axis=0), raw.std(axis=0)
        covariance = (raw - self.code_mean).T @ (frames - self.frame_mean)
        strongest = np.abs(covariance).argmax(axis=1)
        self.code_scale = self.code_scale * np.where(covariance[np.arange(len(strongest)), strongest] < 0, -1.0, 1.0)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that a finished autoencoder of perceptrons is, by name."""
        weights = {
            f"{part}.{name}": tensor.cpu().numpy()
            for part, module in (("encoder", self.encoder), ("decoder", self.decoder))
            for name, tensor in module.state_dict().items()
        }
        scaling = {name: np.asarray(getattr(self, name)) for name in _SCALING}
        if self.straight is not None:
            scaling |= zip(STRAIGHT, (self.straight.codes, self.straight.lengths), strict=True)
        return weights | scaling

    @classmethod
    @plain_torch()
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], activation: str, device: torch.device) -> Autoencoder:
        """Build it anew from `arrays`: perceptrons, with principal components beneath where there is a matrix.

        Raises
        ------
        KeyError, ValueError, RuntimeError
            If they are not those of perceptrons.
        """
        modules = []
        for part in ("encoder", "decoder"):
            own = {name.removeprefix(f"{part}."): a for name, a in arrays.items() if name.startswith(f"{part}.")}
            layers = [weight for name, weight in own.items() if name.endswith(".weight")]
            kind = Bent if "matrix" in own else perceptron
            module = kind([layers[0].shape[1], *(len(weight) for weight in layers)], activation)
            module.load_state_dict({name: torch.from_numpy(array) for name, array in own.items()})
            modules.append(module.to(device, torch.float32 if device.type == "mps" else torch.float64))
        encoder, decoder = modules
        mean, scale, code_mean, code_scale = (arrays[name] for name in _SCALING)
        straight = ArcLength(*(arrays[name] for name in STRAIGHT)) if STRAIGHT[0] in arrays else None
        return cls(encoder, decoder, mean, float(scale), code_mean, code_scale, straight)

    @plain_torch()
    def _raw(self, frames: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [self.encoder(self.scaled(frames[i : i + _CHUNK])) for i in range(0, max(len(frames), 1), _CHUNK)]
        return torch.cat(parts).double().cpu().numpy()

    def _measured(self, raw: np.ndarray) -> np.ndarray:
        return raw if self.straight is None else self.straight(raw)


def build_autoencoder(
    frames: np.ndarray,
    n_components: int,
    *,
    encoder: nn.Module | None,
    decoder: nn.Module | None,
    hidden: Sequence[int],
    activation: str,
    method: str,
    seed: int,
    device: torch.device,
) -> Autoencoder:
    """Build an autoencoder to be trained, with the scaling of its frames.

    With ``method="pca"`` it encodes and decodes as the principal components of the frames do, until it is trained.

    Parameters
    ----------
    frames : array of shape (N, D)
    n_components : int
        Codes d.
    encoder, decoder : torch.nn.Module or None
        Copied; None is a perceptron, beside principal components with ``method="pca"``.
    hidden : sequence of int
        Widths of the hidden layers of the encoder, and in reverse order of the decoder.
    activation : str
        One of `skdyn.nn.autoencoder.ACTIVATIONS`.
    method : str
        "pca" or "random".
    seed : int
        Of the initial weights; torch's global generator is left as it was.
    device : torch.device

    Returns
    -------
    Autoencoder

    Raises
    ------
    TrajectoryError
        If the frames vary too much or too little for arithmetic, or in fewer directions than there are components.
    ValueError
        If a module given does not map arrays of the right shapes.
    """
    for name, module in (("encoder", encoder), ("decoder", decoder)):
        if not (module is None or isinstance(module, nn.Module)):
            raise ValueError(f"{name} must be a torch.nn.Module or None, got {module!r}")
    width, sizes = frames.shape[1], [frames.shape[1], *hidden, n_components]
    kind = Bent if method == "pca" else perceptron
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = [
            kind(sizes, activation) if encoder is None else copy.deepcopy(encoder),
            kind(sizes[::-1], activation) if decoder is None else copy.deepcopy(decoder),
        ]
    parts = [module.to(device, torch.float32).requires_grad_() for module in modules]
    _check("encoder", parts[0], width, n_components)
    _check("decoder", parts[1], n_components, width)
    mean, std = (part[0] for part in state_moments(frames[None, None], np.ones((1, 1, len(frames)), dtype=bool)))
    if not (np.isfinite(std).all() and std.max() > _LEAST):
        raise TrajectoryError(f"the frames vary by {std.max():.3g}, too much or too little for float64 arithmetic")
    scale = float(std.max() * np.sqrt(np.square(std / std.max()).mean()))
    if method == "pca":
        components = _principal((frames - mean) / scale, n_components, seed)
        for module, own, matrix in zip(parts, (encoder, decoder), (components, components.T), strict=True):
            if own is None and isinstance(module, Bent):
                module.matrix.copy_(torch.from_numpy(matrix))
    return Autoencoder(parts[0], parts[1], mean, scale, np.zeros(n_components), np.ones(n_components))


def _principal(scaled: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """Principal components (d, D) of scaled frames (N, D)."""
    most = min(scaled.shape)
    if n_components > most:
        raise TrajectoryError(f"n_components={n_components}, but {scaled.shape[0]} frames of {scaled.shape[1]} features"
                              f" vary in {most} directions at most: choose fewer, or method='random'")  # fmt: skip
    return PCA(n_components, random_state=seed).fit(scaled).components_


def _check(name: str, module: nn.Module, inputs: int, outputs: int) -> None:
    """Refuse a module that does not map (2, inputs) to (2, outputs)."""
    if not any(True for _ in module.parameters()):
        raise ValueError(f"{name} has no parameters to train")
    try:
        with torch.inference_mode():
            shape = tuple(module.eval()(_like(module, np.zeros((2, inputs)))).shape)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{name} fails on an array of shape (2, {inputs}): {str(error).splitlines()[0]}") from error
    if shape != (2, outputs):
        raise ValueError(f"{name} maps shape (2, {inputs}) to {shape}: expected (2, {outputs})")


def _place(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    parameter = next(module.parameters())
    return parameter.device, parameter.dtype


def _like(module: nn.Module, array: np.ndarray) -> Tensor:
    """An array as a tensor that the module takes."""
    device, dtype = _place(module)
    return torch.from_numpy(array).to(dtype).to(device)
