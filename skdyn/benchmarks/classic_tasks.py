"""The small classic tasks: what is seen, from where is simulated, and how the paths are judged.

Conventions, where the publications leave room:

* Van der Pol and FitzHugh-Nagumo: means over points and both variables, against states without noise, at the published
  test times: after the last observation, or in the gap. Simulations start at the exact state at time 0; the measure
  ``observed start`` starts at the first observation instead. Gaussian-process ODEs infer that state. The code that the
  FIM-ODE paper points to compares on other grids (100 points on [7, 14]; a file of FitzHugh-Nagumo of half the points).
* FitzHugh-Nagumo is one recording with a gap, as the publications have it; ``fhn-cut`` gives its two sides as two
  trajectories, so that nothing is known of the time between them.
* Motion capture: principal components are fitted to all frames of the training paths and scaled to unit variance
  there; the context is the first frames of each training path (50 or 100 of subject 09, 50 or 250 of 35, 100 or 250 of
  39: Hegde et al. 2022, supplement); each test path is simulated over all its frames from the components of its first.
  ``mse`` is over paths, frames and all 50 angles as recorded, as in Hegde et al.; no estimate can be better than the
  components themselves, which the row ``projection`` shows. ``mse of 5 components`` compares with the test paths after
  projection to five components, as the evaluation code of FIM-ODE does, where components that are not simulated stay
  at their mean. Which variant of that code gave the published numbers it does not say: two overlapping fields of three
  components (0, 1, 2 and 1, 3, 4), or the first three alone. Hegde et al. leave the mean of the training frames out
  when they turn components back into angles; it is put back here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA

from skdyn.data.trajectories import Trajectories
from skdyn.datasets import load_fitzhugh_nagumo, load_mocap, load_van_der_pol

MSE, OBSERVED_START, PROJECTED = "mse", "observed start", "mse of 5 components"
FRAMES = {"09": (50, 100), "35": (50, 250), "39": (100, 250)}
PLANAR = ("vdp-uniform", "vdp-nonuniform", "fhn", "fhn-cut")
MOTION = tuple(f"mocap{subject}-{horizon}" for subject in FRAMES for horizon in ("short", "long"))
TASKS = PLANAR + MOTION
_PUBLISHED_COMPONENTS = 5


@dataclass(frozen=True)
class Task:
    """One context and what must be reproduced.

    Attributes
    ----------
    name : str
    source : str
        The data set: what tasks share that rise and fall together.
    context : Trajectories
    starts : array of shape (N, D)
        States at ``times[0]`` from which paths are simulated.
    times : array of shape (L,)
    measure : callable
        From paths (N, L, D) to mean square errors by name, infinite where a path is not finite.
    floor : float or None
        The least ``mse`` that any estimate can have.
    """

    name: str
    source: str
    context: Trajectories
    starts: np.ndarray
    times: np.ndarray
    measure: Callable[[np.ndarray], dict[str, float]]
    floor: float | None = None


class PublishedError(NamedTuple):
    """A published mean square error, and where it is from."""

    method: str
    task: str
    mse: float
    source: str


_FINE_TUNED, _ZERO_SHOT, _GP_ODE = "FIM-ODE, fine-tuned", "FIM-ODE, zero-shot", "GP-ODE"
_FIM_ODE_PAPER, _HEGDE = "FIM-ODE, arXiv:2602.08733", "Hegde et al., UAI 2022"
PUBLISHED = (
    PublishedError(_FINE_TUNED, "vdp-uniform", 0.028, _FIM_ODE_PAPER),
    PublishedError(_FINE_TUNED, "vdp-nonuniform", 0.022, _FIM_ODE_PAPER),
    PublishedError(_FINE_TUNED, "fhn", 0.030, _FIM_ODE_PAPER),
    PublishedError(_GP_ODE, "vdp-uniform", 0.13, _HEGDE),
    PublishedError(_GP_ODE, "vdp-nonuniform", 0.21, _HEGDE),
    PublishedError(_GP_ODE, "fhn", 0.07, _HEGDE),
    PublishedError(_ZERO_SHOT, "mocap09-short", 6.10, _FIM_ODE_PAPER),
    PublishedError(_ZERO_SHOT, "mocap09-long", 7.34, _FIM_ODE_PAPER),
)


def make_task(name: str, components: int = 3) -> Task:
    """Build a task.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    components : int, default=3
        Principal components of motion capture, 1 to 5.

    Returns
    -------
    Task

    Raises
    ------
    ValueError
        If there is no such task, or the components are not 1 to 5.

    Examples
    --------
    >>> task = make_task("fhn")
    >>> task.context.n_points, task.starts[0].tolist()
    (38, [-1.0, -1.0])
    """
    if name not in TASKS:
        raise ValueError(f"task: expected one of {TASKS}, got {name!r}")
    if not 1 <= components <= _PUBLISHED_COMPONENTS:
        raise ValueError(f"components: 1 to {_PUBLISHED_COMPONENTS} are needed, got {components!r}")
    if name in MOTION:
        return _motion(name, components)
    gap = name.startswith("fhn")
    data = load_fitzhugh_nagumo() if gap else load_van_der_pol(name.removeprefix("vdp-"))  # type: ignore[arg-type]
    later = data.t_test > (0.0 if gap else data.t[-1])
    ends = np.searchsorted(data.t, data.t_test[:1]) if name == "fhn-cut" else []
    context = list(zip(np.split(data.t, ends), np.split(data.x, ends), strict=True))
    times = np.concatenate([[0.0], data.t_test[later]])

    def measure(paths: np.ndarray) -> dict[str, float]:
        exact, observed = paths[:, 1:]
        return {MSE: _mse(exact, data.x_test[later]), OBSERVED_START: _mse(observed, data.x_test[later])}

    starts = np.stack([data.x0, data.x[0]])
    return Task(name, name.partition("-")[0], Trajectories(context), starts, times, measure)


def _motion(name: str, components: int) -> Task:
    subject, _, horizon = name.removeprefix("mocap").partition("-")
    data = load_mocap(subject)  # type: ignore[arg-type]
    frames = FRAMES[subject][horizon == "long"]
    pca = PCA(_PUBLISHED_COMPONENTS, svd_solver="full").fit(np.concatenate(data.train))
    basis = pca.components_ * np.sqrt(pca.explained_variance_)[:, None]
    dual = pca.components_.T / np.sqrt(pca.explained_variance_)

    def angles(paths: np.ndarray) -> np.ndarray:
        """Components (K, L, D) as angles (K, L, 50); those that were not simulated are at their mean."""
        return paths @ basis[: paths.shape[2]] + pca.mean_

    test = (data.test - pca.mean_) @ dual
    projected = angles(test)

    def measure(paths: np.ndarray) -> dict[str, float]:
        with np.errstate(all="ignore"):
            found = angles(paths)
        return {MSE: _mse(found, data.test), PROJECTED: _mse(found, projected)}

    context = Trajectories([(data.t[:frames], x[:frames, :components]) for x in (data.train - pca.mean_) @ dual])
    seen = test[:, :, :components]
    return Task(
        name if components == 3 else f"{name} ({components} components)",
        f"mocap{subject}",
        context,
        seen[:, 0],
        data.t,
        measure,
        floor=measure(seen)[MSE],
    )


def _mse(found: np.ndarray, truth: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        error = float(np.square(found - truth).mean())
    return error if np.isfinite(error) else np.inf
