"""Gaussian-process ODEs as estimators of skdyn.

Installing this package is enough: skdyn finds its estimators by their entry points and lists them as ``"gp"`` (gradient
matching, quick) and ``"gp-shooting"`` (variational multiple shooting).

Sources: Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006); Hegde, Yildiz, Lähdesmäki, Kaski and
Heinonen, *Variational multiple shooting for Bayesian ODEs with Gaussian processes* (UAI 2022, arXiv:2106.10905).

Examples
--------
>>> import skdyn
>>> "gp" in skdyn.list_estimators()
True
"""

from skdyn_gp._matching import GPODERegressor
from skdyn_gp._shooting import ShootingGPODERegressor

__all__ = ["GPODERegressor", "ShootingGPODERegressor"]
__version__ = "0.1.0"
