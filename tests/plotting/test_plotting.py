import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

from skdyn import (
    FIMODERegressor,
    PhasePortraitDisplay,
    SparseODERegressor,
    VectorFieldDisplay,
)
from skdyn.data.trajectories import Trajectory

T = np.linspace(0, 8, 60)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def fitted(dim):
    if dim == 1:
        x = (1 / (1 + 9 * np.exp(-T)))[:, None]
    else:
        x = np.column_stack([np.exp(-0.1 * T) * np.cos(T), -np.exp(-0.1 * T) * np.sin(T), np.sin(2 * T)])[:, :dim]
    names = tuple("abc"[:dim])
    return FIMODERegressor(device="cpu").fit([Trajectory(T, x, names)])


@pytest.mark.parametrize(("dim", "count"), [(1, 1), (2, 1), (3, 3)])
def test_the_display_holds_the_field(dim, count):
    estimator = fitted(dim)
    display = VectorFieldDisplay.from_estimator(estimator, resolution=9)
    assert len(display.slices) == count
    assert display.names == list("abc"[:dim])
    mean = estimator.context_.states[0].mean(axis=0)
    for part in display.slices:
        index = (2,) * len(part.variables)
        point = mean.copy()
        for variable, axis in zip(part.variables, part.axes):
            point[variable] = axis[2]
        field, scale = estimator.vector_field(point, return_std=True)
        np.testing.assert_allclose(part.field[index], field, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(part.scale[index], scale, rtol=1e-3, atol=1e-5)
    display.figure_.canvas.draw()


def test_the_axes_show_the_names_and_the_box():
    estimator = fitted(2)
    display = VectorFieldDisplay.from_estimator(estimator, resolution=9, bounds=[[-2, 2], [-3, 3]])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "b")
    assert display.ax_.get_xlim() == (-2, 2)
    assert display.ax_.get_ylim() == (-3, 3)


def test_the_line_shows_field_and_zeros():
    estimator = fitted(1)
    display = PhasePortraitDisplay.from_estimator(estimator, resolution=33)
    curve = next(line for line in display.ax_.get_lines() if line.get_label() == "field")
    np.testing.assert_allclose(
        curve.get_ydata(), estimator.vector_field(curve.get_xdata()[:, None])[:, 0], rtol=1e-3, atol=1e-5
    )
    zeros = [line.get_xdata()[0] for line in display.ax_.get_lines() if "node" in str(line.get_label())]
    np.testing.assert_allclose(sorted(zeros), [point.state[0] for point in display.equilibria])
    assert min(abs(np.array(zeros) - 1.0)) < 0.03


def test_the_portrait_shows_data_simulation_and_equilibria():
    estimator = fitted(2)
    display = PhasePortraitDisplay.from_estimator(estimator, resolution=9)
    lines = {line.get_label(): line for line in display.ax_.get_lines()}
    np.testing.assert_array_equal(lines["data"].get_xydata(), estimator.context_.states[0])
    expected = estimator.simulate(estimator.context_.states[0][0], np.linspace(0, 8, 600))
    np.testing.assert_allclose(lines["simulation"].get_xydata(), expected)
    assert any("spiral" in label for label in lines)
    labels = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert labels[:2] == ["data", "simulation"]


def test_draws_on_given_axes():
    figure, ax = plt.subplots(layout="constrained")
    display = VectorFieldDisplay.from_estimator(fitted(2), resolution=9, ax=ax, uncertainty=False)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert len(figure.axes) == 1  # no colour bar


def test_three_variables_need_three_axes():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="3 axes are needed"):
        VectorFieldDisplay.from_estimator(fitted(3), resolution=5, ax=ax)


def two_oscillators():
    x = np.exp(-0.1 * T)[:, None] * np.column_stack([np.cos(T), np.sin(T), np.cos(2 * T), np.sin(2 * T)])
    return SparseODERegressor(library="1, a, b, c, d").fit([Trajectory(T, x, ("a", "b", "c", "d"))])


def test_of_more_than_three_variables_some_are_chosen():
    fitted = two_oscillators()
    with pytest.raises(ValueError, match=r"4 variables: choose up to 3 to draw, such as variables=\['a', 'b'\]"):
        VectorFieldDisplay.from_estimator(fitted)
    display = VectorFieldDisplay.from_estimator(fitted, resolution=5, variables=("d", 1))
    assert [part.variables for part in display.slices] == [(3, 1)]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("d", "b")
    (part,) = display.slices
    at = np.concatenate(fitted.context_.states).mean(axis=0)
    at[3], at[1] = part.axes[0][2], part.axes[1][4]
    np.testing.assert_allclose(part.field[2, 4], fitted.vector_field(at))
    means = np.concatenate(fitted.context_.states).mean(axis=0)
    assert display.ax_.get_title() == f"a = {means[0]:.3g}; c = {means[2]:.3g}"
    three = VectorFieldDisplay.compute(fitted, resolution=4, variables=["a", "c", "d"])
    assert [part.variables for part in three.slices] == [(0, 2), (0, 3), (2, 3)]


@pytest.mark.parametrize(("level", "box"), [(2.0, (1.5, 2.5)), (0.0, (0.0, 1.0)), (-4.0, (-5.0, -3.0))])
def test_a_constant_has_room(level, box):
    t = np.linspace(0, 6, 40)
    est = SparseODERegressor().fit([(t, np.column_stack([np.cos(t), -np.sin(t), np.full(40, level)]))])
    display = PhasePortraitDisplay.from_estimator(est, resolution=5)
    assert display.ax_[2].get_ylim() == box
    display.figure_.canvas.draw()


def test_one_variable_of_several_is_a_line():
    fitted = two_oscillators()
    display = PhasePortraitDisplay.from_estimator(fitted, resolution=5, variables="c")
    (part,) = display.background.slices
    (_, line, *_), points = display.ax_.get_lines(), np.concatenate(fitted.context_.states)[:, 2]
    np.testing.assert_array_equal(line.get_ydata(), part.field[:, 2])
    assert display.ax_.get_xlabel() == "c"
    assert any(np.array_equal(drawn.get_xdata(), points) for drawn in display.ax_.get_lines())


@pytest.mark.parametrize(
    ("variables", "message"),
    [(["e"], "names 'e', which is none of a, b, c, d"), ([4], "names 4"), ([-1], "names -1"), (["a", 0], "different"),
     ([], "one to 3"), (["a", "b", "c", "d"], "one to 3")],
)  # fmt: skip
def test_variables_are_checked(variables, message):
    with pytest.raises(ValueError, match=message):
        VectorFieldDisplay.from_estimator(two_oscillators(), variables=variables)
