"""Which display is for which kind of estimator."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

# By kind: what such an estimator is, the method that only it and the kinds before it have, and the displays for it.
_KINDS = {
    "grainer": ("a coarse-grainer", "inverse_transform", "LatentDisplay"),
    "forecaster": ("a forecaster", "derivative", "ForecastDisplay"),
    "sde": ("an estimator of an SDE", "diffusion", "DriftDiffusionDisplay, PathFanDisplay or TrajectoryDisplay"),
    "ode": ("an estimator of an ODE", "vector_field", "PhasePortraitDisplay or TrajectoryDisplay"),
}


def check_drawable(display: type, draws: str, estimator: Any, *kinds: str) -> None:
    """Refuse an estimator of which a display cannot draw what it draws, or that is not fitted.

    Parameters
    ----------
    display : type
    draws : str
        What it draws.
    estimator : object
    *kinds : str
        Those that it is for: "ode", "sde", "forecaster" or "grainer".

    Raises
    ------
    ValueError
        If it is of another kind, with the display that fits it, or of none.
    NotFittedError
        If it is not fitted.
    """
    kind = _kind_of(estimator)
    if kind is None:
        check_is_fitted(estimator)
    if kind not in kinds:
        is_what, use = "none of skdyn's estimators", "give a fitted one, such as the last step of a Pipeline"
        if kind is not None:
            is_what, _, fitting = _KINDS[kind]
            use = f"use {fitting}"
        raise ValueError(f"{display.__name__} draws {draws}, and {type(estimator).__name__} is {is_what}: {use}")
    check_is_fitted(estimator)


def _kind_of(estimator: Any) -> str | None:
    if not hasattr(estimator, "vector_field"):
        return None
    return next(kind for kind, (_, method, _) in _KINDS.items() if hasattr(estimator, method))
