"""Neural ODEs as estimators of skdyn.

Installing this package is enough: skdyn finds its estimator by its entry point and lists it as ``"neural-ode"``.

Sources: neural ODEs (Chen, Rubanova, Bettencourt and Duvenaud, 2018, NeurIPS, arXiv:1806.07366), multiple shooting
(Bock and Plitt, 1984, IFAC Proceedings 17:1603) and torchdiffeq, whose solver the training uses.

Examples
--------
>>> import skdyn
>>> "neural-ode" in skdyn.list_estimators()
True
"""

from skdyn_neuralode._neural_ode import NeuralODERegressor

__all__ = ["NeuralODERegressor"]
__version__ = "0.1.0"
