"""Tables and a picture of what ``python -m skdyn.benchmarks sde`` measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from skdyn.datasets.sde_systems import load_sde_systems

Case = dict[str, Any]
Rows = dict[str, dict[str, np.ndarray]]  # system -> estimator -> values over the seeds

QUANTITIES = {
    "drift_grid": "drift, grid",
    "diffusion_grid": "diffusion, grid",
    "drift_path_relative": "drift, path",
    "diffusion_path_relative": "diffusion, path",
    "mmd": "MMD²",
}
_TABLES = ("drift_grid", "diffusion_grid", "mmd")
_WIDTH = 16


def collect(cases: Iterable[Case], quantity: str) -> dict[tuple[float, float], Rows]:
    """Values of a quantity over the seeds, in their order, under (tau, noise), system and estimator."""
    values: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for case in cases:
        if case[quantity] is not None:
            values[case["tau"], case["noise"]][case["system"]][case["estimator"]].append(case[quantity])
    return {
        setting: {system: {name: np.array(v) for name, v in columns.items()} for system, columns in rows.items()}
        for setting, rows in values.items()
    }


def print_tables(cases: list[Case], names: list[str], stride: int) -> None:
    """Print mean and standard deviation over the seeds for every system and setting."""
    tables = {quantity: collect(cases, quantity) for quantity in _TABLES}
    print("\nMean squared error of drift and diffusion on the grid, and MMD²: mean±standard deviation over the seeds.")
    if tables["mmd"]:
        which = "all points" if stride == 1 else f"every {stride}th point"
        print(f"MMD² takes {which} of a path. *: without the seeds where simulated paths diverged.")
    for setting, rows in tables["drift_grid"].items():
        shown = {quantity: _shown(names, quantity) for quantity in _TABLES if setting in tables[quantity]}
        print(f"\ntau = {setting[0]:g}, noise = {setting[1]:g}")
        print(f"{'':{_WIDTH}}" + "".join(f"{QUANTITIES[q]:{_WIDTH * len(columns)}}" for q, columns in shown.items()))
        print(f"{'':{_WIDTH}}" + "".join(f"{n[: _WIDTH - 1]:{_WIDTH}}" for columns in shown.values() for n in columns))
        for system in rows:
            cells = [_cell(tables[q][setting][system][name]) for q, columns in shown.items() for name in columns]
            print(f"{system:{_WIDTH}}" + "".join(f"{cell:{_WIDTH}}" for cell in cells))


def _shown(names: list[str], quantity: str) -> list[str]:
    """Estimators of which a quantity says something: the truth has no error."""
    return names if quantity == "mmd" else [name for name in names if name != "truth"]


def _cell(values: np.ndarray) -> str:
    good = values[np.isfinite(values)]
    if len(good) == 0:
        return "failed"
    spread = f"±{_short(good.std(), 1)}" if len(good) > 1 else ""
    return _short(good.mean(), 3) + spread + "*" * (len(good) < len(values))


def _short(number: float, digits: int) -> str:
    return f"{number:.0f}" if abs(number) >= 10**digits else f"{number:.{digits}g}"


def print_summary(cases: list[Case], names: list[str]) -> None:
    """Print the median over systems of the mean error over the seeds."""
    print("\nMedian over systems; errors of drift and diffusion as fractions of the truth's mean square.")
    for quantity, label in QUANTITIES.items():
        table = collect(cases, quantity)
        shown = _shown(names, quantity)
        if not table:
            continue
        print(f"\n{label:26}" + "".join(f"{name:>18}" for name in shown))
        for (tau, noise), rows in table.items():
            medians = [np.median(_errors(rows, name, quantity)) for name in shown]
            print(f"{f'tau {tau:g}, noise {noise:g}':26}" + "".join(f"{median:18.3g}" for median in medians))


def _errors(rows: Rows, name: str, quantity: str) -> np.ndarray:
    """Mean error over the seeds of each system, as a fraction of the truth's mean square; infinite after a failure."""
    means = np.array([columns[name].mean() / _unit(system, quantity) for system, columns in rows.items()])
    return np.where(np.isnan(means), np.inf, means)


def _unit(system: str, quantity: str) -> float:
    if not quantity.endswith("_grid"):
        return 1.0
    (known,) = load_sde_systems([system])
    drift, diffusion = known.drift_diffusion(known.grid())
    return float(np.square(drift if quantity == "drift_grid" else diffusion).mean())


def print_losses(cases: list[Case], names: list[str]) -> None:
    """Print where the first estimator is behind each of the others, see `is_behind`."""
    for other in names[1:]:
        first = names[0]
        print(f"\nWhere {first} is behind {other}: mean difference over its standard error above 1, or more failures.")
        for quantity, label in QUANTITIES.items():
            table = collect(cases, quantity)
            lost: dict[str, list[str]] = defaultdict(list)
            for (tau, noise), rows in table.items():
                for system, columns in rows.items():
                    if is_behind(columns[first], columns[other]):
                        lost[system].append(f"{tau:g}/{noise:g}")
            if table:
                print(f"  {label}: {sum(map(len, lost.values()))} of {sum(map(len, table.values()))} (tau/noise)")
            for system, settings in lost.items():
                print(f"    {system}: {' '.join(settings)}")


def is_behind(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether errors (S,) of the same S contexts are larger on average, by more than the standard error.

    A failure (NaN) counts as larger than any error.
    """
    failed, solved = np.isnan(ours), np.isnan(theirs)
    if failed.sum() != solved.sum():
        return bool(failed.sum() > solved.sum())
    difference = (ours - theirs)[~failed & ~solved]
    if len(difference) == 0:
        return False
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    return bool(difference.mean() > error)


def draw(cases: list[Case], names: list[str], path: Path) -> None:
    """Draw the median over systems and its quartiles over the time step; a row a quantity, a column a noise level."""
    from matplotlib.figure import Figure

    tables = {quantity: table for quantity in QUANTITIES if (table := collect(cases, quantity))}
    levels = sorted({case["noise"] for case in cases})
    ticks = sorted({case["tau"] for case in cases})
    figure = Figure(figsize=(1.5 + 2.8 * len(levels), 0.6 + 2 * len(tables)), layout="constrained")
    axes = figure.subplots(len(tables), len(levels), sharex=True, sharey="row", squeeze=False)
    for row, (quantity, table) in zip(axes, tables.items(), strict=True):
        for ax, noise in zip(row, levels, strict=True):
            taus = sorted(tau for tau, level in table if level == noise)
            ax.set_visible(bool(taus))
            for name in _shown(names, quantity) if taus else ():
                values = [_errors(table[tau, noise], name, quantity) for tau in taus]
                low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1, method="nearest")
                color = f"C{names.index(name)}"
                ax.plot(taus, middle, marker="o", markersize=3, color=color, label=name)
                ax.fill_between(taus, low, high, color=color, alpha=0.15, linewidth=0)
            ax.grid(alpha=0.3)
            ax.set(xscale="log", yscale="linear" if quantity == "mmd" else "log")
            ax.set_xticks(ticks, [f"{tau:g}" for tau in ticks])
            ax.minorticks_off()
        row[0].set_ylabel(QUANTITIES[quantity] + ("" if quantity == "mmd" else "\nrelative square error"))
    for column, noise in zip(axes.T, levels, strict=True):
        column[0].set_title(f"noise {noise:g}")
        lowest = [ax for ax in column if ax.get_visible()][-1]
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel("time between points")
    figure.align_ylabels()
    handles = {label: line for ax in axes.flat for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=len(handles), frameon=False)
    figure.savefig(path, dpi=150)
