"""Compare two sets of paths: truncated signature kernel and maximum mean discrepancy."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from skdyn.data.parameters import check_number

__all__ = ["SignatureMMD", "signature_kernel"]

_BLOCK = 20_000  # numbers worked on at once: about what a processor's own cache holds
_SMALLEST = 1e-12  # squared norms below this count as this


def signature_kernel(
    x: ArrayLike, y: ArrayLike | None = None, *, levels: int = 5, bandwidth: float = 1.0, normalize: bool = True
) -> NDArray[np.float64]:
    r"""Truncated signature kernel between all paths of two sets.

    Points are compared by the Gaussian kernel ``k(a, b) = exp(-|a - b|^2 / (2 bandwidth^2))``. With ``M[i, j] =
    k(x[i + 1], y[j + 1]) - k(x[i], y[j + 1]) - k(x[i + 1], y[j]) + k(x[i], y[j])``, the inner product of the two paths'
    increments i and j in that kernel's feature space, level m is the sum of ``M[i_1, j_1] ... M[i_m, j_m]`` over all
    ``i_1 < ... < i_m`` and ``j_1 < ... < j_m``, and level 0 is 1.

    Parameters
    ----------
    x : array-like of shape (N, L, D)
        Paths, in the units of the state. Time enters only as the order of the points.
    y : array-like of shape (M, P, D), optional
        Other paths; ``x`` itself by default.
    levels : int, default=5
        Highest level.
    bandwidth : float, default=1.0
        Standard deviation of the Gaussian kernel, in the units of the state. It is not fitted to the data, so that
        kernels of different sets can be compared.
    normalize : bool, default=True
        Divide each level by the norms of both paths in it, and average over the levels; otherwise, sum them.

    Returns
    -------
    ndarray of shape (N, M)
        With ``normalize``, between -1 and 1, and 1 for a path with itself if it moves and has more points than levels.

    Raises
    ------
    ValueError
        If a shape is not as above, a state is not finite, or a number is out of its range.

    Notes
    -----
    The cost grows as N M L P times the levels: each level follows from the one below by one running sum. Definition and
    defaults are those of ``SignatureKernel`` with ``RBFKernel`` in the library KSig, squared norms below 1e-12 counting
    as 1e-12 included. Order 1 in KSig's words: an increment enters a product at most once.

    References
    ----------
    F. J. Király and H. Oberhauser, *Kernels for sequentially ordered data*, Journal of Machine Learning Research 20,
    2019, algorithms 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> rising, falling = np.linspace(0, 1, 9)[:, None], np.linspace(1, 0, 9)[:, None]
    >>> signature_kernel([rising, falling]).round(2)
    array([[1.  , 0.06],
           [0.06, 1.  ]])
    """
    first = _check_paths("x", x, levels, bandwidth) / (math.sqrt(2.0) * bandwidth)
    if y is None:
        rows, columns = np.triu_indices(len(first))
        upper = _level_sums(first, first, rows, columns, levels)
        sums = np.empty((levels, len(first), len(first)))
        sums[:, rows, columns] = sums[:, columns, rows] = upper
        norms = np.diagonal(sums, axis1=1, axis2=2), np.diagonal(sums, axis1=1, axis2=2)
    else:
        second = _check_paths("y", y, levels, bandwidth) / (math.sqrt(2.0) * bandwidth)
        if first.shape[2] != second.shape[2]:
            raise ValueError(f"x and y have {first.shape[2]} and {second.shape[2]} variables: equal ones are needed")
        rows, columns = np.indices((len(first), len(second))).reshape(2, -1)
        sums = _level_sums(first, second, rows, columns, levels).reshape(levels, len(first), len(second))
        norms = _self_sums(first, levels), _self_sums(second, levels)
    return _combine(sums, norms[0][:, :, None], norms[1][:, None], normalize)


class SignatureMMD:
    """Squared maximum mean discrepancy of sets of paths from a reference set, under the signature kernel.

    The unbiased estimate: with ``k`` the normalised `signature_kernel`, the mean of ``k`` over pairs of two different
    paths, plus the same of two different references, minus twice the mean over paths and references. Its expectation is
    0 for two sets from one distribution, so that it can be negative. The reference's own part is computed once.

    Parameters
    ----------
    reference : array-like of shape (N, L, D)
        At least two paths.
    levels : int, default=5
    bandwidth : float, default=1.0
        See `signature_kernel`.

    References
    ----------
    A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf and A. Smola, *A kernel two-sample test*, Journal of Machine
    Learning Research 13, 2012, lemma 6.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> walks = rng.normal(0.0, 0.3, (3, 20, 10, 1)).cumsum(axis=2)
    >>> mmd = SignatureMMD(walks[0])
    >>> round(mmd(walks[1]), 3), round(mmd(walks[2] + np.linspace(0, 2, 10)[:, None]), 3)
    (-0.027, 0.194)
    """

    def __init__(self, reference: ArrayLike, *, levels: int = 5, bandwidth: float = 1.0) -> None:
        self.reference = _check_paths("reference", reference, levels, bandwidth)
        if len(self.reference) < 2:
            raise ValueError("reference: at least two paths are needed")
        self.levels = levels
        self.bandwidth = bandwidth
        self._own = _mean_of_pairs(signature_kernel(self.reference, levels=levels, bandwidth=bandwidth))

    def __call__(self, paths: ArrayLike) -> float:
        """Squared discrepancy of ``paths`` (M, P, D), at least two, from the reference."""
        paths = _check_paths("paths", paths, self.levels, self.bandwidth)
        if len(paths) < 2:
            raise ValueError("paths: at least two are needed")
        own = signature_kernel(paths, levels=self.levels, bandwidth=self.bandwidth)
        between = signature_kernel(paths, self.reference, levels=self.levels, bandwidth=self.bandwidth)
        return float(_mean_of_pairs(own) + self._own - 2 * between.mean())


def _mean_of_pairs(kernel: NDArray[np.float64]) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))


def _combine(
    sums: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64], normalize: bool
) -> NDArray[np.float64]:
    """Kernel (N, M) of levels (levels, N, M), whose squared norms broadcast to them."""
    if not normalize:
        return 1.0 + sums.sum(axis=0)
    levels = sums / np.sqrt(np.maximum(first, _SMALLEST) * np.maximum(second, _SMALLEST))
    return (1.0 + levels.sum(axis=0)) / (1 + len(sums))


def _self_sums(x: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    every = np.arange(len(x))
    return _level_sums(x, x, every, every, levels)


def _level_sums(
    x: NDArray[np.float64], y: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], levels: int
) -> NDArray[np.float64]:
    """Levels 1, 2, ... of the pairs ``x[rows[p]], y[columns[p]]``: array (levels, pairs)."""
    size = max(1, _BLOCK // y.shape[1])
    first, second = torch.from_numpy(x), torch.from_numpy(y)
    blocks = [
        _block_sums(first[rows[start : start + size]], second[columns[start : start + size]], levels)
        for start in range(0, len(rows), size)
    ]
    return torch.cat(blocks, dim=1).numpy()


def _block_sums(x: torch.Tensor, y: torch.Tensor, levels: int) -> torch.Tensor:
    """Levels of B pairs of paths ``x`` (B, L, D) and ``y`` (B, P, D): tensor (levels, B).

    One pass over the points of ``x``. ``columns[m]`` holds, for each increment of ``y``, what level m + 2 has summed so
    far of terms that end there.
    """
    x = x.permute(1, 2, 0)[..., None].contiguous()
    y = y.permute(2, 0, 1).contiguous()
    width = y.shape[2] - 1
    columns = [y.new_zeros(y.shape[1], max(0, width - m)) for m in range(1, levels)]
    start = previous = _gaussian(x[0], y)
    for point in x[1:]:
        current = _gaussian(point, y)
        step = current - previous
        increments = step[:, 1:] - step[:, :-1]
        before = previous - start  # the sum of all earlier increments telescopes
        before = before[:, 1:-1] - before[:, :1]
        for column in columns:
            increments = increments[:, 1:]
            terms = increments * before
            before = column.cumsum(dim=1)[:, :-1]
            column += terms
        previous = current
    total = previous - start
    return torch.stack([total[:, -1] - total[:, 0], *(column.sum(dim=1) for column in columns)])


def _gaussian(point: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Gaussian kernel of one scaled point (D, B, 1) with scaled paths (D, B, P): tensor (B, P)."""
    squares = (point[0] - y[0]).square_()
    for a, b in zip(point[1:], y[1:], strict=True):
        squares += (a - b).square_()
    return squares.neg_().exp_()


def _check_paths(name: str, paths: ArrayLike, levels: int, bandwidth: float) -> NDArray[np.float64]:
    array = np.asarray(paths, dtype=np.float64)
    if array.ndim != 3 or array.size == 0 or array.shape[1] < 2:
        raise ValueError(f"{name}: paths of shape (N, L, D) with at least two points are needed, got {array.shape}")
    if not np.isfinite(array).all():
        path, point, _ = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}: point {point} of path {path} is not finite")
    check_number("levels", levels, whole=True)
    check_number("bandwidth", bandwidth)
    return array
