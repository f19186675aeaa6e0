"""What an inferred SDE predicts, averaged with the simplest equation as far as the context supports no more.

Each block of the context is predicted from the others, by the equation inferred from these and by a linear one with
noise of the observations (`skdyn.dynamics.linear_sde`). The mean log-odds of a block are the odds of the two before the
first observation of a path; each observation then weighs them anew. So what is predicted where the inferred equation
leaves the data, or missed their noise, costs no more than the odds against the linear one.

Letters: K trajectories, M transitions, D variables.
Source: Bayesian model averaging (Hoeting et al., Statistical Science 14:382, 1999) with cross-validated densities as
evidence (Geisser and Eddy, JASA 74:153, 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.linear_sde import LinearSDE, averaged
from skdyn.estimators._order import by_mean_state

_BLOCKS = 4
_JUDGED = 400  # transitions of a block that are predicted, at most about
_FEWEST = 8  # transitions of a context from which on a linear equation is believed at all
_LARGEST, _LINEAR_KINDS = 2.0, 3
"""So many nats a path may lose beside the best of three kinds of linear equations, whose average is log 3 from it: a
tenth for each of twenty observations."""
_FOR_INFERRED = float(np.log(np.exp(_LARGEST) / _LINEAR_KINDS - 1))
_FOR_LINEAR = float(np.log(6))
"""Largest log-odds for either."""


@dataclass(frozen=True)
class BesideLinear:
    """Linear equations of a context, one for each variable, and how far to believe them.

    Attributes
    ----------
    linear : tuple of D LinearSDE
        Empty where the context is too short for them.
    log_odds : float
        For the inferred equation.
    """

    linear: tuple[LinearSDE, ...]
    log_odds: float

    @classmethod
    def of(
        cls, context: Trajectories, predict: Callable[[Trajectories, Trajectories], np.ndarray | None]
    ) -> BesideLinear:
        """Judge by blocks of a context.

        Parameters
        ----------
        context : Trajectories
        predict : callable
            From a part of the context and a held-out one to the log-densities (M,) of its transitions under the
            equation inferred from the first; None where nothing can be inferred from it.
        """
        if context.n_points - len(context) < _FEWEST:
            return cls((), _FOR_INFERRED)
        context = context[by_mean_state(context)]  # of long ones, only a part is looked at
        gains = []
        for rest, held_out in blocks(context):
            inferred = predict(rest, held_out)
            if inferred is not None:
                gains.append(np.sum(inferred) - np.sum(_densities(_fitted(rest), held_out)))
        log_odds = float(np.clip(np.mean(gains), -_FOR_LINEAR, _FOR_INFERRED)) if gains else 0.0
        return cls(_fitted(context), log_odds)

    @property
    def share(self) -> float:
        """Of the linear equations, before the first observation of a path."""
        return float(1 / (1 + np.exp(self.log_odds))) if self.linear else 0.0

    def log_likelihoods(self, inferred: np.ndarray, observed: Trajectories) -> np.ndarray:
        """Log-densities (M,) of observations given those before, from those under the inferred equation."""
        if not self.linear:
            return inferred
        linear = _densities(self.linear, observed)
        log_weights = -np.logaddexp(0, np.array([-1, 1]) * self.log_odds)
        ends = np.cumsum([len(t) - 1 for t in observed.times])[:-1]
        both = zip(np.split(inferred, ends), np.split(linear, ends), strict=True)
        return np.concatenate([averaged(np.stack(pair), log_weights) for pair in both])


def _fitted(context: Trajectories) -> tuple[LinearSDE, ...]:
    return tuple(LinearSDE.fit([(t, x[:, d]) for t, x in context]) for d in range(context.n_features))


def _densities(linear: tuple[LinearSDE, ...], observed: Trajectories) -> np.ndarray:
    return np.concatenate(
        [np.sum([model.log_likelihoods((t, x[:, d])) for d, model in enumerate(linear)], axis=0) for t, x in observed]
    )


def blocks(context: Trajectories) -> Iterator[tuple[Trajectories, Trajectories]]:
    """Parts of a context and what they are to predict: pieces of a few trajectories, or every fourth of many.

    Many trajectories are taken in the order of their mean states, so that the order in which they came does not matter.
    """
    if len(context) >= _BLOCKS:
        order = by_mean_state(context)
        for j in range(_BLOCKS):
            held = order[j::_BLOCKS]
            yield context[np.setdiff1d(order, held)], _judged(context[held])
        return
    whole = [(k, len(t) - 1) for k, t in enumerate(context.times)]
    for j in range(_BLOCKS):
        rest: list[tuple[int, slice]] = []
        held_out: list[tuple[int, slice]] = []
        for k, transitions in whole:
            start, end = (round(transitions * i / _BLOCKS) for i in (j, j + 1))
            pieces = ((rest, 0, start), (held_out, start, end), (rest, end, transitions))
            for part, first, last in pieces:
                if last > first:
                    part.append((k, slice(first, last + 1)))
        if rest and held_out:
            yield context.parts(rest), _judged(context.parts(held_out))


def _judged(held_out: Trajectories) -> Trajectories:
    """The part of a block that is predicted: of each trajectory, or of each n-th of very many, the first points."""
    some = held_out[:: -(-len(held_out) // _JUDGED)]
    transitions = some.n_points - len(some)
    if transitions <= _JUDGED:
        return some
    shares = [max(1, _JUDGED * (len(t) - 1) // transitions) for t in some.times]
    return some.parts([(k, slice(0, share + 1)) for k, share in enumerate(shares)])
