"""The options of every command that fits an estimator, and the estimator that they make."""

from __future__ import annotations

import argparse
from typing import Any

from skdyn.cli.usage import UsageError, parameter

MODEL_HELP = "registered name, folder or hf:// id"


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of any estimator."""
    parser.add_argument("--model", help=f"{MODEL_HELP} (default: the estimator's own)")
    parser.add_argument("--param", type=parameter, action="append", default=[], metavar="NAME=VALUE",
                        help="of the estimator, as JSON or else as text; can be repeated")  # fmt: skip


def add_estimator_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Declare the choice of an estimator, and its options."""
    parser.add_argument("--estimator", default=default, metavar="NAME",
                        help="any that `skdyn models` lists (default: %(default)s)")  # fmt: skip
    parser.add_argument("--refine", choices=("sparse", "auto"),
                        help="fit sparse equations with the pretrained field as their prior")  # fmt: skip
    add_model_options(parser)


def build_estimator(name: str, options: argparse.Namespace, **defaults: Any) -> Any:
    """The estimator that the options describe, not fitted yet.

    Parameters
    ----------
    name : str
        One of those that are registered.
    options : argparse.Namespace
        With ``--missing keep`` that is the estimator's ``missing`` too, unless it is given.
    **defaults
        Parameters that hold where the options do not say otherwise, and where the estimator has them.

    Raises
    ------
    UsageError
        If there is no such estimator, or it has no such parameter, or one is given twice.
    PluginError
        If the plugin that offers it is broken.
    """
    from inspect import signature

    from skdyn import list_estimators
    from skdyn.plugins import get_estimator

    if name not in list_estimators():
        raise UsageError(f"there is no estimator {name!r}: choose from {', '.join(list_estimators())}")
    kind = get_estimator(name)
    known = list(signature(kind).parameters)
    if getattr(options, "missing", None) == "keep":
        defaults = {"missing": "keep"} | defaults
    flags = ((flag, getattr(options, flag, None)) for flag in ("model", "refine"))
    given = [*options.param, *((flag, value) for flag, value in flags if value is not None)]
    keys = [key for key, _ in given]
    if unknown := [key for key in keys if key not in known]:
        raise UsageError(f"{name} has no parameter {unknown[0]!r}: it has {', '.join(known)}")
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise UsageError(f"the parameter {twice[0]!r} is given twice")
    return kind(**{key: value for key, value in defaults.items() if key in known} | dict(given))
