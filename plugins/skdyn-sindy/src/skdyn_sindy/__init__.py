"""Sparse identification of nonlinear dynamics (SINDy) by pysindy, as estimators of skdyn.

Installing this package is enough: skdyn finds its estimators by their entry points and lists them as ``"sindy"``,
``"sindy-tuned"`` and ``"sindy-weak"``.

Sources: SINDy (Brunton, Proctor and Kutz, 2016, PNAS 113:3932), its weak form (Messenger and Bortz, 2021, Multiscale
Modeling & Simulation 19:1474) and pysindy (Kaptanoglu et al., 2022, JOSS 7:3994).

Examples
--------
>>> import skdyn
>>> "sindy" in skdyn.list_estimators()
True
"""

from skdyn_sindy._sindy import SINDyRegressor
from skdyn_sindy._tuned import TunedSINDyRegressor
from skdyn_sindy._weak import WeakSINDyRegressor

__all__ = ["SINDyRegressor", "TunedSINDyRegressor", "WeakSINDyRegressor"]
__version__ = "0.1.0"
