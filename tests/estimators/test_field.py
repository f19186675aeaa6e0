import numpy as np
import pytest

from skdyn import FIMODERegressor, SparseODERegressor


def test_a_query_beyond_computing_is_an_error_that_names_it(fitted):
    for call in (fitted.vector_field, fitted.predict):
        with pytest.raises(ValueError, match=r"\[1e\+39, 0\.0\].*too far from the data"):
            call(np.array([[0.0, 0.0], [1e39, 0.0]]))


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
