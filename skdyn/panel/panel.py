"""`fit_panel`: from a table with many groups to a table with one row of results for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from tqdm import tqdm

from skdyn.data.cleaning import Cleaning, Duplicates
from skdyn.data.given import Interpolation, given_columns
from skdyn.data.parameters import check_number, check_size
from skdyn.estimators._base import BaseTrajectoryEstimator
from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.files.paths import user_path
from skdyn.panel.groups import Groups, cut
from skdyn.panel.outputs import OUTPUTS, check_outputs, readable
from skdyn.panel.store import Store, request_of
from skdyn.panel.work import Reading, Row, fit_batch

if TYPE_CHECKING:
    import pandas as pd

_AHEAD = 4  # batches a worker gets before rows are kept and the bar moves


def fit_panel(
    table: Any,
    by: Any,
    *,
    estimator: Any = None,
    outputs: Sequence[str] = OUTPUTS,
    horizon: int = 10,
    inputs: Sequence[str] | None = None,
    parameters: Sequence[str] | None = None,
    interpolation: Interpolation = "linear",
    sort: bool = False,
    duplicates: Duplicates = "raise",
    n_jobs: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Fit an estimator to every group of a table, and collect what it says of each.

    Groups are fitted in batches. `FIMODERegressor` without ``refine`` encodes the groups of a batch together and
    simulates them side by side; equations and equilibria are found group by group. Batches are spread by joblib: over
    processes with ``n_jobs``, over a cluster with ``joblib.parallel_config(backend="dask")`` or ``"ray"``. A worker is
    sent tables and parameters, and loads the weights itself, once. The rows are the same however they are spread.

    Parameters
    ----------
    table : pandas or polars DataFrame
        A long table; the columns beside ``by`` are read as `skdyn.Trajectories` reads a DataFrame.
    by : name or list of names
        Columns whose values name the groups.
    estimator : estimator, optional
        One of skdyn's or of a plugin, not fitted; ``FIMODERegressor()`` by default. A pipeline is refused: transform
        the columns of the table instead.
    outputs : sequence of {"equations", "equilibria", "score", "forecast"}, default=all of them
        What to ask of each fit. The score is that of the group's own trajectories. Equilibria take the longest.
    horizon : int, default=10
        Times of the forecast, each the median step after the one before, from the last observation on.
    inputs, parameters, interpolation
        Columns of what acts on each group's system from outside, and of what is constant in each of its trajectories;
        see `skdyn.Trajectories.from_dataframe`. In a forecast inputs stay what they were last; equilibria are those
        under the group's mean inputs and parameters.
    sort, duplicates
        What to do with rows out of order and with times that repeat; see `skdyn.Trajectories`. Missing values are the
        estimator's ``missing``.
    n_jobs : int, optional
        As joblib has it: 1 by default, -1 for all cores.
    folder : str or path, optional
        Where rows are kept while they come; a later call with the same arguments goes on from there. The folder of
        another request is refused.
    progress : bool, default=False
        Show a progress bar of the groups.

    Returns
    -------
    pandas.DataFrame
        One row a group, in the order of the keys, which are the index. Columns ``n_trajectories``, ``n_points``, one
        for each output, and ``error``. Equations are lists of texts. Equilibria are lists of dicts with ``state``,
        ``kind``, ``stable``, ``inside`` and ``eigenvalues`` (pairs of a real and an imaginary part). Forecasts are
        arrays (H, D), or (K, H, D) of K trajectories, NaN where a simulation ended early. ``error`` is None, or says
        what went wrong with the group, whose row is then empty, or with one of its outputs. Warnings of single fits are
        left out.

    Raises
    ------
    ValueError
        If the table has no such groups, the estimator no such outputs, or forecasts would take more than 4 GiB.
    TypeError
        If the estimator is none of trajectories.
    FileError
        If the folder holds rows of another request, or damaged ones.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skdyn import fit_panel
    >>> t = np.linspace(0, 6, 50)
    >>> table = pd.concat([
    ...     pd.DataFrame({"patient": name, "time": t, "x": np.cos(rate * t), "y": -np.sin(rate * t)})
    ...     for name, rate in (("a", 1.0), ("b", 2.0))
    ... ])
    >>> found = fit_panel(table, by="patient", outputs=("score", "forecast"), horizon=5)
    >>> found["score"].round(2).to_dict()
    {'a': 1.0, 'b': 1.0}
    >>> found["forecast"]["b"].shape
    (5, 2)
    """
    check_number("horizon", horizon, whole=True)
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or a whole number but 0, such as -1 for all cores, got {n_jobs!r}")
    estimator = FIMODERegressor() if estimator is None else clone(estimator)
    if not isinstance(estimator, BaseTrajectoryEstimator):
        raise TypeError(
            f"estimator is a {type(estimator).__name__}, but must be one of skdyn.list_estimators(): transform the "
            "columns of the table before, such as table.assign(x=numpy.log(table['x'])), or fit group by group: "
            "{key: clone(estimator).fit(rows.drop(columns=by)) for key, rows in table.groupby(by)}"
        )
    asked = check_outputs(estimator, outputs)
    cleaning = Cleaning.of("raise", sort, duplicates)
    reading = Reading(given_columns(inputs, parameters, interpolation), cleaning.sort, cleaning.duplicates)
    groups = cut(table, by)
    if "forecast" in asked:
        check_size("the forecasts of all groups", len(groups.keys), int(horizon), len(groups.tables[0].columns))
    batches = groups.batches()
    store = None
    if folder is not None:
        request = request_of(groups, reading, estimator, asked, int(horizon), _identity(estimator))
        store = Store.open(user_path(folder), request, asked)
    rows: dict[int, Row] = {}
    todo = []
    for number, places in enumerate(batches):
        kept = None if store is None else store.read(number, len(places))
        if kept is None:
            todo.append(number)
        else:
            rows.update(zip(places.tolist(), kept, strict=True))
    with tqdm(total=len(groups.keys), initial=len(rows), desc="groups", unit="group", disable=not progress) as bar:
        for number, found in _fitted(groups, (estimator, asked, int(horizon), reading), batches, todo, n_jobs):
            if store is not None:
                store.write(number, found)
            rows.update(zip(batches[number].tolist(), found, strict=True))
            bar.update(len(found))
    return _tabled(groups, rows, asked)


