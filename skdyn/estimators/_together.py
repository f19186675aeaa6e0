"""Fit one estimator to many contexts; pretrained fields encode them, and answer for them, in batches.

Letters: B contexts, D variables, n states of any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from skdyn.data.padding import pad
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._base import check_motion
from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.estimators._session import FieldSession, ModelChoice, arranged, open_engine
from skdyn.sparse.smoothing import has_gaps

if TYPE_CHECKING:
    from skdyn.models.context import Context
    from skdyn.models.inference import Engine


@dataclass
class FieldsTogether:
    """The fields of B contexts that were encoded in one batch, each asked at states of its own.

    The batch is cut down to the contexts that are asked for when these have become half as many.

    Parameters
    ----------
    engine : Engine
    whole : Context
    """

    engine: Engine
    whole: Context

    def __post_init__(self) -> None:
        self._all = np.arange(len(self.whole.scaling.speed))
        self._ids, self._part = self._all, self.whole

    def field(self, of: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Fields (n, D) of contexts ``of`` (n,) at states ``x`` (n, D)."""
        place, slot, queries = self._laid_out(of, x)
        return self.engine.field(self._part, queries)[place, slot]

    def field_jacobian(self, of: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fields (n, D) and Jacobians (n, D, D), in double precision."""
        place, slot, queries = self._laid_out(of, x)
        field, jacobian = self.engine.jacobian(self._part, queries)
        return field[place, slot], jacobian[place, slot]

    def _laid_out(self, of: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each state stands in queries of as many for each context of the batch, and these."""
        asked, counts = np.unique(of, return_counts=True)
        if not np.isin(asked, self._ids).all():
            self._ids, self._part = self._all, self.whole
        if 2 * len(asked) <= len(self._ids):
            self._ids, self._part = asked, self.whole.take(asked)
        place = np.searchsorted(self._ids, of)
        order = np.argsort(of, kind="stable")
        slot = np.empty(len(of), dtype=int)
        slot[order] = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
        queries = np.repeat(self._part.scaling.mean[:, None], counts.max(), axis=1)
        queries[place, slot] = x
        return place, slot, queries


@dataclass(frozen=True)
class Together:
    """Estimators fitted to contexts, or what went wrong, in their order.

    Attributes
    ----------
    fitted : list of estimators and Exceptions
    fields : FieldsTogether, or None
        Of those that were encoded together.
    rows : dict of int to int
        From places in ``fitted`` to places in ``fields``.
    """

    fitted: list[Any]
    fields: FieldsTogether | None
    rows: dict[int, int]


def fit_together(estimator: Any, contexts: Sequence[Trajectories]) -> Together:
    """Fit clones of an estimator to contexts of the same number of variables."""
    if type(estimator) is FIMODERegressor and not any(map(has_gaps, contexts)):
        try:
            return _encoded_together(estimator, contexts)
        except Exception:  # what cannot be had together is had one by one, and each finds its own error
            pass
    return Together([_tried(clone(estimator).fit, context) for context in contexts], None, {})


def _encoded_together(estimator: FIMODERegressor, contexts: Sequence[Trajectories]) -> Together:
    from skdyn.models.context_scaling import check_variables, scale_contexts

    choice, limit = ModelChoice.of(estimator), int(estimator.max_context)
    engine = open_engine(choice)

    def prepared(context: Trajectories) -> tuple[Trajectories, Trajectories]:
        check_motion(context)
        sampled = estimator._encodable(context)
        cut = arranged(engine, sampled, limit)
        check_variables(engine.model, cut)
        scale_contexts(engine.model, [cut], *pad([cut]))
        return sampled, cut

    parts = [_tried(prepared, context) for context in contexts]
    places = [i for i, part in enumerate(parts) if not isinstance(part, Exception)]
    batch = engine.encode([parts[i][1] for i in places])
    fitted = list(parts)
    for row, i in enumerate(places):
        sampled = parts[i][0]
        session = FieldSession(choice, sampled, limit, opened=(engine, batch.take(np.array([row]))))
        fitted[i] = clone(estimator)._fit_by(contexts[i], partial(_settle, sampled=sampled, session=session))
    return Together(fitted, FieldsTogether(engine, batch), {i: row for row, i in enumerate(places)})


def _settle(fresh: FIMODERegressor, context: Trajectories, sampled: Trajectories, session: FieldSession) -> None:
    fresh._settle(context, sampled, session)


def _tried(call: Any, argument: Any) -> Any:
    """What a call returns, or the exception that it raises."""
    try:
        return call(argument)
    except Exception as error:
        return error
