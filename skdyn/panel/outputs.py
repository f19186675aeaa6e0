"""What is asked of every fitted estimator, as plain values that JSON can hold.

Letters: K trajectories of a group, L_k points, D variables, H times of a forecast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.equilibria import Equilibrium
from skdyn.dynamics.paths import follow
from skdyn.dynamics.rollout import agreement
from skdyn.dynamics.units import state_units
from skdyn.estimators._together import Together

OUTPUTS = ("equations", "equilibria", "score", "forecast")


def check_outputs(estimator: Any, outputs: Any) -> tuple[str, ...]:
    """The outputs asked for, refused where the estimator has none of the kind.

    Raises
    ------
    ValueError
    """
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    for name in names:
        if name not in OUTPUTS:
            raise ValueError(f"outputs must be of {', '.join(map(repr, OUTPUTS))}; got {name!r}")
        if not _offers(type(estimator), name):
            raise ValueError(f"outputs: {type(estimator).__name__} has no {name}")
    return names


def _offers(kind: type, name: str) -> bool:
    if name != "forecast":
        return hasattr(kind, name)
    return _is_forecaster(kind) or (hasattr(kind, "simulate") and not hasattr(kind, "diffusion"))


def _is_forecaster(kind: type) -> bool:
    return hasattr(kind, "derivative")


def output_of(estimator: Any, name: str, horizon: int, given: Trajectories) -> Any:
    """One output of an estimator that was fitted to what is given."""
    context = estimator.context_
    if name == "equations":
        return list(estimator.equations())
    if name == "equilibria":
        return [plain_equilibrium(point) for point in estimator.equilibria(**context.typical)]
    if name == "score":
        return float(estimator.score(given))
    if _is_forecaster(type(estimator)):
        return _plain_paths([*np.asarray(estimator.predict(horizon=horizon)).reshape(len(context), horizon, -1)])
    paths = [
        estimator.simulate(x[-1], times, **_as_at_the_end(context, k))[1:]
        for k, ((_, x), times) in enumerate(zip(context, ahead(context, horizon), strict=True))
    ]
    return _plain_paths(paths)


def outputs_together(together: Together, name: str, horizon: int) -> dict[int, Any]:
    """Scores or forecasts of all groups that were encoded together, by their places, simulated side by side."""
    assert together.fields is not None
    places = list(together.rows)
    contexts = [together.fitted[i].context_ for i in places]
    if name == "score":
        starts = [x[0] for context in contexts for x in context.states]
        times = [t for context in contexts for t in context.times]
    else:
        starts = [x[-1] for context in contexts for x in context.states]
        times = [t for context in contexts for t in ahead(context, horizon)]
    counts = np.array([len(context) for context in contexts])
    of = np.repeat([together.rows[i] for i in places], counts)
    units = [state_units(np.concatenate(context.states)) for context in contexts]
    center, scale = (np.repeat(part, counts, axis=0) for part in map(np.array, zip(*units, strict=True)))
    fields = together.fields
    paths = follow(
        lambda rows, t, x: fields.field(of[rows], x),
        lambda rows, t, x: fields.field_jacobian(of[rows], x),
        np.array(starts),
        times,
        center=center,
        scale=scale,
        most_evaluations=together.fitted[places[0]].most_evaluations,
    )
    ends = np.cumsum(counts)
    found: dict[int, Any] = {}
    for i, context, end, count in zip(places, contexts, ends, counts, strict=True):
        own = paths[end - count : end]
        found[i] = float(agreement(context, own).mean()) if name == "score" else _plain_paths([x[1:] for x in own])
    return found


def _as_at_the_end(context: Trajectories, k: int) -> dict[str, np.ndarray]:
    """The last inputs of a trajectory, which are taken to stay, and its parameters."""
    if not context.given:
        return {}
    inputs, parameters = np.split(context.outside[k][-1], [len(context.given.inputs)])
    return {name: part for name, part in (("inputs", inputs), ("parameters", parameters)) if len(part)}


def ahead(context: Trajectories, horizon: int) -> list[np.ndarray]:
    """The last time of each trajectory and so many after it, each the median step later."""
    steps = [float(np.median(np.diff(t))) for t in context.times]
    return [t[-1] + step * np.arange(horizon + 1) for t, step in zip(context.times, steps, strict=True)]


def plain_equilibrium(point: Equilibrium) -> dict[str, Any]:
    """An equilibrium as plain values; eigenvalues as pairs of a real and an imaginary part."""
    return {
        "state": point.state.tolist(),
        "kind": point.kind,
        "stable": point.stable,
        "inside": point.inside,
        "eigenvalues": [[value.real, value.imag] for value in point.eigenvalues.tolist()],
    }


def _plain_paths(paths: list[np.ndarray]) -> list[Any]:
    """Paths (H, D) as one list of them, or as that of the only one."""
    return [path.tolist() for path in paths] if len(paths) > 1 else paths[0].tolist()


def readable(name: str, value: Any) -> Any:
    """An output as it stands in the table: forecasts as arrays."""
    return np.array(value, dtype=np.float64) if name == "forecast" and value is not None else value
