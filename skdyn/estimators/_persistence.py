"""Save a fitted estimator as JSON and NumPy arrays, without pickles, and fit it anew from them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from skdyn.data.given import Given, given_columns
from skdyn.data.identities import identity_from_json, identity_to_json
from skdyn.data.time_axis import axis_from_json, axis_to_json
from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.exceptions import FileError, ModelWarning, SkdynError, silenced
from skdyn.files.arrays import pack_arrays, unpack_arrays
from skdyn.files.folder import Part, read_folder
from skdyn.files.manifest import seal, unseal
from skdyn.files.paths import user_path
from skdyn.files.reading import sha256
from skdyn.files.writing import write_folder


class Saveable(Protocol):
    """What saving needs of an estimator."""

    _times_told: bool

    @property
    def _context_as_given(self) -> Trajectories:
        """What it was fitted to."""

    @property
    def _fit_params(self) -> dict[str, Any]:
        """The parameters that the fit was made with."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Its parameters."""

    def fit(self, X: Any, y: Any = None, *, t: Any = None) -> Any:
        """Infer from a context."""


Estimator = TypeVar("Estimator", bound=Saveable)

_FORMAT = 3
_LARGEST = 2**31  # bytes of arrays in a folder
# Parameters that say where and how it is made, not what.
_NOT_OF_THE_FIT = ("device", "n_jobs", "progress", "query_chunk", "verbose")
ESTIMATOR, CONTEXT = "estimator.json", "context.npz"
GRAINER = "grainer.json"  # which a folder has in place of `ESTIMATOR`, never beside it


def save(estimator: Saveable, folder: str | os.PathLike[str]) -> None:
    """Write parameters, the identity of the weights and the context."""
    files = pack(estimator)
    description = files.pop(ESTIMATOR)
    write_folder(user_path(folder), files.items(), ESTIMATOR, lambda _: description, instead_of=GRAINER)


def pack(estimator: Saveable) -> dict[str, bytes]:
    """The files of a saved estimator by name; what cannot be saved is an error here, before anything is written."""
    context = estimator._context_as_given
    names = context.feature_names
    description = {
        "estimator": type(estimator).__name__,
        "package": _package(type(estimator)),
        "params": plain_params(estimator),
        "feature_names": None if names is None else list(names),
        "ids": [identity_to_json(id, k) for k, id in enumerate(context.ids)],
        "axis": axis_to_json(context.axis),
        "given": asdict(context.given),
        "times_told": estimator._times_told,
        "weights": getattr(estimator, "weights_", None),
        "library": vars(estimator).get("_library"),  # of the table that a forecaster answers with
        "labels": labels.to_json() if (labels := vars(estimator).get("_labels")) else None,
    }
    arrays = pack_arrays(
        {
            "lengths": np.array([len(t) for t in context.times], dtype=np.int64),
            "times": np.concatenate(context.times),
            "states": np.concatenate(context.states),
            "outside": np.concatenate(context.outside),
        }
    )
    if len(arrays) > _LARGEST:
        raise FileError(f"the context takes {len(arrays)} bytes, more than the {_LARGEST} that can be saved")
    return {CONTEXT: arrays, ESTIMATOR: seal(description, {CONTEXT: sha256(arrays)}, _FORMAT)}


def load(cls: type[Estimator], folder: str | os.PathLike[str]) -> Estimator:
    """Build the estimator from its parameters and fit it to the saved context."""
    path = user_path(folder)
    return unpack(cls, read_saved(path, ESTIMATOR, _FORMAT, {CONTEXT}), path)


def unpack(cls: type[Estimator], files: Mapping[str, bytes], path: Path) -> Estimator:
    """Build the estimator from the contents of its files; ``path`` is what errors call their folder."""
    with damage_named(path, cls.__name__):
        description, _ = unseal(files[ESTIMATOR], path / ESTIMATOR, _FORMAT)
        if (found := description["estimator"]) != cls.__name__:
            raise FileError(f"{path} holds a {found!s:.80}, not a {cls.__name__}")
        package = description.get("package")  # older folders do not say
        if package is not None and package != (own := _package(cls) or "a script"):
            raise FileError(
                f"{path} holds the {found} of {package!s:.80}, not that of {own}: load it by the class that saved it"
            )
        weights = description["weights"]
        context = _context(unpack_arrays(files[CONTEXT], path / CONTEXT), description)
        estimator = cls(**description["params"])
        with silenced(ModelWarning):  # said when it was fitted first
            estimator.fit(context)
        estimator._times_told = times_told(description)
        _answer_in(estimator, description.get("library"), description.get("labels"))
        used = getattr(estimator, "weights_", None)
        if used is not None and (not isinstance(weights, dict) or weights.get("sha256") != used["sha256"]):
            raise FileError(f"{path} was fitted with {_other_weights(description['params'])}; fit again")
    return estimator


def _package(cls: type) -> str | None:
    """The top-level package that a class comes from; None where it is a script's own."""
    package = cls.__module__.partition(".")[0]
    return None if package == "__main__" else package


def _other_weights(params: Mapping[str, Any]) -> str:
    """What is not as it was; an adapter is refused by itself where the model that it was trained on is another."""
    if params.get("adapter") is not None:
        return f"another adapter than the one that {params['adapter']!r} holds now (their sha256 differs)"
    return f"other weights than those that {params.get('model')!r} names now (their sha256 differs)"


def times_told(description: Mapping[str, Any]) -> bool:
    """Whether `fit` was told times by its argument; older folders do not say.

    Raises
    ------
    ValueError
        If it is neither so nor so.
    """
    told = description.get("times_told", False)
    if type(told) is not bool:
        raise ValueError(f"times_told must be true or false, got {told!r:.80}")
    return told


