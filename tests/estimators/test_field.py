import numpy as np
import pytest

from skdyn import ConvergenceWarning, FIMODERegressor, SparseODERegressor, Trajectories, TrajectoryError
from skdyn.plugins import BaseDynamicsEstimator

T = np.linspace(0, 6, 60)


def test_a_query_beyond_computing_is_an_error_that_names_it(fitted):
    for call in (fitted.vector_field, fitted.predict):
        with pytest.raises(ValueError, match=r"\[1e\+39, 0\.0\].*too far from the data"):
            call(np.array([[0.0, 0.0], [1e39, 0.0]]))


class Root(BaseDynamicsEstimator):
    """A field that is not defined below a half."""

    def __init__(self, missing="raise"):
        self.missing = missing

    def _fit(self, context):
        pass

    def _field(self, points):
        return np.where(points < 0.5, np.nan, -points), 0.1 * points

    def _field_jacobian(self, points):
        return self._field(points)[0], np.where(points < 0.5, np.inf, -1.0)[:, None]


def test_a_field_that_fails_among_the_data_is_not_called_far_from_them():
    est = Root().fit([(T, np.exp(-T))])
    for call in (est.vector_field, est.predict):
        with pytest.raises(ValueError, match=r"at \[0\.2\], which is within the range of the data: .* answers \[nan\]"):
            call(np.array([[0.7], [0.2]]))
        with pytest.raises(ValueError, match=r"at \[-9\.0\]: it is too far from the data"):
            call(np.array([[0.7], [-9.0]]))
    with pytest.raises(ValueError, match=r"within the range of the data: the estimator answers \[\[inf\]\]"):
        est.jacobian([0.2])


def test_huge_states_simulate_and_score(orbits):
    estimator = FIMODERegressor(device="cpu").fit([(t, 1e155 * x) for t, x in orbits])
    path = estimator.simulate([1e155, 0.0], np.linspace(0, 3, 20))
    plain = FIMODERegressor(device="cpu").fit(orbits)
    np.testing.assert_allclose(path / 1e155, plain.simulate([1.0, 0.0], np.linspace(0, 3, 20)), atol=1e-3)
    assert estimator.score([(t, 1e150 * x) for t, x in orbits]) <= 1