def _fitted(
    groups: Groups,
    asked: tuple[Any, tuple[str, ...], int, Reading],
    batches: list[Any],
    todo: list[int],
    n_jobs: int | None,
) -> Iterator[tuple[int, list[Row]]]:
    """Numbers and rows of batches, a few for each worker at a time: not every backend hands out rows as they come."""
    if not todo:
        return
    estimator, *rest = asked
    with Parallel(n_jobs=n_jobs) as pool:
        at_once = _AHEAD * effective_n_jobs(n_jobs)
        for start in range(0, len(todo), at_once):
            numbers = todo[start : start + at_once]
            jobs = (
                delayed(fit_batch)(estimator, [groups.tables[i] for i in batches[number]], *rest) for number in numbers
            )
            yield from zip(numbers, pool(jobs), strict=True)


def _identity(estimator: Any) -> str | None:
    """The sha256 of the weights that an estimator would use, with its adapter; None of one that has no model."""
    from skdyn.models.adapters import load_adapter
    from skdyn.models.weights import load_model

    model, adapter = getattr(estimator, "model", None), getattr(estimator, "adapter", None)
    if model is None:
        return None
    loaded = load_model(model)
    return loaded.sha256 if adapter is None else load_adapter(adapter, loaded).sha256


def _tabled(groups: Groups, rows: dict[int, Row], outputs: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    if len(groups.by) == 1:
        index = pd.Index([key[0] for key in groups.keys], name=groups.by[0])
    else:
        index = pd.MultiIndex.from_tuples(groups.keys, names=groups.by)
    ordered = [rows[i] for i in range(len(groups.keys))]
    columns: dict[str, Any] = {}
    for name in ("n_trajectories", "n_points", *outputs, "error"):
        values = [readable(name, row[name]) for row in ordered]
        if name in ("n_trajectories", "n_points"):
            columns[name] = values
        elif name == "score":
            columns[name] = [float("nan") if value is None else value for value in values]
        else:
            columns[name] = pd.Series(values, dtype=object, index=index)
    return pd.DataFrame(columns, index=index)
