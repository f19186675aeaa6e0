"""Names of variables as they stand in pictures: as they are, and where there is room."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from skdyn import PathFanDisplay, PhasePortraitDisplay, SparseODERegressor, TrajectoryDisplay, VectorFieldDisplay
from skdyn.cli.answer import Answer
from skdyn.cli.pictures import draw_paths
from skdyn.data.trajectory import Trajectory
from skdyn.plotting.labels import set_labels, set_title

T = np.linspace(0, 6, 60)
X = 3 + np.column_stack([np.cos(2 * T), -2 * np.sin(2 * T), np.sin(T), np.cos(T)])
LONG = ("mean temperature of the reactor jacket at the outlet [degrees C]",
        "conversion of component A in the first stage [mol/mol]")  # fmt: skip


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def fitted(names, scale=1.0):
    x = X[:, : len(names)] * scale
    return SparseODERegressor(max_degree=1).fit([Trajectory(T, x, tuple(names))])


def drawn(label):
    """The extent of a label as it is drawn, and the text that it shows."""
    text, mathematics = label._preprocess_math(label.get_text())
    assert not mathematics
    return label.get_window_extent(), text


@pytest.mark.parametrize("name", ["price [$/kg] and tax [$/kg]", "$a_$", "a $%$", r"$\foo$", r"\$5", "tax [$]"])
def test_dollars_are_no_mathematics(name):
    (_, ax), line = plt.subplots(), r"d$\bar/dt$ = 1"
    set_labels(ax, x=name, y=f"drift of {name}")
    set_title(ax, line)
    ax.figure.canvas.draw()
    shown = [drawn(label)[1] for label in (ax.xaxis.label, ax.yaxis.label, ax.title)]
    assert shown == [name, f"drift of {name}", line]


def test_displays_draw_names_with_dollars():
    names = ["$a_$", "a $%$", r"$\foo$", "tax [$/kg] of [$/kg]"]
    est = fitted(names)
    for display in (
        VectorFieldDisplay.from_estimator(est, variables=[0], resolution=5),
        VectorFieldDisplay.from_estimator(est, variables=[0, 3], resolution=5),
        TrajectoryDisplay.from_estimator(est, n_samples=0),
    ):
        display.figure_.canvas.draw()
    assert [drawn(ax.yaxis.label)[1] for ax in display.ax_] == names
    fan = PathFanDisplay(T, X[None], (T, X), names).plot()
    fan.figure_.canvas.draw()
    assert [drawn(ax.yaxis.label)[1] for ax in fan.ax_] == names


def test_the_command_line_draws_names_with_dollars(tmp_path):
    draw_paths(Answer(as_json=True), T, X[None, :, :2], ["$a_$", LONG[0]], tmp_path / "paths.png")
    assert (tmp_path / "paths.png").stat().st_size > 0


@pytest.mark.parametrize("scale", [np.array([1e7, 1e-5]), 1.0])
def test_long_names_lie_within_the_figure_and_on_nothing(scale):
    est = fitted(LONG, scale)
    portrait = PhasePortraitDisplay.from_estimator(est, resolution=5)
    over_time = TrajectoryDisplay.from_estimator(est, n_samples=0)
    for display in (portrait, over_time):
        display.figure_.canvas.draw()
        figure = display.figure_.bbox
        texts = [text for ax in display.figure_.axes for axis in (ax.xaxis, ax.yaxis)
                 for text in (axis.label, axis.get_offset_text()) if text.get_text()]  # fmt: skip
        boxes = [text.get_window_extent() for text in texts]
        for k, box in enumerate(boxes):
            assert figure.x0 <= box.x0 < box.x1 <= figure.x1
            assert figure.y0 <= box.y0 < box.y1 <= figure.y1
            assert not any(box.overlaps(other) for other in boxes[:k])
    assert portrait.ax_.get_xlabel().replace("\n", " ") == LONG[0]
    assert [ax.get_ylabel().replace("\n", " ") for ax in over_time.ax_] == list(LONG)


def test_what_three_lines_do_not_hold_is_cut():
    _, ax = plt.subplots(figsize=(3, 2))
    set_labels(ax, x="letters" * 40, y="many words " * 20)
    set_title(ax, "x = 1; " * 60)
    for label, upright in ((ax.xaxis.label, False), (ax.yaxis.label, True), (ax.title, False)):
        extent, text = drawn(label)
        assert text.endswith("…")
        assert text.count("\n") == 2
        box = ax.get_window_extent()
        room, long = (box.height, extent.height) if upright else (box.width, extent.width)
        assert 0.6 * room < long <= room


def test_names_are_broken_after_underscores():
    _, ax = plt.subplots(figsize=(4, 2))
    name = "concentration_of_biomass_in_the_fermenter"
    set_labels(ax, y=name)
    assert ax.get_ylabel().split("\n") == ["concentration_of_", "biomass_in_the_", "fermenter"]


def test_the_smallest_axes_have_labels():
    ax = plt.figure().add_axes((0.1, 0.1, 0.005, 0.005))
    set_labels(ax, x="temperature", y="pressure")
    assert ax.get_ylabel().endswith("…")


def test_short_names_stay_as_they_are():
    _, ax = plt.subplots()
    set_labels(ax, x="biomass [g/l]", y="d a/dt")
    set_title(ax, "a = 1; b = 2", color="0.35")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("biomass [g/l]", "d a/dt", "a = 1; b = 2")
