"""Neural ODEs and SDEs as estimators of skdyn.

Installing this package is enough: skdyn finds its estimators by their entry points and lists them as ``"neural-ode"``
and ``"neural-sde"``.

Sources: neural ODEs (Chen, Rubanova, Bettencourt and Duvenaud, 2018, NeurIPS, arXiv:1806.07366), multiple shooting
(Bock and Plitt, 1984, IFAC Proceedings 17:1603) and torchdiffeq, whose solver the training uses; stable neural SDEs
(Oh, Lim and Kim, 2024, ICLR, arXiv:2402.14989).

Examples
--------
>>> import skdyn
>>> {"neural-ode", "neural-sde"} <= set(skdyn.list_estimators())
True
"""

from skdyn_neuralode._neural_ode import NeuralODERegressor
from skdyn_neuralode._neural_sde import NeuralSDERegressor

__all__ = ["NeuralODERegressor", "NeuralSDERegressor"]
__version__ = "0.1.0"
