"""Names of variables as labels: no mathematics in their dollars, and no longer than the axis that they stand at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.text import Text

_MOST_LINES = 3
_BESIDE = 1.2  # room left at both ends for the power of ten below a horizontal axis, in its width
_NARROW = 1.3  # letters that a line may hold, in letters as wide as the label's mean


def set_labels(ax: Axes, *, x: str | None = None, y: str | None = None) -> None:
    """Put names at the axes, as they are: the long ones on up to three lines, and cut where these do not hold them.

    The limits of a horizontal axis are set before, so that its label leaves room for the power of ten of its ticks.
    """
    box = ax.get_window_extent()
    if x is not None:
        label = ax.xaxis.set_label_text(_power_of_ten(ax.xaxis))
        _write(label, x, box.width - 2 * _BESIDE * label.get_window_extent().width, upright=False)
    if y is not None:
        _write(ax.yaxis.set_label_text(""), y, box.height, upright=True)


def set_title(ax: Axes, text: str, **style: Any) -> None:
    """Put a text that holds names above the axes, as `set_labels` does beside them."""
    _write(ax.set_title("", **style), text, ax.get_window_extent().width, upright=False)


def _power_of_ten(axis: Axis) -> str:
    """What stands once at the end of an axis for all its ticks."""
    formatter = axis.get_major_formatter()
    formatter.format_ticks(list(axis.get_majorticklocs()))
    return formatter.get_offset()


def _write(label: Text, text: str, room: float, *, upright: bool) -> None:
    """Set a text on as few lines as are no longer than the room, in pixels."""

    def length(shown: str) -> float:
        label.set_text(shown.replace("$", r"\$"))
        box = label.get_window_extent()
        return box.height if upright else box.width

    whole = length(text)
    if whole <= room:
        return
    letters = max(int(_NARROW * len(text) * room / whole), 1)
    while length(_broken(text, letters)) > room and letters > 1:
        letters -= 1


def _broken(text: str, letters: int) -> str:
    """A text on lines of at most so many letters, broken after blanks and underscores, within words where it must."""
    lines = [""]
    for word in re.split(r"(?<=[\s_])", text):
        if len((lines[-1] + word).rstrip()) > letters:
            lines.append("")
        lines[-1] += word
        while len(lines[-1].rstrip()) > letters:
            lines[-1:] = [lines[-1][:letters], lines[-1][letters:]]
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1 :] = [lines[_MOST_LINES - 1][: letters - 1].rstrip() + "…"]
    return "\n".join(lines)
