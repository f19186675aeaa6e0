"""FIM-SDE as an estimator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.bursts import in_bursts
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._base import check_motion
from skdyn.estimators._predictive import BesideLinear
from skdyn.estimators._session import FieldSession, ModelChoice
from skdyn.estimators._stochastic import BaseStochasticEstimator
from skdyn.exceptions import TrajectoryError

if TYPE_CHECKING:
    import torch

_FEW_TRANSITIONS = 8


class FIMSDERegressor(BaseStochasticEstimator):
    """Drift and diffusion of an SDE from trajectories, in one forward pass of a pretrained in-context model.

    The equation is ``dx = f(x) dt + g(x) dW`` in the sense of Ito. `fit` encodes the trajectories once and trains
    nothing: polynomials are fitted to them in closed form, and small networks weigh these and the answer of a large one
    at every query. With more than three variables the polynomials answer alone. `predict`, `vector_field`, `jacobian`
    and `equilibria` are of the drift f, `diffusion` is g. Under ``x -> a x + b`` with ``a > 0`` (for each variable)
    both are multiplied by ``a``; under ``t -> c t + e`` the drift is divided by ``c`` and the diffusion by its square
    root. Neither depends on the order of the trajectories or of the queries. Two scales of the predicted errors hold
    95% of these on systems as the bundled weights were trained on. `score` is of predictions that count what is not
    known, and are averaged with those of linear equations.

    Parameters
    ----------
    model : str or path, default="fim-sde"
        A registered name (`skdyn.list_models`), a folder, or ``hf://owner/repo[/sub/folder][@revision]``.
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
    query_chunk : int, default=512
        Most queries decoded at once; fewer take less memory. How queries are grouped changes results by rounding only.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.
    adapter : str or path, optional
        Folder of a low-rank adapter that was trained on this model.

    Attributes
    ----------
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.
    weights_ : dict
        ``name``, ``source`` and ``sha256`` of the model that was used; with an adapter, the sha256 is of both together.

    References
    ----------
    FIM-SDE: arXiv 2502.19049.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import FIMSDERegressor
    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros((500, 1))
    >>> for i in range(499):  # an Ornstein-Uhlenbeck process in steps of 0.05
    ...     x[i + 1] = x[i] - 0.05 * x[i] + np.sqrt(0.05) * rng.normal()
    >>> est = FIMSDERegressor().fit(x, t=0.05)
    >>> est.diffusion([[0.0], [0.5]]).shape
    (2, 1)
    >>> est.simulate([1.0], np.linspace(0, 1, 11), n_paths=20, random_state=0).shape
    (20, 11, 1)
    """

    weights_: dict[str, str]
    _session: FieldSession
    _unknown_diffusion: np.ndarray

    def __init__(
        self,
        model: str | os.PathLike[str] = "fim-sde",
        *,
        device: str | torch.device = "auto",
        precision: Literal["float32", "float64", "bfloat16"] = "float32",
        query_chunk: int = 512,
        missing: Literal["raise", "drop"] = "raise",
        adapter: str | os.PathLike[str] | None = None,
    ) -> None:
        self.model = model
        self.device = device
        self.precision = precision
        self.query_chunk = query_chunk
        self.missing = missing
        self.adapter = adapter

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of the states and of time."""
        return frozenset({"affine", "time"})

    @property
    def most_evaluations(self) -> int:
        """Evaluations of the network that one simulation may take; each takes about ten milliseconds on one core."""
        return 100_000

    def _fit(self, context: Trajectories) -> None:
        choice = ModelChoice.of(self)
        pieces = in_bursts(context)
        session = FieldSession(choice, pieces, stochastic=True)
        self._session, self.weights_ = session, session.weights
        self._unknown_diffusion = _unknown_diffusion(pieces)

    def _remember(self, context: Trajectories) -> None:
        super()._remember(context)
        self._beside: BesideLinear | None = None

    @property
    def linear_share_(self) -> float:
        """Share of linear equations with noise in what `score` predicts, before the first observation of a path.

        `score` averages the density of an observation given those before it under the inferred equation with that under
        linear equations, one for each variable, whose parameters are integrated out; what was observed of a path weighs
        the two anew by Bayes' rule, so that one that leaves what the context shows is predicted with less certainty.
        `predict`, `diffusion` and `simulate` are of the inferred equation alone.

        Zero where the inferred equation predicts blocks of the context, each from the others, clearly better than a
        linear drift with a constant diffusion does; near one where these are all that the context supports. It is found
        when it or `score` is first asked for, which takes as long as four fits.
        """
        return self._predictive.share

    @property
    def _predictive(self) -> BesideLinear:
        check_is_fitted(self)
        if self._beside is None:
            self._beside = BesideLinear.of(self._moving.part(self.context_), self._predicted)
        return self._beside

    def _predicted(self, context: Trajectories, held_out: Trajectories) -> np.ndarray | None:
        """Log-densities of held-out transitions under what a part of the context gives, of the variables that move."""
        try:
            check_motion(context)
        except TrajectoryError:
            return None
        context, held_out = (self._moving.whole(x, self._given_names) for x in (context, held_out))
        part = self._unfitted().set_params(**self._fit_params)
        part._fit(context)
        part._remember(context)
        part._moving = self._moving
        return super(FIMSDERegressor, part)._log_likelihoods(held_out)

    def _log_likelihoods(self, observed: Trajectories) -> np.ndarray:
        return self._predictive.log_likelihoods(super()._log_likelihoods(observed), self._moving.part(observed))

    def _drift_and_diffusion(
        self, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        drift, diffusion, drift_scale, scale = self._session.drift_and_diffusion(points)
        if scale is not None and self._unknown_diffusion.any():
            scale = np.maximum(scale, self._unknown_diffusion)
        return drift, diffusion, drift_scale, scale

    def _velocity_alike(self, points: np.ndarray) -> np.ndarray:
        return self._session.drift_and_diffusion(points, alike=True)[0]

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._session.field_jacobian(points)


def _unknown_diffusion(context: Trajectories) -> np.ndarray:
    """Least scale (D,) of the error of a diffusion that hardly any transitions tell from the drift; zero of more.

    A drift can explain all of a few transitions and leave none to the noise, which may be as strong as all of them.
    """
    steps = np.concatenate([np.diff(t) for t in context.times])
    moved = np.concatenate([np.diff(x, axis=0) for x in context.states])
    if len(steps) >= _FEW_TRANSITIONS:
        return np.zeros(context.n_features)
    return np.asarray(np.sqrt(np.mean(moved**2 / steps[:, None], axis=0) * 2 / len(steps)))
