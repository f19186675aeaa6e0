"""What a user writes; mypy checks it, and that the wrong lines are seen to be wrong."""

from typing import reveal_type

import numpy as np

import skdyn
from skdyn import (
    FIMODERegressor,
    FIMSDERegressor,
    LASSODEForecaster,
    PhasePortraitDisplay,
    SparseODERegressor,
    Trajectories,
)
from skdyn.datasets import load_hare_lynx
from skdyn.plugins import BaseDynamicsEstimator

t = np.linspace(0, 10, 100)
x = np.column_stack([np.cos(t), -np.sin(t)])
context = Trajectories([(t, x)])

est = FIMODERegressor(refine="sparse").fit(context)
reveal_type(est)  # FIMODERegressor
reveal_type(est.predict(x))  # ndarray
reveal_type(est.equilibria())  # Equilibrium
reveal_type(est.equations())  # list[str]
reveal_type(SparseODERegressor().fit(context).simulate([1.0, 0.0], t))  # ndarray
reveal_type(FIMSDERegressor.load("folder"))  # FIMSDERegressor
reveal_type(LASSODEForecaster().fit(context).levels_)  # tuple[float
reveal_type(PhasePortraitDisplay.from_estimator(est))  # PhasePortraitDisplay
reveal_type(load_hare_lynx)  # def
reveal_type(skdyn.list_models())  # list[str]
kind: type[BaseDynamicsEstimator] = FIMODERegressor

FIMODERegressor(refine="dense")  # error: Literal['sparse', 'auto']
FIMODERegressor().fitt(context)  # error: has no attribute "fitt"
skdyn.FIMODERegresor()  # error: Module has no attribute "FIMODERegresor"
est.simulate([1.0, 0.0], t, method="euler")  # error: Literal['auto', 'dopri5', 'rodas4', 'rk4']
