"""Adapt a forecaster to one data set, as `LASSODEForecaster(fine_tune=...)` does, and keep the result as an adapter."""

from __future__ import annotations

from pretrain.run.provenance import versions
from skdyn.adaptation.cuts import FineTuning, fine_tune
from skdyn.adaptation.search import Adaptation
from skdyn.data.trajectories import Trajectories
from skdyn.models.weights import LoadedModel


def adapt_forecaster(
    model: LoadedModel, trajectories: Trajectories, settings: FineTuning, seed: int = 0, progress: bool = False
) -> Adaptation:
    """Train an adapter of a forecaster on cuts of the trajectories, on the CPU; the model itself is not changed.

    Parameters
    ----------
    model : LoadedModel
    trajectories : Trajectories
    settings : FineTuning
    seed : int
    progress : bool, default=False
        Show a bar.

    Returns
    -------
    Adaptation

    Raises
    ------
    TrajectoryError
        If every trajectory is too short to be cut.
    ValueError
        If the rank does not fit.
    """
    state, record = fine_tune(model.network, list(trajectories), settings, seed, progress)
    record |= {
        "steps": record["epochs"],
        "held_out_is": "Forecast loss on the held-out ends",
        "settings": record["settings"] | {"alpha": settings.alpha},
        "versions": versions(),
    }
    return Adaptation(state, record)
