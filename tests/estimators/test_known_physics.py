"""Libraries, constraints and missing values as parameters of an estimator."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdyn import Constraints, FIMSDERegressor, Library, SparseODERegressor, Trajectories, TrajectoryError
from skdyn.exceptions import ModelWarning, SkdynError

T = np.linspace(0.0, 6.0, 50)
CIRCLE = np.column_stack([np.cos(2 * T), -2 * np.sin(2 * T)])
KNOWN = Constraints(known={"x0": {"x1": 1.0}}, bounds={"x1": {"x0": (None, 0.0)}}, forbidden={"x1": ["x1"]})


def estimator():
    return SparseODERegressor(library=Library(degree=2, functions=False), constraints=KNOWN)


def test_parameters_survive_clones_pickles_and_files(tmp_path):
    fitted = clone(estimator()).fit([(T, CIRCLE)])
    assert fitted.equations() == ["d(x0)/dt = x1", "d(x1)/dt = -4 x0"]
    expected = fitted.predict(CIRCLE)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(CIRCLE), expected)
    fitted.save(tmp_path / "saved")
    np.testing.assert_array_equal(SparseODERegressor.load(tmp_path / "saved").predict(CIRCLE), expected)
    assert fitted.equation_evidence(2).unchanged == 1.0


def test_a_required_term_that_its_bounds_leave_at_zero_is_said():
    logistic = 1 / (1 + 9 * np.exp(-T))
    known = {"required": {"x0": ["x0^2"]}, "bounds": {"x0": {"x0^2": "+"}}}
    with pytest.warns(ModelWarning, match=r"required\['x0'\]: x0\^2 is required, but .* is zero"):
        fitted = SparseODERegressor(library="1, x0, x0^2", constraints=known).fit([(T, logistic)])
    assert not any("^2" in equation for equation in fitted.equations())
    # Nothing is to be said where it is found, the warnings being errors.
    SparseODERegressor(library="1, x0, x0^2", constraints={"required": known["required"]}).fit([(T, logistic)])


@pytest.mark.parametrize("unit", [1.0, 0.3, 70.0])
def test_a_required_function_is_found_in_any_unit(unit):
    swinging = unit * CIRCLE
    term = f"x1*sin({2 / unit!r}*x0)"
    fitted = SparseODERegressor(constraints={"required": {"x1": [term]}}, library=f"x0, x1, {term}")
    assert "sin" in fitted.fit([(T, swinging)]).equations()[1]


def test_a_callable_cannot_be_saved(tmp_path):
    grey = SparseODERegressor(constraints=Constraints(known_part=lambda x: 0 * x), max_degree=1).fit([(T, CIRCLE)])
    with pytest.raises(SkdynError, match=r"constraints.known_part=.* cannot be saved"):
        grey.save(tmp_path / "saved")


def test_a_grid_chooses_among_libraries():
    runs = Trajectories([(T, a * CIRCLE) for a in (1.0, 2.0, 3.0)])
    grid = {"library": ["x0, x1", "x0^2"], "constraints": [None, {"linear_part": "skew"}]}
    search = GridSearchCV(SparseODERegressor(), grid, cv=3).fit(runs)
    assert search.best_params_ == {"library": "x0, x1", "constraints": None}


def test_parameters_are_stored_as_given_and_checked_at_fit():
    with pytest.raises(ValueError, match="library must be None"):
        SparseODERegressor(library=3).fit([(T, CIRCLE)])
    with pytest.raises(ValueError, match="known names 'v'; the variables are x0, x1"):
        SparseODERegressor(constraints={"known": {"v": "x0"}}).fit([(T, CIRCLE)])


def test_single_missing_values_are_kept(tmp_path):
    holes = np.where(np.random.default_rng(0).random(CIRCLE.shape) < 0.4, np.nan, CIRCLE)
    fitted = SparseODERegressor(missing="keep", max_degree=1).fit([(T, holes)])
    assert fitted.equations(3) == ["d(x0)/dt = x1", "d(x1)/dt = -4 x0"]
    assert fitted.score([(T, holes)]) > 0.99
    assert np.isfinite(np.concatenate(fitted.context_.states)).all()
    fitted.save(tmp_path / "saved")
    loaded = SparseODERegressor.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict(CIRCLE), fitted.predict(CIRCLE))


def test_missing_values_that_cannot_be_kept():
    holes = CIRCLE.copy()
    holes[1:, 1] = np.nan
    with pytest.raises(TrajectoryError, match="trajectory 0, variable 1 was observed 1 times"):
        SparseODERegressor(missing="keep").fit([(T, holes)])
    apart = CIRCLE.copy()
    apart[::2, 0] = apart[1::2, 1] = np.nan
    with pytest.raises(TrajectoryError, match="fewer than 2 points have all variables observed"):
        SparseODERegressor(missing="keep").fit([(T[::12], apart[np.r_[0:50:12] + np.arange(5) % 2])])
    with pytest.raises(TrajectoryError, match="missing must be 'raise' or 'drop'"):
        FIMSDERegressor(missing="keep").fit([(T, holes)])


def test_a_known_part_is_printed():
    known = Constraints(known_part=lambda x: np.column_stack([x[:, 1], 0 * x[:, 0]]))
    fitted = SparseODERegressor(constraints=known, max_degree=1).fit([(T, CIRCLE)])
    assert fitted.equations() == ["d(x0)/dt = known_x0(x0, x1)", "d(x1)/dt = -4 x0 + known_x1(x0, x1)"]
    assert r"g_{x_{0}}\left(x_{0}, x_{1}\right)" in fitted.to_latex()
    pytest.importorskip("sympy")
    assert str(fitted.to_sympy()[0]) == "1.0*known_0(x0, x1)"
