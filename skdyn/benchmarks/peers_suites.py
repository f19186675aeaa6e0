"""What the peers are compared on: the cases of other benchmarks, each a context and a way to judge a fit to it.

A suite is one function here and one entry in `SUITES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from skdyn.benchmarks import classic, forced, large, odebench
from skdyn.benchmarks.classic_tasks import MSE, TASKS, Task
from skdyn.benchmarks.fields import simulate
from skdyn.benchmarks.large_systems import load_large_systems
from skdyn.benchmarks.protocol import R2_THRESHOLD, SUBSTEPS, Setting
from skdyn.data.trajectories import Trajectories
from skdyn.datasets.odebench import load_odebench

T = TypeVar("T")

_DIMS = (1, 2, 3)
_TRAJECTORIES, _POINTS = 3, 100  # of a context of large systems


class Scope(NamedTuple):
    """Which cases of a suite: at most so many systems, spread evenly over all, with these settings and seeds."""

    systems: int | None
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Judgement:
    """What a fit is worth, by column of the table.

    Attributes
    ----------
    percent : dict of str to float
        From 0 to 100, the larger the better; a refusal is 0.
    error : dict of str to float or None
        Not negative, infinite where a path diverged; None where the context was refused.
    """

    percent: dict[str, float]
    error: dict[str, float | None]


@dataclass(frozen=True)
class Case:
    """One context, what a fit to it is asked, and how the answer is judged.

    Attributes
    ----------
    key : str
        Tells it from all others of its suite; part of a file's name.
    system : str
        What intervals resample.
    context : Trajectories
    ask : callable
        From a fitted estimator to its answer; it is sent to the process that fits.
    judge : callable
        From the answer, or None where there is none.
    """

    key: str
    system: str
    context: Trajectories
    ask: Callable[[Any], Any]
    judge: Callable[[Any], Judgement]


def spread(items: Sequence[T], count: int | None) -> list[T]:
    """At most ``count`` of the items, evenly spread.

    Examples
    --------
    >>> spread("abcdefg", 3)
    ['a', 'd', 'g']
    """
    if count is None or count >= len(items):
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def _odebench(scope: Scope) -> Iterator[Case]:
    chosen = {system.id for system in spread(load_odebench(_DIMS), scope.systems)}
    for setting in scope.settings:
        for seed in scope.seeds:
            for job in odebench.make_jobs(setting, seed, _DIMS):
                if job.system.id in chosen:
                    key = f"{job.system.id:02}-{job.context}-{_text(setting)}-{seed}"
                    # What the fitting process needs, and no more: not the true paths of all systems.
                    ask = partial(odebench.integrate, job=job, substeps=SUBSTEPS)
                    yield Case(key, str(job.system.id), job.observed, ask, partial(_judge_odebench, job))


def _judge_odebench(job: odebench.Job, paths: np.ndarray | None) -> Judgement:
    paths = np.full((2, *job.clean.shape), np.nan) if paths is None else paths
    return _passed(odebench.results_of(job, paths, 0.0), job.setting)


def _passed(results: Iterable[odebench.Result], setting: Setting) -> Judgement:
    return Judgement({f"{r.task} {_label(setting)}": 100.0 * (r.r2 > R2_THRESHOLD) for r in results}, {})


def _forced(scope: Scope) -> Iterator[Case]:
    chosen = {job.system.id for job in spread(forced.load_forced(_DIMS), scope.systems)}
    for setting in scope.settings:
        for seed in scope.seeds:
            for job in forced.make_jobs(setting, seed, _DIMS):
                if job.forced.system.id in chosen:
                    key = f"{job.forced.system.id:02}-{job.context}-{_text(setting)}-{seed}"
                    ask = partial(forced.integrate, job=job)
                    yield Case(key, str(job.forced.system.id), job.observed, ask, partial(_judge_forced, job))


def _judge_forced(job: forced.Job, paths: np.ndarray | None) -> Judgement:
    paths = np.full(job.forced.paths.shape, np.nan) if paths is None else paths
    return _passed(forced.results_of(job, paths, 0.0), job.setting)


def _classic(scope: Scope) -> Iterator[Case]:
    for task in classic.make_tasks(spread(TASKS, scope.systems), [3]):
        ask = partial(simulate, starts=task.starts, times=task.times)
        yield Case(task.name, task.source, task.context, ask, partial(_judge_classic, task))


def _judge_classic(task: Task, paths: np.ndarray | None) -> Judgement:
    return Judgement({}, {MSE: None if paths is None else task.measure(paths)[MSE]})


def _large(scope: Scope) -> Iterator[Case]:
    for system in spread(load_large_systems(), scope.systems):
        for setting in scope.settings:
            for seed in scope.seeds:
                job = large.make_job(system, setting, seed, _TRAJECTORIES, _POINTS)
                key = f"{system.name}-{_text(setting)}-{seed}"
                ask = partial(large.errors, job=job)
                yield Case(key, system.name, job.observed, ask, partial(_judge_large, _label(setting)))


def _judge_large(label: str, found: tuple[float, float] | None) -> Judgement:
    error, valid = found or (None, 0.0)
    return Judgement({f"valid {label}": 100.0 * valid}, {f"field error {label}": error})


SUITES: dict[str, Callable[[Scope], Iterator[Case]]] = {
    "odebench": _odebench,
    "forced": _forced,
    "classic": _classic,
    "large": _large,
}
"""By name, from a scope to its cases."""


def _label(setting: Setting) -> str:
    return f"({setting.sigma:g}, {setting.rho:g})"


def _text(setting: Setting) -> str:
    return f"{setting.sigma:g}-{setting.rho:g}"
