"""Classical Runge-Kutta roll-outs of a library's fields and their forward sensitivities, in batches.

The variables are the last-but-one axis and the batch the last one. The roll-out alone is sequential; the derivatives of
all steps are then computed at once from the stored stages and chained.

Letters: D variables, R rows of a library, J steps, B members of the batch (candidates times segments), P coefficients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.library import TermLibrary

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: Variables from which products of small matrices are left to a library.
_MANY = 6


def roll_out(
    library: TermLibrary,
    coefficients: Array,
    start: Array,
    steps: Array,
    outside: Array | None = None,
    keep_stages: bool = False,
) -> tuple[Array, Array]:
    """Integrate ``du/dtau = Theta(u) xi`` by the fourth-order Runge-Kutta rule.

    Parameters
    ----------
    library : TermLibrary
        The rows Theta, R of them.
    coefficients : array of shape (R, D, B)
        One field for each member of the batch.
    start : array of shape (D, B)
        Initial states.
    steps : array of shape (J, B)
        Step lengths.
    outside : array of shape (J, 3, G, B), optional
        Inputs and parameters at the beginning, in the middle and at the end of each step.
    keep_stages : bool
        Also return the rows at the stages, which `sensitivities` needs.

    Returns
    -------
    states : array of shape (J + 1, D, B)
        States before the first and after each step. A member that diverges holds infinities or NaN.
    stages : array of shape (J, 4, R, B)
        Rows at the four stages of each step; length 0 unless kept.
    """
    n_steps, batch = steps.shape
    size = library.size if keep_stages else library.n_values
    states = np.empty((n_steps + 1, *start.shape))
    states[0] = start
    stages = np.empty((n_steps if keep_stages else 0, 4, size, batch))
    spare = np.empty((4, size, batch))
    by_component = np.ascontiguousarray(coefficients[:size].transpose(1, 0, 2))

    def columns(x: Array, step: int, stage: int) -> Array:
        return x if outside is None or not outside.shape[2] else np.concatenate([x, outside[step, stage]])

    with np.errstate(over="ignore", invalid="ignore"):
        x = states[0]
        for j in range(n_steps):
            theta = stages[j] if keep_stages else spare
            h = steps[j]
            half = 0.5 * h
            library.fill(columns(x, j, 0), theta[0])
            k1 = np.einsum("dtb,tb->db", by_component, theta[0])
            library.fill(columns(x + half * k1, j, 1), theta[1])
            k2 = np.einsum("dtb,tb->db", by_component, theta[1])
            library.fill(columns(x + half * k2, j, 1), theta[2])
            k3 = np.einsum("dtb,tb->db", by_component, theta[2])
            library.fill(columns(x + h * k3, j, 2), theta[3])
            k4 = np.einsum("dtb,tb->db", by_component, theta[3])
            k2 += k3
            k2 *= 2.0
            k2 += k1
            k2 += k4
            x = states[j + 1]
            np.multiply(h / 6.0, k2, out=x)
            x += states[j]
    return states, stages


def sensitivities(
    library: TermLibrary,
    coefficients: Array,
    stages: Array,
    steps: Array,
    component: Index,
    row: Index,
) -> Array:
    """Differentiate a roll-out by its start and by some coefficients.

    Parameters
    ----------
    library, coefficients, steps
        As given to `roll_out`.
    stages : array of shape (J, 4, R, B)
        As returned by it.
    component, row : int array of shape (P, B)
        The coefficients to differentiate by: entry ``[row, component]``. A component of -1 is padding
        and gets derivative 0.

    Returns
    -------
    array of shape (J + 1, D, D + P, B)
        Derivatives of the states, by the start first.
    """
    n_steps, _, _, batch = stages.shape
    dim = coefficients.shape[1]
    n_params = len(component)
    width = dim + n_params
    # Coefficients of the Jacobian's entries, [d, e] being the derivative of component d by variable e.
    lowered = np.einsum("elt,tdb->delb", library.derivative[:dim], coefficients).reshape(dim * dim, -1, batch)
    own = (component[None] == np.arange(dim)[:, None, None]).astype(np.float64)

    change = np.zeros((n_steps, dim, width, batch))  # of the step, by its own start and the coefficients
    slope = np.empty_like(change)
    h = steps[:, None, None, :]
    for stage, (reach, share) in enumerate(((0.0, 1.0), (0.5, 2.0), (0.5, 2.0), (1.0, 1.0))):
        theta = stages[:, stage]
        jacobian = np.einsum("xtb,jtb->jxb", lowered, theta).reshape(n_steps, dim, dim, batch)
        direct = np.empty_like(change)
        direct[:, :, :dim] = jacobian
        picked = np.take_along_axis(theta, row[None], axis=1)
        np.multiply(own[None], picked[:, None], out=direct[:, :, dim:])
        if stage:
            direct += apply_matrix(jacobian, (reach * h) * slope)
        slope = direct
        change += share * slope
    change *= h / 6.0

    out = np.zeros((n_steps + 1, dim, width, batch))
    out[0, np.arange(dim), np.arange(dim)] = 1.0
    for j in range(n_steps):
        np.add(out[j], apply_matrix(change[j, :, :dim], out[j]), out=out[j + 1])
        out[j + 1, :, dim:] += change[j, :, dim:]
    return out


def apply_matrix(matrix: Array, columns: Array) -> Array:
    """Multiply (..., D, D, B) with (..., D, Q, B), each member of the batch by itself."""
    if matrix.shape[-2] >= _MANY:  # a library of matrix products is then worth the copies
        product = np.matmul(np.moveaxis(matrix, -1, -3), np.moveaxis(columns, -1, -3))
        return np.ascontiguousarray(np.moveaxis(product, -3, -1))
    out = matrix[..., :, 0, None, :] * columns[..., None, 0, :, :]
    for e in range(1, matrix.shape[-2]):
        out += matrix[..., :, e, None, :] * columns[..., None, e, :, :]
    return out
