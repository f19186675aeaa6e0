"""What FIM-ODE answers from its fits: equations without a search, and any number of variables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn import FIMODERegressor, Trajectory
from skdyn.exceptions import TrajectoryError
from tests.golden.test_fim_ode_golden import WEIGHTS as FORMAT_1

T = np.linspace(0.0, 15.0, 150)


def hares(_, x):
    return [1.1 * x[0] - 0.4 * x[0] * x[1], 0.1 * x[0] * x[1] - 0.4 * x[1]]


def ring(_, x):
    """Lorenz's model of 1996."""
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0


def path(field, x0, t=T):
    return solve_ivp(field, (t[0], t[-1]), x0, t_eval=t, rtol=1e-9, atol=1e-9).y.T


@pytest.fixture(scope="module")
def lotka_volterra():
    return FIMODERegressor(device="cpu").fit([(T, path(hares, [10.0, 5.0]))])


@pytest.fixture(scope="module")
def lorenz96():
    t = np.linspace(0.0, 6.0, 200)
    x0 = 8.0 + np.random.default_rng(0).standard_normal((2, 6))
    return FIMODERegressor(device="cpu").fit([(t, path(ring, x, t)) for x in x0])


def test_equations_without_a_search(lotka_volterra):
    assert lotka_volterra.equations() == [
        "d(x0)/dt = 1.1 x0 - 0.4 x0 x1",
        "d(x1)/dt = -0.4 x1 + 0.1 x0 x1",
    ]
    shares = lotka_volterra.equation_shares()
    assert shares.shape == (2,)
    assert ((shares >= 0.5) & (shares <= 1.0)).all()
    x0, x1 = lotka_volterra.to_sympy()
    assert float(x0.subs({"x0": 2.0, "x1": 3.0})) == pytest.approx(1.1 * 2 - 0.4 * 6, rel=1e-2)
    assert float(x1.subs({"x0": 2.0, "x1": 3.0})) == pytest.approx(0.1 * 6 - 0.4 * 3, rel=1e-2)


def test_the_share_that_is_said_is_that_of_the_variable(lotka_volterra, monkeypatch):
    session = lotka_volterra._session
    found = session.leading_equations()
    monkeypatch.setattr(session, "leading_equations", lambda: replace(found, shares=np.array([0.4, 0.1])))
    with pytest.raises(ValueError, match=r"'x0' \(the best is 40% of it\)"):
        lotka_volterra.equations()


def test_no_equations_where_no_sparse_fit_carries_the_field():
    noisy = path(hares, [10.0, 5.0]) * (1 + 0.3 * np.random.default_rng(0).standard_normal((150, 2)))
    estimator = FIMODERegressor(device="cpu").fit([(T[::10], noisy[::10])])
    with pytest.raises(ValueError, match=r"no sparse equation carries the field of 'x.'.*use refine='sparse'"):
        estimator.equations()


def cooling(offset, noise):
    t = np.linspace(0.0, 20.0, 400)
    x = offset + 5 * np.exp(-0.3 * t) + noise * np.random.default_rng(0).standard_normal(400)
    return FIMODERegressor(device="cpu").fit([(t, x)])


@pytest.mark.parametrize(("offset", "noise"), [(20.0, 0.02), (293.15, 0.0), (293.15, 0.1), (1e5, 0.02)])
def test_what_decays_is_a_line_wherever_its_zero_is(offset, noise):
    estimator = cooling(offset, noise)
    (line,) = estimator.equations()
    assert "^" not in line
    assert "/(" not in line
    assert "sin" not in line
    (expression,) = estimator.to_sympy()
    for x in (offset, offset + 2.0):
        assert float(expression.subs({"x0": x})) == pytest.approx(-0.3 * (x - offset), rel=0.02, abs=0.01)


def test_the_level_is_written_as_a_search_writes_it():
    assert cooling(293.15, 0.0).equations() == ["d(x0)/dt = -0.255 - 0.3 (x0 - 294)"]


def test_products_far_from_zero_stay_where_the_field_needs_them():
    t = np.linspace(0.0, 20.0, 400)
    estimator = FIMODERegressor(device="cpu").fit([(t, path(hares, [4.4, 2.75], t))])
    assert estimator.equations() == ["d(x0)/dt = 1.1 x0 - 0.4 x0 x1", "d(x1)/dt = -0.4 x1 + 0.1 x0 x1"]


