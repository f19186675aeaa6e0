"""A video of a blob whose position follows a stochastic system: few variables move thousands of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.data.parameters import check_number
from skdyn.datasets.sde_systems import load_sde_systems, simulate_sde

__all__ = ["BlobVideo", "make_blob_video", "render_blob"]


@dataclass(frozen=True)
class BlobVideo:
    """Frames with the coordinate that they were made from.

    Attributes
    ----------
    frames : array of shape (L, size * size), float32
        Brightness between 0 and 1; ``frames[i].reshape(size, size)`` is an image with its first row on top.
    t : array of shape (L,)
        Times.
    x : array of shape (L, 1)
        Horizontal position of the blob.
    size : int
        Pixels along each side.
    """

    frames: NDArray[np.float32]
    t: NDArray[np.float64]
    x: NDArray[np.float64]
    size: int


def make_blob_video(
    n_frames: int = 5000, *, size: int = 51, dt: float = 0.002, seed: int = 0, system: str = "double-well"
) -> BlobVideo:
    """Film a blob whose horizontal position is a path of a stochastic system of one variable.

    The default is the setting of the coarse-graining experiment of the reference: a particle in two wells with a
    diffusion that vanishes at ``|x| = sqrt(3.2)``, filmed with 51 x 51 pixels at 5,000 times, 0.002 apart.

    Parameters
    ----------
    n_frames : int, default=5000
        Frames L.
    size : int, default=51
        Pixels along each side.
    dt : float, default=0.002
        Time from frame to frame.
    seed : int, default=0
        The same seed gives the same video.
    system : str, default="double-well"
        A system of one variable, see `load_sde_systems`; it should stay between -2 and 2, which is what the camera
        sees.

    Returns
    -------
    BlobVideo

    Raises
    ------
    ValueError
        If a number is out of its range, or the system has more than one variable.

    References
    ----------
    *Towards Fast Coarse-graining and Equation Discovery with Foundation Inference Models*, arXiv:2510.12618. The blob's
    width is not stated there; here it is, in pixels, that of the pendulum of Champion et al., *Data-driven discovery of
    coordinates and governing equations*, PNAS 116, 2019, which is also filmed with 51 x 51 of them.

    Examples
    --------
    >>> from skdyn.datasets import make_blob_video
    >>> video = make_blob_video(200, size=21)
    >>> video.frames.shape, video.x.shape
    ((200, 441), (200, 1))
    """
    (found,) = load_sde_systems([system])
    if found.dim != 1:
        raise ValueError(f"{system} has {found.dim} variables: the blob moves along one")
    x = simulate_sde(found, n_frames, dt=dt, seeds=(seed,))[0]
    return BlobVideo(render_blob(x, size), dt * np.arange(n_frames, dtype=np.float64), x, size)


def render_blob(x: ArrayLike, size: int = 51) -> NDArray[np.float32]:
    """Image a blob of brightness ``exp(-20 d^2)`` in a view that is three wide, as -2 to 2 of its position are four.

    Parameters
    ----------
    x : array-like of shape (L,) or (L, 1)
        Horizontal positions.
    size : int, default=51
        Pixels along each side.

    Returns
    -------
    ndarray of shape (L, size * size), float32
    """
    check_number("size", size, whole=True, low=2, include_low=True)
    x = np.asarray(x, dtype=np.float64).reshape(-1, 1)
    if not np.isfinite(x).all():
        raise ValueError(f"x[{int((~np.isfinite(x)).argmax())}] is not finite: a blob must be somewhere")
    pixels = np.linspace(-1.5, 1.5, size)
    # The Gaussian is a product of its profile across and its profile down.
    across = np.exp(-20 * (pixels - 0.75 * x) ** 2).astype(np.float32)
    down = np.exp(-20 * pixels**2).astype(np.float32)
    return (down[:, None] * across[:, None, :]).reshape(len(x), size * size)
