"""What skdyn has to know of a kind of pretrained model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from torch import nn

    from skdyn.models.normalization import Scaling

Kind = Literal["ode", "sde", "forecast"]


def _same_name(name: str) -> str | None:
    return name


@dataclass(frozen=True)
class ModelSpec:
    """How to recognise, check, build and feed one kind of pretrained model.

    Parameters
    ----------
    name : str
        What users pass as ``model=``, for example ``"fim-ode"``.
    kind : {"ode", "sde", "forecast"}
        What it infers: a vector field, drift and diffusion, or the continuation of a series.
    summary : str
        One line for listings.
    location : path or str
        Folder of the default weights, or ``hf://owner/repo[/sub/folder][@revision]``.
    recognises : callable (config dict) -> bool
        Whether a folder with this ``config.json`` holds this kind of model.
    configure : callable (config dict) -> frozen configuration with ``max_dim``
        Raises ValueError naming the key that is wrong; allocates nothing.
    network : callable (configuration) -> torch.nn.Module
        With ``encode(states, times, mask, dim_mask) -> encoded`` and ``decode(encoded, queries) -> (field,
        log_scale)`` in normalised units, as `skdyn.nn.fim_ode.FIMODE` has them; of the kind ``"sde"`` also with
        ``decode_sde``, as `skdyn.nn.fim_sde.FIMSDE` has it; of the kind ``"forecast"`` with ``encode(prefixes) ->
        encoded`` and ``decode(encoded, times)`` instead, as `skdyn.nn.lass_ode.LASSODE` has them. ``encoded`` is a
        dataclass of tensors (or tuples of tensors). It must not keep buffers outside its state dict. A network with a
        true attribute ``sees_origin`` is given a fifth argument by ``encode``, the mean over the deviation of the
        states (B, D), which says where the user's zero is. One with a true attribute ``takes_outside`` is given a sixth
        one where there are inputs or parameters, `skdyn.nn.fits.families.Outside`, unpadded states then, and queries
        (B, N, D + G). A configuration with ``max_variables`` above ``max_dim``
        takes so many variables; more than ``max_dim`` are not padded.
    scaling : callable (states, times, mask) -> Scaling, optional
        See `skdyn.models.normalization.fim_ode_scaling`; none for the kind ``"forecast"``.
    rename : callable (str) -> str or None, optional
        Maps a tensor's name in the file to the network's own; None ignores the tensor.
    trained_points : int, optional
        Most points of a trajectory in training; longer ones are cut into several (`skdyn.data.arrangement`).

    Raises
    ------
    ValueError
        If there is no such kind, or a scaling where none belongs or none where one does.
    """

    name: str
    kind: Kind
    summary: str
    location: str | Path
    recognises: Callable[[Mapping[str, Any]], bool]
    configure: Callable[[Mapping[str, Any]], Any]
    network: Callable[[Any], nn.Module]
    scaling: Callable[[Any, Any, Any], Scaling] | None = None
    rename: Callable[[str], str | None] = _same_name
    trained_points: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"the kind of {self.name!r} must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        if (self.scaling is None) != (self.kind == "forecast"):
            raise ValueError(
                f"{self.name!r} is of the kind {self.kind!r} and {'lacks' if self.scaling is None else 'has'} a scaling"
            )
