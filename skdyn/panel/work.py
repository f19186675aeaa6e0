"""Fit one batch of groups: what is sent to a worker, and what comes back.

Tables and an estimator that was not fitted go there, plain rows come back; a worker loads the weights itself, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skdyn.data.cleaning import Cleaning, Duplicates
from skdyn.data.frames import given_of, read_dataframe, unit_of
from skdyn.data.given import NOTHING, Given
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._together import Together, fit_together
from skdyn.exceptions import silenced
from skdyn.panel.outputs import output_of, outputs_together

Row = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """How the tables of groups are read.

    Attributes
    ----------
    given : Given
        Columns that are given from outside.
    sort, duplicates : see `skdyn.Trajectories`
    """

    given: Given = NOTHING
    sort: bool = False
    duplicates: Duplicates = "raise"

    def of(self, table: Any, estimator: Any) -> Trajectories:
        """The trajectories of a group, as an estimator reads them."""
        if self != Reading():
            raw = read_dataframe(table, given=self.given or given_of(table))
            cleaning = Cleaning(estimator.missing, self.sort, self.duplicates)
            table = Trajectories.from_raw(raw, cleaning, unit_of(table))
        context: Trajectories = estimator._read(table, None)
        return context


def fit_batch(estimator: Any, tables: list[Any], outputs: tuple[str, ...], horizon: int, reading: Reading) -> list[Row]:
    """Rows of results, one for each table; whatever goes wrong with a group is said in its row."""
    rows: list[Row] = [{"n_trajectories": 0, "n_points": 0, **dict.fromkeys(outputs), "error": None} for _ in tables]
    with silenced(Warning):
        contexts = {}
        for i, table in enumerate(tables):
            try:
                contexts[i] = reading.of(table, estimator)
            except Exception as error:
                rows[i]["error"] = _said(error)
        if not contexts:
            return rows
        together = fit_together(estimator, list(contexts.values()))
        shared = _shared(together, outputs, horizon)
        for place, (i, fitted) in enumerate(zip(contexts, together.fitted, strict=True)):
            row = rows[i]
            row["n_trajectories"], row["n_points"] = len(contexts[i]), contexts[i].n_points
            if isinstance(fitted, Exception):
                row["error"] = _said(fitted)
                continue
            for name in outputs:
                if place in shared.get(name, {}):
                    row[name] = shared[name][place]
                    continue
                try:
                    row[name] = output_of(fitted, name, horizon, contexts[i])
                except Exception as error:
                    row["error"] = "; ".join(filter(None, (row["error"], f"{name}: {_said(error)}")))
    return rows


def _shared(together: Together, outputs: tuple[str, ...], horizon: int) -> dict[str, dict[int, Any]]:
    """What can be had of all groups in one simulation; where that fails, each is asked alone."""
    found: dict[str, dict[int, Any]] = {}
    fitted = together.fitted
    plain = {i: row for i, row in together.rows.items() if fitted[i].refine is None and not fitted[i].context_.given}
    if together.fields is None or not plain:
        return found
    for name in {"score", "forecast"} & set(outputs):
        try:
            found[name] = outputs_together(Together(fitted, together.fields, plain), name, horizon)
        except Exception:  # each group finds its own error
            continue
    return found


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
