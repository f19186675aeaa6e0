"""How well a simulated trajectory agrees with an observed one."""

from __future__ import annotations

import numpy as np


def trajectory_r2(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Coefficient of determination of one trajectory, its variables weighted by their variance.

    Per variable ``1 - SS_res / (SS_tot + 1e-15)``, averaged with the weights ``SS_tot`` (the protocol of ODEFormer,
    d'Ascoli et al., ICLR 2024). A prediction that is not finite, or whose squares overflow, scores minus infinity.

    Parameters
    ----------
    truth, prediction : arrays of shape (L, D)

    Returns
    -------
    float
        At most 1, never NaN.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 1, 5)[:, None]
    >>> trajectory_r2(x, x)
    1.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        residual = ((truth - prediction) ** 2).sum(axis=0)
        total = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
        r2 = 1 - residual / (total + 1e-15)
    if not np.isfinite(r2).all():
        return -np.inf
    weights = total / total.sum() if total.sum() > 0 else np.full(len(total), 1 / len(total))
    return float((weights * r2).sum())