def _answer_in(estimator: Any, library: Any, labels: Any) -> None:
    """Let a forecaster answer with tables like the one that it was fitted to; older folders say its library alone."""
    if library is None:
        return
    if library not in ("pandas", "polars") or "_library" not in vars(estimator):
        raise ValueError(f"library must be that of a table which a forecaster was fitted to, got {library!r:.80}")
    estimator._library = library
    if labels is not None:
        estimator._labels = type(estimator._labels).from_json(labels)


def _context(arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> Trajectories:
    lengths, times, states, outside = (arrays[name] for name in ("lengths", "times", "states", "outside"))
    shapes = [array.shape for array in (lengths, times, states, outside)]
    if len(arrays) != 4 or [len(shape) for shape in shapes] != [1, 1, 2, 2] or lengths.dtype != np.int64:
        raise ValueError(
            f"{CONTEXT} must hold lengths (K,), times (L,), states (L, D) and what is given outside (L, G), got the "
            f"shapes {shapes}"
        )
    counts = [int(length) for length in lengths]
    if min(counts, default=0) < 2 or sum(counts) != len(times) or not len(states) == len(outside) == len(times):
        raise ValueError(
            f"the lengths of the trajectories do not add up to {len(times)} times, {len(states)} states and "
            f"{len(outside)} rows of what is given outside"
        )
    ids, names = description["ids"], description["feature_names"]
    if not isinstance(ids, list) or len(ids) != len(counts):
        raise ValueError(f"there must be an identity for each of {len(counts)} trajectories")
    if names is not None:
        check_names(names, states.shape[1])
        names = tuple(names)
    ids = [identity_from_json(id) for id in ids]
    axis = axis_from_json(description["axis"])
    ends = np.cumsum(lengths)[:-1]
    given = _given(description["given"], outside.shape[1])
    parts = zip(np.split(times, ends), np.split(states, ends), np.split(outside, ends), ids, strict=True)
    return Trajectories.with_gaps([Trajectory.of_columns(t, x, u, given, names, id, axis) for t, x, u, id in parts])


def _given(values: Any, count: int) -> Given:
    """Names of the columns that are given from outside, as they were saved."""
    if not isinstance(values, dict) or set(values) != {"inputs", "parameters", "interpolation"}:
        raise ValueError(f"given must be inputs, parameters and interpolation, got {values!r:.80}")
    if not all(isinstance(values[kind], list) for kind in ("inputs", "parameters")):
        raise ValueError(f"given must hold lists of names, got {values!r:.80}")
    given = given_columns(values["inputs"], values["parameters"], values["interpolation"])
    if len(given) != count:
        raise ValueError(f"given must name {count} columns, got {values!r:.80}")
    return given


def check_names(names: Any, count: int) -> None:
    """Refuse what are not the names of ``count`` variables.

    Raises
    ------
    ValueError
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"feature_names must be a list of names or null, got {names!r:.80}")
    if len(set(names)) != len(names) or len(names) != count:
        raise ValueError(f"feature_names must be {count} different names, got {names!r:.80}")


def read_saved(path: Path, description: str, version: int, parts: set[str]) -> dict[str, bytes]:
    """The contents of a saved folder that has exactly these parts, by name.

    Raises
    ------
    FileError
    """

    def wanted(content: bytes) -> dict[str, Part]:
        _, digests = unseal(content, path / description, version)
        if set(digests) != parts:
            raise FileError(f"{path / description} is damaged: it must list {', '.join(sorted(parts))}")
        return {name: Part(digest, _LARGEST) for name, digest in digests.items()}

    return read_folder(path, description, wanted)


@contextmanager
def damage_named(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever goes wrong while a saved folder is taken for what it says into one error that names it."""
    try:
        yield
    except FileError:
        raise
    except Warning:  # which the user has made an error
        raise
    except SkdynError as error:
        raise FileError(f"{path}, a saved {kind}, cannot be fitted again, or is damaged: {error}") from error
    except Exception as error:  # values that nobody has checked go through the whole of a fit, a plugin's too
        reason = f"{type(error).__name__}: {error}"
        raise FileError(f"{path} is not a saved {kind}, or is damaged: {reason}") from error


def plain_params(estimator: Saveable) -> dict[str, Any]:
    """Parameters as plain values; the seed that a fit has drawn stands in the place of where it was drawn from.

    Raises
    ------
    SkdynError
        If one of them cannot be written as JSON, or is not the one of the fit and changes what is fitted.
    """
    then, now = estimator._fit_params, estimator.get_params(deep=False)
    seed = getattr(estimator, "seed_", None)
    if seed is not None and now["random_state"] is then["random_state"]:
        then, now = then | {"random_state": seed}, now | {"random_state": seed}
    params = {name: plain(name, value) for name, value in now.items()}
    for name, value in params.items():
        if name not in _NOT_OF_THE_FIT and plain(name, then[name]) != value:
            raise SkdynError(
                f"the parameter {name} is {value!r:.80} now, but was {then[name]!r:.80} when "
                f"{type(estimator).__name__} was fitted: fit again, or set it back with set_params({name}=...)"
            )
    return params


def plain(name: str, value: Any) -> Any:
    """A value as JSON holds it; ``name`` is what errors call it.

    Raises
    ------
    SkdynError
        If JSON cannot hold it.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ == "torch" and type(value).__name__ == "device":
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):  # estimators read mappings of the fields as well
        return {field.name: plain(f"{name}.{field.name}", getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(f"{name}[{key!r}]", item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(f"{name}[{i}]", item) for i, item in enumerate(value)]
    raise SkdynError(f"the parameter {name}={value!r} cannot be saved as JSON")
