"""Forecasts of systems from prefixes, beside baselines: ``python -m skdyn.benchmarks forecast``."""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from skdyn.benchmarks import forecast_real
from skdyn.benchmarks.comparison import bootstrap_interval
from skdyn.benchmarks.forecast_baselines import BASELINES, quietly
from skdyn.benchmarks.forecast_cases import RATIOS, SETTINGS, SOLVED, Case, Setting, make_cases, split_families
from skdyn.benchmarks.forecast_pool import backtest_case, blend, bounded, select
from skdyn.benchmarks.options import add_jobs, add_settings, write_cases
from skdyn.estimators.registry import make_estimator
from skdyn.exceptions import SkdynError

MODEL = "lass-ode"
_DEFAULT = ("last-value", "mean", "parrot", "pydmd", "esn", "sindy")
_POOLED = ("blend", "select", "blend+model")


class Result(NamedTuple):
    """The score of one method on one case, the seconds that it took, and for the model what its interval holds."""

    method: str
    split: str
    family: str
    series: int
    ratio: float
    noise: float
    dropped: float
    unseen_true: float
    full_true: float
    seconds: float
    coverage: float | None


class Answer(NamedTuple):
    """A forecast (H, D), the seconds that it took, and what share of the truth lies between the outer quantiles."""

    forecast: NDArray[np.float64]
    seconds: float
    coverage: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--model", default=MODEL, help="registered name or folder (default: %(default)s)")
    parser.add_argument(
        "--methods",
        default=",".join(_DEFAULT),
        help=f"baselines, separated by commas, of {', '.join(BASELINES)} (default: %(default)s)",
    )
    parser.add_argument("--splits", default="in-domain,zero-shot", help="separated by commas (default: %(default)s)")
    parser.add_argument("--series", type=int, default=20, help="recordings of each family (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="four recordings of each family, clean only")
    add_settings(parser, Setting, "each as noise,dropped: .05,0 is 5%% noise")
    parser.add_argument("--no-pool", action="store_true", help="without blends of the methods by backtest")
    parser.add_argument(
        "--ensembles", default="", help="also the model with these, separated by commas: auto, backtest (takes seconds)"
    )
    parser.add_argument("--real", action="store_true", help="recorded series that optional packages ship, instead")
    add_jobs(parser, "the baselines and the ensembles")
    parser.add_argument("--json", type=Path, help="write every case")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    ensembles = [name for name in options.ensembles.split(",") if name]
    if options.real:
        scores = forecast_real.run(options.model, [None, *ensembles], options.jobs)
        if options.json:
            write_cases(options.json, (score._asdict() for score in scores), model=options.model)
        return 0
    names = [name for name in options.methods.split(",") if name]
    if unknown := sorted(set(names) - set(BASELINES)):
        raise ValueError(f"unknown method {unknown[0]!r}; known are {', '.join(BASELINES)}")
    for name in [name for name in names if not BASELINES[name].installed]:
        print(f"{name}: skipped, because {BASELINES[name].package} is not installed")
        names.remove(name)
    settings = tuple(options.settings or ()) or (SETTINGS[:1] if options.quick else SETTINGS)
    series = min(options.series, 4) if options.quick else options.series
    results: list[Result] = []
    families = [family for split in options.splits.split(",") for family in split_families(split)]
    with tqdm(total=len(families) * len(settings), desc="forecasts", unit="family") as bar:
        for setting in settings:
            for family in families:
                cases = list(make_cases(family, setting, series))
                results += evaluate(cases, names, options.model, not options.no_pool, ensembles, options.jobs)
                bar.update()
    for setting in settings:
        print_table([r for r in results if (r.noise, r.dropped) == setting], setting)
    if options.json:
        write_cases(options.json, (result._asdict() for result in results), model=options.model)
    return 0


def evaluate(
    cases: Sequence[Case],
    baselines: Sequence[str],
    model: str = MODEL,
    pool: bool = True,
    ensembles: Sequence[str] = (),
    n_jobs: int | None = None,
) -> list[Result]:
    """Score baselines, the model, and their combinations.

    Parameters
    ----------
    cases : sequence of Case
    baselines : sequence of str
        Names of `skdyn.benchmarks.forecast_baselines.BASELINES`.
    model : str
        Registered name or folder of a forecaster.
    pool : bool, default=True
        Combine the baselines by their backtests ("blend", "select"), and the blend with the model in it.
    ensembles : sequence of str, default=()
        Also the model with these ensembles.
    n_jobs : int, optional
        Processes that share the baselines and the ensembles, as joblib has it.

    Returns
    -------
    list of Result
    """
    everyone = {name: _run_baseline(name, cases, n_jobs) for name in baselines}
    everyone[MODEL] = _run_model(model, cases)
    if pool:
        sub = [backtest_case(case) for case in cases]
        tested = {name: _run_baseline(name, sub, n_jobs) for name in baselines}
        tested[MODEL] = _run_model(model, sub)
        everyone |= _combine(cases, sub, baselines, everyone, tested)
    for ensemble in ensembles:
        parts = Parallel(n_jobs)(delayed(_run_model)(model, [case], ensemble) for case in cases)
        everyone[f"{MODEL}, {ensemble}"] = [answer for (answer,) in parts]
    return [
        _result(name, case, answer)
        for name, answers in everyone.items()
        for case, answer in zip(cases, answers, strict=True)
    ]


def _run_baseline(name: str, cases: Iterable[Case], n_jobs: int | None) -> list[Answer]:
    return Parallel(n_jobs)(delayed(_one)(name, case.times, case.values, case.future) for case in cases)


def _one(name: str, times: NDArray, values: NDArray, future: NDArray) -> Answer:
    start = time.perf_counter()
    forecast = quietly(BASELINES[name].forecast, times, values, future)
    return Answer(forecast, time.perf_counter() - start)


def _run_model(model: str, cases: Sequence[Case], ensemble: str | None = None) -> list[Answer]:
    """Fit and forecast all series of as many channels at once."""
    start = time.perf_counter()
    estimator = make_estimator(MODEL, model=model, ensemble=ensemble)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a series is reconstructed poorly is in its error
        try:
            estimator.fit([(case.times, case.values) for case in cases])
            levels = estimator.levels_
            forecasts = estimator.predict([case.future for case in cases], quantiles=levels)
        except SkdynError as error:
            raise SkdynError(f"{cases[0].family}: {error}") from error
    seconds = (time.perf_counter() - start) / len(cases)
    answers = []
    for case, quantiles in zip(cases, forecasts, strict=True):
        inside = (quantiles[..., 0] <= case.truth) & (case.truth <= quantiles[..., -1])
        coverage = float(inside.mean()) if len(levels) > 1 else None
        answers.append(Answer(quantiles[..., len(levels) // 2], seconds, coverage))
    return answers


def _combine(
    cases: Sequence[Case],
    sub: Sequence[Case],
    baselines: Sequence[str],
    everyone: dict[str, list[Answer]],
    tested: dict[str, list[Answer]],
) -> dict[str, list[Answer]]:
    combined: dict[str, list[Answer]] = {name: [] for name in _POOLED}
    for place, (case, inner) in enumerate(zip(cases, sub, strict=True)):
        forecasts = bounded(case, {name: everyone[name][place].forecast for name in everyone})
        errors = {name: inner.error(tested[name][place].forecast) for name in everyone}
        classical = {name: forecasts[name] for name in baselines}
        seconds = sum(everyone[name][place].seconds + tested[name][place].seconds for name in baselines)
        own = everyone[MODEL][place].seconds + tested[MODEL][place].seconds
        combined["blend"].append(Answer(blend(classical, errors), seconds))
        combined["select"].append(Answer(select(classical, errors), seconds))
        combined["blend+model"].append(Answer(blend(forecasts, errors), seconds + own))
    return combined


def _result(method: str, case: Case, answer: Answer) -> Result:
    error = case.error(answer.forecast)
    full = error * case.unseen_share  # as if the prefix were reconstructed without error
    return Result(
        method,
        case.split,
        case.family,
        case.series,
        case.ratio,
        *case.setting,
        error,
        full,
        answer.seconds,
        answer.coverage,
    )


def print_table(results: Sequence[Result], setting: Setting) -> None:
    """Print mean errors by prefix, with intervals from resampling recordings, and differences to the model."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.split, result.method].append(result)
    print(
        f"\nnoise {setting.noise:.0%} of the range, {setting.dropped:.0%} of the prefix dropped: mean square error of "
        "the unseen part x 100, in half-ranges of the whole recording"
    )
    for split in dict.fromkeys(result.split for result in results):
        count = len({(r.family, r.series) for r in results if r.split == split})
        heads = "".join(f"{f'{ratio:.0%}':>9}" for ratio in RATIOS)
        print(f"\n{f'{split}, {count} recordings':24}{heads}{'mean':>9}{'95% interval':>19}{'median':>9}"
              f"{'solved':>9}{'full':>9}{'ms':>9}   model less this")  # fmt: skip
        methods = [method for (s, method) in groups if s == split]
        for method in methods:
            print(f"{method:24}" + _row(groups[split, method], groups[split, MODEL]))
        for method in methods:
            held = [(r.ratio, r.coverage) for r in groups[split, method] if r.coverage is not None]
            if held:
                shares = [np.mean([share for at, share in held if at == ratio]) for ratio in RATIOS]
                print(f"in the interval, %, {method}: " + ", ".join(f"{100 * share:.1f}" for share in shares))
    print(
        f"solved: share of cases below {100 * SOLVED:g}; full: error times the unseen share, as if the prefix were "
        "reconstructed exactly; intervals resample recordings; in the interval: the truth between the model's outer "
        "quantiles"
    )


def _row(own: Sequence[Result], model: Sequence[Result]) -> str:
    errors = 100 * np.array([r.unseen_true for r in own])
    ratios = np.array([r.ratio for r in own])
    recordings = [f"{r.family}/{r.series}" for r in own]
    interval = bootstrap_interval(errors, recordings, rng=np.random.default_rng(0))
    cells = "".join(f"{errors[ratios == ratio].mean():>9.2f}" for ratio in RATIOS)
    cells += f"{errors.mean():>9.2f}{f'[{interval.low:.2f}, {interval.high:.2f}]':>19}{np.median(errors):>9.2f}"
    cells += f"{np.mean(errors < 100 * SOLVED):>9.2f}{100 * np.mean([r.full_true for r in own]):>9.2f}"
    cells += f"{1000 * np.mean([r.seconds for r in own]):>9.1f}"
    if own is model:
        return cells
    difference = 100 * np.array([r.unseen_true for r in model]) - errors
    paired = bootstrap_interval(difference, recordings, rng=np.random.default_rng(0))
    return cells + f"   {paired.estimate:+.2f} [{paired.low:+.2f}, {paired.high:+.2f}]"
