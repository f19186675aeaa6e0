"""Tables and the plot of the comparison of peers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skdyn.benchmarks.comparison import Interval, bootstrap_interval
from skdyn.benchmarks.fields import print_ratios
from skdyn.benchmarks.peers_records import ANSWERED, Record

_WORST = 1e4  # what larger errors, and failures, count as
_LABEL = 16  # width of the rows' names
_COLUMN = 27


def _rows(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(record.estimator for record in records))


def _columns(records: Sequence[Record], kind: str) -> list[tuple[str, str]]:
    """Suites and columns of a kind, in the order of the records."""
    return list(dict.fromkeys((record.suite, column) for record in records for column in getattr(record, kind)))


def _values(records: Sequence[Record], row: str, suite: str, column: str, kind: str) -> dict[str, Any]:
    """What a row has in a column, by case."""
    return {
        record.case: getattr(record, kind)[column]
        for record in records
        if (record.estimator, record.suite) == (row, suite) and column in getattr(record, kind)
    }


def _systems(records: Sequence[Record], suite: str) -> dict[Any, str]:
    return {record.case: record.system for record in records if record.suite == suite}


def _interval(values: Sequence[float], systems: Sequence[str]) -> Interval:
    return bootstrap_interval(values, systems, rng=np.random.default_rng(0))


def print_tables(records: Sequence[Record]) -> None:
    """Print percentages with intervals, then geometric means of errors, a table a suite."""
    for suite in dict.fromkeys(record.suite for record in records):
        systems = _systems(records, suite)
        print(f"\n{suite}: {len(systems)} contexts of {len(set(systems.values()))} systems")
        percent = [column for name, column in _columns(records, "percent") if name == suite]
        if percent:
            print("percent; 95% intervals resample systems; a refusal is 0")
            print(f"{'':{_LABEL}}" + "".join(f"{column:>{_COLUMN}}" for column in percent))
            for row in _rows(records):
                cells = []
                for column in percent:
                    found = _values(records, row, suite, column, "percent")
                    value, low, high = _interval(list(found.values()), [systems[case] for case in found])
                    cells.append(f"{value:.1f} [{low:.1f}, {high:.1f}]")
                print(f"{row:{_LABEL}}" + "".join(f"{text:>{_COLUMN}}" for text in cells))
        errors = [column for name, column in _columns(records, "error") if name == suite]
        if errors:
            print("errors, geometric means over the contexts that were answered")
            print(f"{'':{_LABEL}}" + "".join(f"{column:>{_COLUMN}}" for column in errors))
            for row in _rows(records):
                cells = [_error_cell(_values(records, row, suite, column, "error")) for column in errors]
                print(f"{row:{_LABEL}}" + "".join(f"{text:>{_COLUMN}}" for text in cells))


def _error_cell(found: dict[str, float | None]) -> str:
    answered = [value for value in found.values() if value is not None]
    if not answered:
        return "none answered"
    counted = np.clip(np.nan_to_num(np.array(answered), nan=np.inf, posinf=np.inf), 1 / _WORST, _WORST)
    text = f"{np.exp(np.log(counted).mean()):.3g}"
    return text if len(answered) == len(found) else f"{text} ({len(answered)}/{len(found)})"


def print_comparison(records: Sequence[Record], reference: str) -> None:
    """Print what each row is better or worse than the reference, on the same contexts."""
    rows = _rows(records)
    for suite, column in _columns(records, "percent"):
        systems = _systems(records, suite)
        print(f"\n{suite}, {column}, less {reference}: points, on the same contexts; 95% intervals resample systems")
        theirs = _values(records, reference, suite, column, "percent")
        for row in rows:
            ours = _values(records, row, suite, column, "percent")
            if row != reference:
                cases = [case for case in ours if case in theirs]
                differences = [ours[case] - theirs[case] for case in cases]
                value, low, high = _interval(differences, [systems[case] for case in cases])
                better, worse = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
                print(
                    f"  {row:{_LABEL}} {value:+.1f} [{low:+.1f}, {high:+.1f}]; better in {better}, worse in {worse} of "
                    f"{len(cases)}"
                )
    for suite, column in _columns(records, "error"):
        print(f"\n{suite}, {column}, over those of {reference}: geometric means, where both answered; 95% intervals")
        errors = {
            row: {
                case: value
                for case, value in _values(records, row, suite, column, "error").items()
                if value is not None
            }
            for row in rows
        }
        print_ratios(errors, reference, _systems(records, suite), _WORST)


def print_costs(records: Sequence[Record]) -> None:
    """Print seconds and memory of the fits, and how many gave no answer."""
    print("\nA fit: seconds of processor time (median, largest), megabytes beyond what was there (median, largest)")
    for row in _rows(records):
        mine = [record for record in records if record.estimator == row]
        cells = [f"{row:{_LABEL}}"]
        for name, digits in (("cpu_seconds", 2), ("megabytes", 0)):
            values = [getattr(record, name) for record in mine if getattr(record, name) is not None]
            shown = (np.median(values), np.max(values)) if values else ()
            cells.append("".join(f"{value:>10.{digits}f}" for value in shown) or f"{'-':>20}")
        outcomes: dict[str, int] = defaultdict(int)
        for record in mine:
            if record.outcome != ANSWERED:
                outcomes[record.outcome] += 1
        cells.append("".join(f"  {count} {outcome}" for outcome, count in outcomes.items()))
        print("".join(cells))


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw percentages over the median seconds of a fit; a panel a suite and measure, a mark a setting."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    panels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for suite, column in _columns(records, "percent"):
        measure, _, setting = column.partition(" ")
        panels[suite, measure].append(setting)
    settings = list(dict.fromkeys(setting for found in panels.values() for setting in found))
    rows = _rows(records)
    figure = Figure(figsize=(1.4 + 3.7 * len(panels), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, ((suite, measure), found) in zip(axes, panels.items(), strict=True):
        systems = _systems(records, suite)
        for number, row in enumerate(rows):
            marks = []
            for setting in found:
                values = _values(records, row, suite, f"{measure} {setting}", "percent")
                seconds = [
                    record.cpu_seconds
                    for record in records
                    if (record.estimator, record.suite) == (row, suite)
                    and record.case in values
                    and record.outcome == ANSWERED
                    and record.cpu_seconds is not None
                ]
                if seconds:
                    interval = _interval(list(values.values()), [systems[case] for case in values])
                    marks.append((float(np.median(seconds)), *interval))
            color = f"C{number}"
            ax.plot([mark[0] for mark in marks], [mark[1] for mark in marks], color=color, linewidth=0.8)
            for index, (x, y, low, high) in enumerate(marks):
                ax.plot([x, x], [low, high], color=color, alpha=0.35, linewidth=1)
                ax.plot(
                    x, y, "o^sDv"[index % 5], color=color, markersize=7, markerfacecolor="white" if index else color
                )
        ax.set(xscale="log", title=f"{suite}: {measure}", xlabel="seconds of processor time a fit", ylim=(-3, 103))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("percent; 95% intervals over systems")
    handles = [
        Line2D([], [], color=f"C{number}", marker="o", linestyle="", label=row) for number, row in enumerate(rows)
    ]
    handles += [
        Line2D(
            [],
            [],
            color="0.3",
            marker="o^sDv"[i % 5],
            linestyle="",
            markerfacecolor="white" if i else "0.3",
            label=name,
        )
        for i, name in enumerate(f"noise, dropped {setting}" for setting in settings)
    ]
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    figure.savefig(path, dpi=150)