def test_masked_points_are_not_read_as_data(fitted):
    points = np.ma.array([[0.0, 0.0], [1.0, 1.0]], mask=[[0, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"points\[1, 1\] is nan"):
        fitted.vector_field(points)


def test_trajectories_are_asked_as_they_are():
    t = np.linspace(0, 3, 30)
    X = Trajectories([(t, np.exp(-t), np.sin(t))])
    estimator = SparseODERegressor(library="x0, u0", missing="keep").fit(X)
    assert estimator.predict(X).shape == (30, 1)
    with pytest.raises(ValueError, match="which have their own inputs and parameters: leave these out"):
        estimator.predict(X, inputs=99.0)
    path = np.column_stack([np.cos(T), -np.sin(T)])
    kept = SparseODERegressor(library="x0, x1", missing="keep").fit([(T, path)])
    path[7, 1] = np.nan
    with pytest.raises(TrajectoryError, match="trajectory 0, row 7, column 1: the state is NaN"):
        kept.predict(Trajectories.with_gaps([(T, path)]))


@pytest.mark.parametrize("tolerance", [-1, 2.0, np.nan, "a"])
def test_tolerances_are_a_share(fitted, tolerance):
    with pytest.raises(ValueError, match="tolerance must be a number from 0 to 1"):
        fitted.equilibria(tolerance=tolerance)


def test_estimators_without_an_error_say_so(fitted):
    class Silent(SparseODERegressor):
        def _field(self, points):
            return super()._field(points)[0], None

    t = np.linspace(0, 3, 30)
    estimator = Silent().fit([(t, np.exp(-t))])
    with pytest.raises(ValueError, match="does not predict the error"):
        estimator.vector_field([[1.0]], return_std=True)
    _, scale = fitted.vector_field([[1.0, 0.0]], return_std=True)
    assert scale.shape == (1, 2)
    assert (scale > 0).all()


@pytest.mark.parametrize("substeps", [0.5, 2.5, 0, -1, True])
def test_substeps_are_a_whole_number(fitted, substeps):
    with pytest.raises(ValueError, match="substeps"):
        fitted.simulate([1.0, 0.0], [0.0, 1.0], method="rk4", substeps=substeps)


def counted(estimator, monkeypatch):
    """Count the estimator's evaluations of its field."""
    calls, evaluate = [], estimator._velocity
    monkeypatch.setattr(estimator, "_velocity", lambda x: (calls.append(None), evaluate(x))[1])
    return calls


def small_budget(monkeypatch):
    monkeypatch.setattr(SparseODERegressor, "most_evaluations", 300)
    return SparseODERegressor().fit([(T, np.column_stack([np.cos(T), -np.sin(T)]))])


def test_networks_are_evaluated_less_often_than_equations(fitted):
    equations = SparseODERegressor().fit([(T, np.exp(-T))])
    assert fitted.most_evaluations < equations.most_evaluations


def test_simulations_far_ahead_end_with_the_time_reached(monkeypatch):
    estimator = small_budget(monkeypatch)
    calls = counted(estimator, monkeypatch)
    with pytest.warns(
        ConvergenceWarning, match="within 3000 evaluations .* has come to t = .* of 1e.06, and 1 of 1 ini"
    ):
        path = estimator.simulate([1.0, 0.0], [0.0, 1.0, 1e6])
    assert 2900 < len(calls) <= 3000
    np.testing.assert_allclose(path[1], [np.cos(1), -np.sin(1)], atol=1e-3)
    assert np.isnan(path[2]).all()


def test_every_requested_time_may_cost_some_evaluations(monkeypatch):
    estimator = small_budget(monkeypatch)
    t = np.linspace(0, 60, 101)
    path = estimator.simulate([1.0, 0.0], t, method="rk4")
    np.testing.assert_allclose(path[:, 0], np.cos(t), atol=0.02)


def test_fixed_steps_that_would_never_end_are_refused(monkeypatch):
    with pytest.raises(
        ValueError, match=r"t would take 8e\+12 evaluations .* more than 314: choose fewer substeps than"
    ):
        small_budget(monkeypatch).simulate([1.0, 0.0], [0.0, 1.0, 2.0], method="rk4", substeps=10**12)


def test_a_score_over_a_far_gap_ends(monkeypatch):
    estimator = small_budget(monkeypatch)
    calls = counted(estimator, monkeypatch)
    x = np.column_stack([np.cos(T), -np.sin(T)])
    with pytest.warns(ConvergenceWarning, match="within 300 evaluations of the field"):
        assert estimator.score([(np.append(T, 1e9), np.vstack([x, x[:1]]))]) == -1
    assert 290 < len(calls) <= 300


def test_a_late_state_does_not_depend_on_which_other_times_are_asked_for(monkeypatch):
    estimator = small_budget(monkeypatch)
    calls = counted(estimator, monkeypatch)
    end = 20 * T[-1]
    alone = estimator.simulate([0.5, 0.0], [0.0, end])
    assert len(calls) > estimator.most_evaluations
    among = estimator.simulate([0.5, 0.0], np.linspace(0.0, end, 401))
    assert np.isfinite(alone).all()
    np.testing.assert_array_equal(alone[-1], among[-1])


def test_paths_too_large_for_memory_are_refused(fitted):
    starts, t = np.zeros((30_000, 2)), np.linspace(0, 1, 30_000)
    with pytest.raises(ValueError, match=r"the simulated paths of shape \(30000, 30000, 2\) would take 13.4 GiB"):
        fitted.simulate(starts, t)


def test_times_longer_than_a_number_are_refused(fitted):
    with pytest.raises(ValueError, match=r"t: row 1: the times from -1.7e.308 to 1.7e.308 last longer than"):
        fitted.simulate([1.0, 0.0], [-1.7e308, 1.7e308])


def test_numbers_out_of_reach_leak_no_warning(orbits):
    huge = FIMODERegressor(device="cpu").fit([(t, 1e200 * x) for t, x in orbits])
    assert all(np.isfinite(point.residual) for point in huge.equilibria())
    with pytest.raises(ValueError, match="too far from the data"):
        FIMODERegressor(device="cpu").fit([(t, 0.1 * x) for t, x in orbits]).vector_field([[1.7e308, 1.7e308]])
    with pytest.raises(ValueError, match="too far from the data"):
        SparseODERegressor(max_degree=2).fit(orbits).jacobian([[1e300, 1e300]])
