"""Save a fitted estimator as JSON and NumPy arrays, without pickles, and fit it anew from them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from skdyn.data.trajectories import Trajectories, Trajectory
from skdyn.exceptions import SkdynError


class Saveable(Protocol):
    """What saving needs of an estimator."""

    @property
    def context_(self) -> Trajectories:
        """What it was fitted to."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Its parameters."""

    def fit(self, X: Any, y: Any = None, *, t: Any = None) -> Any:
        """Infer from a context."""


Estimator = TypeVar("Estimator", bound=Saveable)

_FORMAT = 1
_ESTIMATOR, _CONTEXT = "estimator.json", "context.npz"


def save(estimator: Saveable, folder: str | os.PathLike[str]) -> None:
    """Write parameters, the identity of the weights and the context."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    context = estimator.context_
    names = context.feature_names
    np.savez(
        path / _CONTEXT,
        lengths=np.array([len(t) for t in context.times]),
        times=np.concatenate(context.times),
        states=np.concatenate(context.states),
    )
    description = {
        "format": _FORMAT,
        "estimator": type(estimator).__name__,
        "params": plain_params(estimator),
        "feature_names": None if names is None else list(names),
        "weights": getattr(estimator, "weights_", None),
    }
    (path / _ESTIMATOR).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load(cls: type[Estimator], folder: str | os.PathLike[str]) -> Estimator:
    """Build the estimator from its parameters and fit it to the saved context."""
    path = Path(folder)
    with damage_named(path, cls.__name__):
        description = json.loads((path / _ESTIMATOR).read_text(encoding="utf-8"))
        if description["format"] != _FORMAT or description["estimator"] != cls.__name__:
            raise SkdynError(
                f"{path} holds a {description['estimator']} in format {description['format']}, not a {cls.__name__} in "
                f"format {_FORMAT}"
            )
        params, names, weights = description["params"], description["feature_names"], description["weights"]
        with np.load(path / _CONTEXT, allow_pickle=False) as arrays:
            ends = np.cumsum(arrays["lengths"])[:-1]
            times, states = np.split(arrays["times"], ends), np.split(arrays["states"], ends)
        context = Trajectories.with_gaps(
            [Trajectory(t, x, None if names is None else tuple(names)) for t, x in zip(times, states, strict=True)]
        )
        estimator = cls(**params)
    estimator.fit(context)
    used = getattr(estimator, "weights_", None)
    if used is not None and (not isinstance(weights, dict) or weights.get("sha256") != used["sha256"]):
        raise SkdynError(
            f"{path} was fitted with other weights than those that {params.get('model')!r} names now "
            "(their sha256 differs); fit again"
        )
    return estimator


@contextmanager
def damage_named(path: Path, kind: str) -> Iterator[None]:
    """Turn what goes wrong while files are read into an error that names the folder and what it should hold."""
    try:
        yield
    except SkdynError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError, zipfile.BadZipFile) as error:
        raise SkdynError(f"{path} is not a saved {kind}, or is damaged: {error}") from error


def plain_params(estimator: Saveable) -> dict[str, Any]:
    """Parameters as plain values.

    Raises
    ------
    SkdynError
        If one of them cannot be written as JSON.
    """
    return {name: _plain(name, value) for name, value in estimator.get_params(deep=False).items()}


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ == "torch" and type(value).__name__ == "device":
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(f"{name}[{i}]", item) for i, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(f"{name}[{key!r}]", item) for key, item in value.items()}
    raise SkdynError(f"the parameter {name}={value!r} cannot be saved as JSON")
