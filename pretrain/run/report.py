"""The files by which a run explains itself: run.json, metrics.jsonl and the curve."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from skdyn.files.writing import write_file


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a JSON file atomically."""
    write_file(path, (json.dumps(values, indent=2) + "\n").encode())


def plain(value: Any) -> Any:
    """Tuples as lists and keys as text, as JSON gives them back."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl; a last line that was cut off is ignored."""
    rows = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows


class MetricsLog:
    """Append rows to metrics.jsonl; rows after the step that a run continues from are dropped.

    Parameters
    ----------
    path : Path
    step : int
        Where the run continues; 0 begins anew.
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        kept = [row for row in read_metrics(path) if row["step"] <= step] if step else []
        write_file(path, "".join(json.dumps(row) + "\n" for row in kept).encode())

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one row; it has at least "kind" and "step"."""
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def progress_bar(budget: float, elapsed: float, shown: bool) -> tqdm:
    """A bar of elapsed seconds with the time left, on stderr."""
    layout = "{l_bar}{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}{postfix}]"
    return tqdm(total=budget, initial=elapsed, bar_format=layout, disable=not shown)


def draw_curve(metrics: Path, picture: Path) -> bool:
    """Training loss and validation errors over the elapsed time; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    rows = read_metrics(metrics)
    figure = Figure(figsize=(15, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    train = [row for row in rows if row["kind"] == "train"]
    left.plot([row["elapsed"] / 60 for row in train], [row["loss"] for row in train], lw=1)
    left.set(xlabel="minutes", ylabel="training loss")
    groups = sorted({name for row in train for name in row if name.startswith("error/")})
    for name in groups:
        points = [(row["elapsed"] / 60, row[name]) for row in train if name in row]
        middle.plot(*zip(*points, strict=True), lw=1, label=name.removeprefix("error/"))
    middle.set(xlabel="minutes", ylabel="training error by kind of context")
    if groups:
        middle.legend(fontsize="small")
    validation = [row for row in rows if row["kind"] == "validation"]
    shown = ("prior/", "unseen/")
    names = sorted({name for row in validation for name in row if name.startswith(shown) and name.count("/") == 1})
    for name in names:
        points = [(row["elapsed"] / 60, row[name]) for row in validation if name in row]
        right.plot(*zip(*points, strict=True), marker=".", label=name.removeprefix("prior/"))
    right.set(xlabel="minutes", ylabel="error on the frozen validation suite")
    if any(row[name] > 0 for row in validation for name in names if name in row):
        right.set_yscale("log")
    if names:
        right.legend(fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format=picture.suffix[1:])
    write_file(picture, drawn.getvalue())
    return True


class Stopwatch:
    """Adds up the seconds spent inside ``with`` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Stopwatch:
        self._since = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._since