def test_terms_that_cannot_be_told_apart_are_not_written_down():
    def swing(_, x):
        return [x[1] - 1000.0, -np.sin(x[0] - 1000.0) - 0.1 * (x[1] - 1000.0)]

    t = np.linspace(0.0, 20.0, 400)
    estimator = FIMODERegressor(device="cpu").fit([(t, path(swing, [1002.0, 1000.0], t))])
    with pytest.raises(ValueError, match=r"terms of the equation of 'x1' cannot be told apart.*use refine='sparse'"):
        estimator.equations()


def test_a_model_without_fits_has_no_equations():
    estimator = FIMODERegressor(FORMAT_1, device="cpu").fit([(T, path(hares, [10.0, 5.0]))])
    with pytest.raises(ValueError, match=r"weighs no sparse fits .*use refine='sparse'"):
        estimator.equations()
    with pytest.raises(
        TrajectoryError, match="the trajectories have 6 variables but the model 'fim-ode' takes at most 3"
    ):
        FIMODERegressor(FORMAT_1, device="cpu").fit([(np.arange(20.0), np.random.default_rng(0).random((20, 6)))])


def test_many_variables_are_answered_as_few(lorenz96):
    rng = np.random.default_rng(1)
    points = np.concatenate(lorenz96.context_.states)[::40] + 0.2 * rng.standard_normal((10, 6))
    truth = np.array([ring(0.0, x) for x in points])
    field, scale = lorenz96.vector_field(points, return_std=True)
    assert np.abs(field - truth).sum() < 0.05 * np.abs(truth).sum()
    assert (scale > 0).all()
    assert np.median(scale) < 0.1 * np.abs(truth).mean()
    jacobian = lorenz96.jacobian(points[:2])
    step = 1e-3
    for j in range(6):
        ahead, behind = (lorenz96.predict(points[:2] + sign * step * np.eye(6)[j]) for sign in (1, -1))
        np.testing.assert_allclose(jacobian[:, :, j], (ahead - behind) / (2 * step), atol=0.3, rtol=0.1)
    assert lorenz96.sample_fields(3, random_state=0)(points).shape == (3, 10, 6)
    assert lorenz96.simulate(points[0], [0.0, 0.1, 0.2]).shape == (3, 6)
    assert any("x1" in line for line in lorenz96.equations())


def test_equilibria_of_many_variables():
    t = np.linspace(0.0, 8.0, 120)
    rates = np.array([1.0, 0.5, 2.0, 1.5, 0.7])

    def relax(_, x):
        return -rates * (x - 1.0) + 0.3 * (np.roll(x, 1) - x)

    rng = np.random.default_rng(0)
    estimator = FIMODERegressor(device="cpu").fit([(t, path(relax, x, t)) for x in 1 + rng.standard_normal((4, 5))])
    (equilibrium,) = estimator.equilibria()
    np.testing.assert_allclose(equilibrium.state, 1.0, atol=0.05)
    assert equilibrium.kind.startswith("stable")


def test_an_input_of_two_values_is_linear_and_far_from_others_equilibria_are_beyond_the_data():
    t = np.linspace(0.0, 6.0, 60)
    pairs = [
        Trajectory(t, path(lambda _, x, u=u: x * (1 - x) + 0.5 * u, [x0], t), u=np.full(60, u))
        for u in (0.0, 1.0)
        for x0 in (0.3, 2.0)
    ]
    estimator = FIMODERegressor(device="cpu").fit(pairs)
    (equation,) = estimator.equations()
    assert "u0" in equation
    assert "u0^" not in equation
    for u, beyond in ((0.0, False), (0.2, False), (0.5, True), (1.0, False), (1.5, True)):
        point = max(estimator.equilibria(inputs=u), key=lambda point: point.state[0])
        np.testing.assert_allclose(point.state, 0.5 + np.sqrt(0.25 + 0.5 * u), atol=0.01)
        assert point.extrapolated == beyond
        assert not (beyond and point.inside)


def test_units_of_the_states_do_not_matter(lotka_volterra):
    scale = np.array([1e3, 1e-2])
    other = FIMODERegressor(device="cpu").fit([(T, scale * path(hares, [10.0, 5.0]))])
    points = np.array([[8.0, 3.0], [2.0, 1.0]])
    np.testing.assert_allclose(other.predict(scale * points) / scale, lotka_volterra.predict(points), rtol=1e-3)
