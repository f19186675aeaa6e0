import numpy as np
import pytest

from skdyn.datasets import load_fitzhugh_nagumo, load_van_der_pol, make_trajectories


@pytest.mark.parametrize("sampling", ["uniform", "nonuniform"])
def test_van_der_pol_continues_its_own_equation(sampling):
    data = load_van_der_pol(sampling)
    assert data.x.shape == (50, 2)
    assert data.x_test.shape == (100, 2)
    assert data.t.dtype == data.x_test.dtype == np.float64
    assert (np.ptp(np.diff(data.t)) < 1e-5) == (sampling == "uniform")
    later = np.concatenate([[0.0], data.t_test[data.t_test > 0]])
    ((_, exact),) = make_trajectories("van_der_pol", data.x0, later)
    # The published states were solved at default tolerances.
    np.testing.assert_allclose(data.x_test, exact[-100:], atol=0.02)
    ((_, seen),) = make_trajectories("van_der_pol", data.x0, data.t)
    assert 0.5 < np.mean((data.x - seen) ** 2) / data.noise_variance < 2.0


def test_fitzhugh_nagumo_misses_a_quadrant():
    data = load_fitzhugh_nagumo()
    assert data.x.shape == (38, 2)
    assert data.x_test.shape == (12, 2)
    times = np.sort(np.concatenate([data.t, data.t_test]))
    ((_, exact),) = make_trajectories("fitzhugh_nagumo", data.x0, times)
    left_out = np.isin(times, data.t_test)
    np.testing.assert_array_equal(left_out, (exact[:, 0] > 0) & (exact[:, 1] < 0))
    np.testing.assert_allclose(data.x_test, exact[left_out], atol=0.02)
    assert 0.5 < np.mean((data.x - exact[~left_out]) ** 2) / data.noise_variance < 2.0


def test_descriptions_name_source_and_licence():
    for data in (load_van_der_pol(), load_fitzhugh_nagumo()):
        assert "Hegde" in data.DESCR
        assert "MIT" in data.DESCR


def test_each_load_is_fresh():
    load_van_der_pol().x[:] = 0.0
    assert load_van_der_pol().x.any()


def test_unknown_sampling():
    with pytest.raises(ValueError, match=r"^sampling: expected 'uniform' or 'nonuniform', got 'daily'"):
        load_van_der_pol("daily")
