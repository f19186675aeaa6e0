"""Load an estimator from a folder that says which class it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skdyn.exceptions import FileError, PluginError, SkdynError
from skdyn.files.reading import parse_json, read_bytes

_LONGEST = 2**26  # bytes of a description


def load_estimator(folder: Path) -> Any:
    """The fitted estimator in a folder that `save` wrote, of any registered class.

    Raises
    ------
    SkdynError
        If the folder holds none, or one of a class that is not registered, or is damaged.
    """
    return _class_named(_class_name(folder), folder).load(folder)


def _class_name(folder: Path) -> str:
    path = folder / "estimator.json"
    if (folder / "grainer.json").is_file():  # holds no other class
        if path.is_file():
            raise FileError(
                f"{folder} holds two saved estimators, and does not say which is meant: remove grainer.json or "
                "estimator.json, whichever is older, or save again"
            )
        return "FIMCoarseGrainer"
    try:
        name = parse_json(read_bytes(path, _LONGEST), path, constants=True).get("estimator")
        if not isinstance(name, str):
            raise FileError(f"{path} names no estimator")
    except FileError as error:
        raise FileError(f"{folder} is not a saved estimator, or is damaged: {error}") from None
    return name


def _class_named(wanted: str, folder: Path) -> type[Any]:
    """The class among the registered ones; plugins are imported only if none of skdyn's own has the name."""
    from skdyn.estimators.registry import CATALOGUE

    broken = ""
    for name in sorted(CATALOGUE.names(), key=lambda name: not CATALOGUE.is_builtin(name)):
        try:
            if (kind := CATALOGUE.get(name)).__name__ == wanted:
                return kind
        except PluginError as error:
            broken = f"; {error}"
    raise SkdynError(
        f"{folder} holds a {wanted}, which is not among the registered estimators (see `skdyn models`): install the "
        f"plugin that it comes from{broken}"
    )
