"""SINDy with one choice of smoothing, degree and threshold."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from skdyn import Trajectories
from skdyn_sindy.base import PolynomialRegressor
from skdyn_sindy.differentiation import Smoothing, check_smoothing, slopes
from skdyn_sindy.regression import Regression, Units, check_library, check_threshold, library


class SINDyRegressor(PolynomialRegressor):
    """Sparse polynomial field by sequentially thresholded least squares on estimated slopes.

    The steps are pysindy's: differentiation, polynomial library, STLSQ (ridge 0.05, then least squares on the terms
    that are left). Every library column and every slope is scaled to a mean square of one first, so that the threshold
    has no units and neither states nor times need to be scaled by the user. Inputs and parameters enter the library
    beside the states, as pysindy's ``u`` does.

    Parameters
    ----------
    degree : int, default=3
        Highest total degree of a monomial.
    threshold : float, default=0.1
        Terms that contribute less than this part of a slope's root-mean-square are dropped.
    smoothing : None, int or "spline", default=None
        How slopes are taken, in each trajectory on its own: finite differences of second order; a filter of Savitzky
        and Golay with a window of this odd number of points (cubic) and differences of its result; or a cubic
        smoothing spline with generalised cross-validation. On times that are not uniform, where the filter is not
        defined, the cubic is fitted to the same window at the actual times. Trajectories shorter than the window get
        the longest odd window that fits; those too short for a cubic or a spline (five points) finite differences.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    polynomial_ : Polynomial
        The field: ``exponents`` (P, D + G) and ``coefficients`` (P, D) in the user's units, with G inputs and
        parameters behind the variables.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.

    References
    ----------
    Brunton, Proctor and Kutz (2016), PNAS 113:3932.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn_sindy import SINDyRegressor
    >>> t = np.linspace(0, 10, 400)
    >>> circle = np.column_stack([np.cos(t), -np.sin(t)])
    >>> SINDyRegressor(degree=1).fit([(t, circle)]).equations()
    ['d(x0)/dt = x1', 'd(x1)/dt = -x0']
    """

    takes_inputs = True
    symmetries: ClassVar[frozenset[str]] = frozenset({"time"})

    def __init__(
        self,
        degree: int = 3,
        threshold: float = 0.1,
        smoothing: Smoothing = None,
        missing: Literal["raise", "drop"] = "raise",
    ) -> None:
        self.degree = degree
        self.threshold = threshold
        self.smoothing = smoothing
        self.missing = missing

    def _fit(self, context: Trajectories) -> None:
        check_library(self.degree, context.n_features + len(context.given))
        check_threshold(self.threshold)
        check_smoothing(self.smoothing)
        units = Units.of(context)
        pairs = [slopes(tau, u, self.smoothing) for tau, u in units.scale(context)]
        states, derivatives = map(np.concatenate, zip(*pairs, strict=True))
        columns = np.hstack([states, np.concatenate(units.scale_outside(context))])
        terms, exponents = library(columns, int(self.degree))
        coefficients, _ = Regression.of(terms, derivatives).solve(self.threshold)
        self.polynomial_ = units.polynomial(exponents, coefficients)
