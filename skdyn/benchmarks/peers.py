"""Every estimator of an ODE on the same cases, in one run: ``python -m skdyn.benchmarks peers``.

The cases are those of the benchmarks ``odebench``, ``forced``, ``classic`` and ``large``, of which ``--systems`` takes
a part. Each fit is made in a process of its own, with a limit of time. Beside accuracy, its processor time is measured,
which other work on the machine changes little, and the memory that it takes beyond what the process had (on Linux).
With ``--json FOLDER`` each fit leaves a file; those that are there already are read, so that a run goes on where one
ended.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skdyn.benchmarks.fields import add_estimators, estimators_of, fit, print_reasons, reference_of
from skdyn.benchmarks.limited import LimitedCalls
from skdyn.benchmarks.options import add_settings
from skdyn.benchmarks.peers_records import ANSWERED, FAILED, REFUSED, SLOW, Record, read_record, write_record
from skdyn.benchmarks.peers_report import draw, print_comparison, print_costs, print_tables
from skdyn.benchmarks.peers_suites import SUITES, Case, Scope
from skdyn.benchmarks.protocol import Setting
from skdyn.data.trajectories import Trajectories

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_estimators(parser, reference="the first")
    parser.add_argument("--suites", default=",".join(SUITES), help="separated by commas (default: %(default)s)")
    parser.add_argument("--systems", type=int, help="at most so many systems of a suite, evenly spread (default: all)")
    add_settings(parser, Setting, "noise and share of dropped points, each as sigma,rho (default: 0,0 .05,.5)")
    parser.add_argument("--seeds", default="0", help="noise seeds, separated by commas (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=300.0, help="most seconds of a fit and its tests (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FOLDER", help="write a file for each fit, and read those there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw accuracy over seconds")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    estimators = estimators_of(options)
    reference = reference_of(options, list(estimators), preferred=next(iter(estimators)))
    suites = options.suites.split(",")
    for name in suites:
        if name not in SUITES:
            raise ValueError(f"--suites: expected some of {','.join(SUITES)}, got {name!r}")
    settings = tuple(options.settings or (Setting(0, 0), Setting(0.05, 0.5)))
    scope = Scope(options.systems, settings, tuple(int(seed) for seed in options.seeds.split(",")))
    records = list(measure(estimators, suites, scope, options.limit, options.json))
    print_tables(records)
    print_comparison(records, reference)
    print_costs(records)
    print_reasons((record.estimator, record.reason) for record in records)
    if options.plot:
        draw(records, options.plot)
        print(f"Accuracy over seconds drawn in {options.plot}")
    return 0


def measure(
    estimators: dict[str, Any], suites: list[str], scope: Scope, limit: float, folder: Path | None
) -> Iterator[Record]:
    """Fit every estimator to every case, but for those whose files are there."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    cases = [(suite, case) for suite in suites for case in SUITES[suite](scope)]
    limited = LimitedCalls(limit)
    try:
        with tqdm(total=len(cases) * len(estimators), desc="peers", unit="fit") as bar:
            for suite, case in cases:
                for name, estimator in estimators.items():
                    blank = Record(suite, case.key, case.system, name, ANSWERED, params=_params(estimator), limit=limit)
                    path = folder / f"{suite}-{case.key}-{name.replace(':', '-')}.json" if folder else None
                    record = read_record(path, blank) if path else None
                    if record is None:
                        record = _within(limited, blank, estimator, case)
                        if path:
                            write_record(path, record)
                    yield record
                    bar.update()
    finally:
        limited.close()


def _within(limited: LimitedCalls, blank: Record, estimator: Any, case: Case) -> Record:
    """Fit and ask in the other process, judge in this one."""
    try:
        answer, cost = limited(solve, estimator, case.context, case.ask)
    except TimeoutError as error:
        answer, cost = None, {"outcome": SLOW, "reason": str(error)}
    except RuntimeError as error:
        answer, cost = None, {"outcome": FAILED, "reason": str(error)}
    judgement = case.judge(answer)
    return replace(blank, percent=judgement.percent, error=judgement.error, **cost)


def solve(estimator: Any, context: Trajectories, ask: Callable[[Any], Any]) -> tuple[Any, dict[str, Any]]:
    """Fit a context and ask what was fitted: the answer, or None, and what is to be recorded of the fit."""
    before = _memory(reset=True)
    start = time.process_time()
    fitted, refusal, _ = fit(estimator, context)
    seconds = time.process_time() - start
    peak = _memory(reset=False)
    cost = {
        "cpu_seconds": seconds,
        "megabytes": None if before is None or peak is None else max(0.0, peak - before),
    }
    if refusal:
        return None, {"outcome": REFUSED, "reason": refusal, **cost}
    return ask(fitted), cost


def _memory(reset: bool) -> float | None:
    """Most resident memory of this process in megabytes since the last reset, where the system tells."""
    try:
        if reset:
            _RESET.write_text("5", encoding="ascii")  # proc(5): the peak starts again from what is resident now
        lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
        return float(lines["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError, ValueError):
        return None


def _params(estimator: Any) -> str:
    return json.dumps({name: str(value) for name, value in estimator.get_params().items()}, sort_keys=True)
