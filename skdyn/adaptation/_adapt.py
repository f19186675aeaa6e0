"""From a model of any kind and data to an adapter."""

from __future__ import annotations

import dataclasses
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from skdyn import __version__
from skdyn.adaptation.cuts import train_on_cuts
from skdyn.adaptation.likelihood import train_by_likelihood
from skdyn.adaptation.search import State
from skdyn.adaptation.settings import CutSettings, LikelihoodSettings, Settings, ShootingSettings
from skdyn.adaptation.shooting import train_by_shooting
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.models.adapters import save_adapter
from skdyn.models.spec import Kind
from skdyn.models.weights import LoadedModel, load_model

_SETTINGS: dict[Kind, type[Settings]] = {
    "ode": ShootingSettings,
    "sde": LikelihoodSettings,
    "forecast": CutSettings,
}


@dataclass(frozen=True, repr=False)
class Adaptation:
    """The result of adapting a model.

    Attributes
    ----------
    model : LoadedModel
        The base, which is not changed.
    settings : ShootingSettings, LikelihoodSettings or CutSettings
    state : dict of tensors
        The factors; see `skdyn.nn.lora.low_rank_state`.
    record : dict
        Settings, seconds, steps, losses and a summary of the data, as JSON holds them. ``record["held_out_error"]``
        says what the training gained on held-out data: ``start`` and ``chosen``.
    """

    model: LoadedModel
    settings: Settings
    state: State
    record: dict[str, Any]

    def __repr__(self) -> str:
        """One line: the model, and what the record says of steps and errors."""
        known = [repr(self.model.spec.name)]
        if "steps" in self.record:
            known.append(f"steps={self.record['steps']}")
        if error := self.record.get("held_out_error"):
            known.append(f"held_out_error={error['start']:.3g} -> {error['chosen']:.3g}")
        return f"Adaptation({', '.join(known)})"

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write an adapter folder, which estimators take as ``adapter=folder``.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist; files of an earlier adapter there are replaced.

        Raises
        ------
        ValueError
            If the factors take more than 2 MB, or are not all finite.
        """
        save_adapter(folder, self.model, self.settings.rank, self.settings.alpha, self.state, self.record)


def adapt(
    model: str | os.PathLike[str] | LoadedModel,
    trajectories: Any,
    *,
    settings: Settings | None = None,
    progress: bool = False,
    **changes: Any,
) -> Adaptation:
    """Train an adapter of a model on trajectories, on the CPU.

    Low-rank updates of the attention are trained: those of a model of ODEs by multiple shooting, of a model of SDEs by
    the likelihood of the transitions, of a forecaster by cuts of the series. Held-out data say when to stop. The model
    itself is not changed. The result depends on the arguments and on the number of threads alone, and one thread is
    usually fastest.

    Parameters
    ----------
    model : str, path or LoadedModel
        A registered name (`skdyn.list_models`), a folder, or ``hf://owner/repo[/sub/folder][@revision]``.
    trajectories : list of (t, x) pairs, list of arrays (L_k, D), array (K, L, D) or (L, D), DataFrame or Trajectories
        See `skdyn.Trajectories`. A forecaster also takes `skdyn.Trajectories.with_gaps`.
    settings : ShootingSettings, LikelihoodSettings or CutSettings, optional
        For a model of ODEs, of SDEs and a forecaster; the defaults of that kind where not given.
    progress : bool, default=False
        Show a bar.
    **changes
        Single settings in place of those of ``settings``.

    Returns
    -------
    Adaptation

    Raises
    ------
    TrajectoryError
        If the trajectories show no motion, are too short for the share that is held out, have too many variables, or
        inputs or parameters.
    SkdynError
        If no error on the held-out data is finite, or no step of the training could be taken.
    TypeError
        If there is no such setting.
    ValueError
        If a setting is wrong or of another kind of model, the rank does not fit, or the network has no attention
        projections.
    WeightsError
        If the model cannot be found or trusted.

    References
    ----------
    LoRA: arXiv 2106.09685.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn.adaptation import adapt
    >>> rng = np.random.default_rng(0)
    >>> t = np.linspace(0, 10, 101)
    >>> series = np.column_stack([np.cos(t), np.sin(t)]) + 0.1 * rng.normal(size=(101, 2))
    >>> result = adapt("lass-ode", [(t, series)], rank=2, epochs=1)
    >>> result.record["searched_steps"]
    1

    Save it with ``result.save("adapter/")`` and use it as ``LASSODEForecaster(adapter="adapter/")``.
    """
    loaded = model if isinstance(model, LoadedModel) else load_model(model)
    kind = loaded.spec.kind
    if not isinstance(settings, (_SETTINGS[kind], type(None))):
        raise ValueError(
            f"settings of {loaded.spec.name!r} must be {_SETTINGS[kind].__name__}, got {type(settings).__name__}"
        )
    chosen: Any = dataclasses.replace(settings or _SETTINGS[kind](), **changes)
    gaps_allowed = kind == "forecast" and isinstance(trajectories, Trajectories)
    data = trajectories if gaps_allowed else Trajectories(trajectories)
    if data.given:
        names = ", ".join(data.given.names)
        raise TrajectoryError(
            f"adapters are trained without inputs and parameters, but the trajectories have {names}: "
            "leave them out, [(t, x) for t, x in trajectories], or fit FIMODERegressor(refine='sparse') with them"
        )
    if kind == "forecast":
        state, record = train_on_cuts(loaded.network, data, chosen, progress)
    elif kind == "sde":
        state, record = train_by_likelihood(loaded, data, chosen, progress)
    else:
        state, record = train_by_shooting(loaded, data, chosen, progress)
    return Adaptation(loaded, chosen, state, record | {"versions": _versions()})


def _versions() -> dict[str, str]:
    """Versions of everything that numbers may depend on."""
    packages = ("torch", "numpy", "safetensors")
    return {"python": platform.python_version(), "skdyn": __version__} | {name: version(name) for name in packages}
