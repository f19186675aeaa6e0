"""A display that is given another kind of estimator names the display that fits it."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from skdyn import (
    DriftDiffusionDisplay,
    FIMCoarseGrainer,
    FIMSDERegressor,
    ForecastDisplay,
    LASSODEForecaster,
    LatentDisplay,
    PathFanDisplay,
    PhasePortraitDisplay,
    SparseODERegressor,
    TrajectoryDisplay,
    VectorFieldDisplay,
)

T = np.linspace(0, 6, 60)
X = np.column_stack([np.cos(T), np.sin(T)])
DISPLAYS = [DriftDiffusionDisplay, ForecastDisplay, LatentDisplay, PathFanDisplay, PhasePortraitDisplay,
            TrajectoryDisplay, VectorFieldDisplay]  # fmt: skip


@pytest.fixture(scope="module")
def ode():
    return SparseODERegressor(max_degree=1).fit([(T, X)])


@pytest.mark.parametrize(
    ("display", "draws"),
    [(DriftDiffusionDisplay, "drift and diffusion of SDEs"), (PathFanDisplay, "paths of SDEs"),
     (ForecastDisplay, "forecasts"), (LatentDisplay, "the codes of recordings")],
)  # fmt: skip
def test_a_fitted_ode(ode, display, draws):
    message = (
        f"{display.__name__} draws {draws}, and SparseODERegressor is an estimator of an ODE: use PhasePortraitDisplay "
        "or TrajectoryDisplay$"
    )
    with pytest.raises(ValueError, match=message):
        display.from_estimator(ode)


@pytest.mark.parametrize(
    "estimator", [FIMCoarseGrainer(), FIMSDERegressor(), LASSODEForecaster(), SparseODERegressor()]
)
@pytest.mark.parametrize("display", DISPLAYS)
def test_each_kind_is_refused_or_drawn_once_fitted(display, estimator):
    fitting = {
        FIMCoarseGrainer: ("is a coarse-grainer: use LatentDisplay$", [LatentDisplay]),
        FIMSDERegressor: ("is an estimator of an SDE: use DriftDiffusionDisplay, PathFanDisplay or TrajectoryDisplay$",
                          [DriftDiffusionDisplay, PathFanDisplay, PhasePortraitDisplay, TrajectoryDisplay,
                           VectorFieldDisplay]),
        LASSODEForecaster: ("is a forecaster: use ForecastDisplay$", [ForecastDisplay]),
        SparseODERegressor: ("is an estimator of an ODE: use ", [PhasePortraitDisplay, TrajectoryDisplay,
                                                                 VectorFieldDisplay]),
    }  # fmt: skip
    message, displays = fitting[type(estimator)]
    if display in displays:
        with pytest.raises(NotFittedError):
            display.from_estimator(estimator)
    else:
        with pytest.raises(ValueError, match=f"^{display.__name__} draws .*, and {type(estimator).__name__} {message}"):
            display.from_estimator(estimator)


@pytest.mark.parametrize("display", DISPLAYS)
def test_what_is_no_estimator_of_dynamics(display):
    with pytest.raises(ValueError, match="LinearRegression is none of skdyn's estimators: give a fitted one"):
        display.from_estimator(LinearRegression().fit(X, T))
    with pytest.raises(TypeError, match="not an estimator"):
        display.from_estimator("x")


@pytest.mark.parametrize("display", [TrajectoryDisplay, VectorFieldDisplay])
def test_what_is_computed_without_a_picture_is_checked_too(display):
    with pytest.raises(ValueError, match=f"{display.__name__} draws .* LASSODEForecaster is a forecaster"):
        display.compute(LASSODEForecaster())
