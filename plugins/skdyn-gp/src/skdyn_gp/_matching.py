"""Gradient matching with Gaussian processes as an estimator."""

from __future__ import annotations

from typing import Literal

from skdyn import Trajectories
from skdyn.plugins import check_number
from skdyn_gp.base import PosteriorRegressor
from skdyn_gp.matching import match
from skdyn_gp.units import Units, thinned


class GPODERegressor(PosteriorRegressor):
    """Vector field as a Gaussian process, by gradient matching.

    Each variable is smoothed by a Gaussian process in time whose hyperparameters all trajectories share; its posterior
    gives smoothed states, slopes and the slopes' variances. A second Gaussian process, in the states, is fitted to the
    slopes, with these variances as its noise. Hyperparameters maximise the marginal likelihood. Nothing is integrated,
    so that a fit takes seconds; the price is the bias of the smoothing, and an error that ignores what slopes of
    neighbours share and the error of the smoothed states.

    Parameters
    ----------
    max_points : int, default=500
        Most points that enter the fit; more are thinned evenly, and of many short trajectories some are left out, with
        a warning.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    posterior_ : FieldPosterior
        The field in units without dimension.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.

    References
    ----------
    Rasmussen and Williams (2006), *Gaussian Processes for Machine Learning*: posterior (2.25) and (2.26), marginal
    likelihood (5.8) and (5.9), derivatives (9.1). Gradient matching of ODEs with Gaussian processes: Calderhead,
    Girolami and Lawrence (2009), NIPS 21.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_gp import GPODERegressor
    >>> t = np.linspace(0, 6, 50)
    >>> est = GPODERegressor().fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    >>> est.predict([[0.0, 1.0]]).round(1) + 0.0
    array([[1., 0.]])
    >>> field, scale = est.vector_field([[0.0, 1.0], [3.0, 3.0]], return_std=True)
    >>> bool(scale[0].max() < scale[1].min())
    True
    """

    def __init__(self, max_points: int = 500, missing: Literal["raise", "drop"] = "raise") -> None:
        self.max_points = max_points
        self.missing = missing

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of states and of time."""
        return frozenset({"affine", "scale", "time"})

    def _fit(self, context: Trajectories) -> None:
        check_number("max_points", self.max_points, whole=True)
        units = Units.of(context)
        found = match(units.pairs(thinned(context, int(self.max_points))))
        self._keep(found.field, units, found.speeds)
