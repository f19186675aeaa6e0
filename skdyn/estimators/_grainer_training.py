"""Training of a coarse-grainer: from recordings and parameters to an autoencoder and the equation of its codes.

Letters: L frames of a recording, D features of a frame, d codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skdyn.coarse_graining.autoencoder import Autoencoder, build_autoencoder
from skdyn.coarse_graining.latent import LatentModel
from skdyn.coarse_graining.learning import learn
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.estimators._grainer_settings import check_settings
from skdyn.estimators._latent_sde import LatentSDERegressor
from skdyn.exceptions import ModelWarning, TrajectoryError, silenced
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

_LONGEST = 1e150  # step between frames whose square float64 can hold


def trained(
    context: Trajectories, params: Mapping[str, Any]
) -> tuple[Autoencoder, LatentSDERegressor | FIMODERegressor, list[float]]:
    """Train on recordings of frames.

    Parameters
    ----------
    context : Trajectories
        Frames (L, D) of each recording.
    params : mapping
        Of `FIMCoarseGrainer`.

    Returns
    -------
    autoencoder : Autoencoder
    dynamics : LatentSDERegressor or FIMODERegressor
        Fitted to the codes.
    losses : list of float
        One a step.
    """
    settings = check_settings(params)
    engine = Engine(load_model(params["model"]), params["device"])
    latent = LatentModel(engine.model, engine.network, int(params["n_components"]))
    with np.errstate(over="ignore"):
        steps = np.concatenate([np.diff(times) for times in context.times])
    if not ((steps > 1 / _LONGEST) & (steps < _LONGEST)).all():
        raise TrajectoryError("the time steps are too large or too small for float64 arithmetic")
    seed = int(check_random_state(params["random_state"]).randint(2**31 - 1))

    def build(frames: np.ndarray) -> Autoencoder:
        return build_autoencoder(
            frames,
            latent.dim,
            encoder=params["encoder"],
            decoder=params["decoder"],
            hidden=[int(width) for width in params["hidden"]],
            activation=params["activation"],
            method=params["method"],
            seed=seed,
            device=engine.device,
        )

    starts_as_pca = params["method"] == "pca" and params["encoder"] is None and params["decoder"] is None
    autoencoder, losses = learn(
        list(context),
        build,
        latent,
        settings,
        seed,
        held_out=params["validation_fraction"] if starts_as_pca else None,
        progress=bool(params["verbose"]),
    )
    autoencoder.finish(context.states, straighten=settings.isometry > 0)
    regressor = LatentSDERegressor if latent.is_stochastic else FIMODERegressor
    codes = context.with_states([autoencoder.encode(x) for x in context.states], None)
    with silenced(ModelWarning):
        dynamics = regressor(params["model"], device=params["device"]).fit(codes)
    return autoencoder, dynamics, losses
