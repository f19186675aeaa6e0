"""The network and two experts, blended by one backtest."""

import warnings

import numpy as np
import pytest

from skdyn import LASSODEForecaster
from skdyn.exceptions import warn
from skdyn.forecasting import blending
from skdyn.forecasting.blending import BACKTESTED
from skdyn.forecasting.ensemble import NETWORK, Ensemble
from skdyn.forecasting.experts.registry import Expert, get_expert

pytestmark = pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")

parrot, sparse_ode = (get_expert(name).fit for name in BACKTESTED)
FITS = {"parrot": parrot, "sparse-ode": sparse_ode}
T = np.linspace(0, 12, 121)
FUTURE = np.linspace(12.1, 16, 40)


def orbit(t, dim=2):
    return np.column_stack([np.exp(-0.1 * t) * np.cos(2 * t), np.exp(-0.1 * t) * np.sin(2 * t)])[:, :dim]


@pytest.fixture(scope="module")
def dummy(request):
    return str(request.path.parents[1] / "dummy" / "lass-ode-tiny")


@pytest.fixture(scope="module")
def blended(dummy):
    return LASSODEForecaster(model=dummy, device="cpu", ensemble="backtest").fit([(T, orbit(T))])


def test_the_parrot_repeats_a_cycle():
    t = np.arange(100.0)
    x = np.column_stack([np.sin(2 * np.pi * t / 20), np.cos(2 * np.pi * t / 20)])
    np.testing.assert_allclose(parrot(t[:50], x[:50])(t[50:]), x[50:], atol=1e-12)


def test_the_sparse_ode_continues_what_it_has_understood():
    np.testing.assert_allclose(sparse_ode(T, orbit(T))(FUTURE), orbit(FUTURE), atol=2e-3)


def test_a_solution_that_runs_away_stays_where_it_left():
    t = np.linspace(0, 2, 60)
    growth = np.exp(2 * t)[:, None]
    future = np.linspace(2.05, 20, 50)
    ahead = sparse_ode(t, growth)(future)
    assert np.isfinite(ahead).all()
    assert ahead[0, 0] > growth[-1, 0]
    assert ahead.max() < 60 * growth.max()
    assert (ahead[-10:] == ahead[-1]).all()


def test_a_solution_that_leaves_at_once_stays_at_the_end_of_the_prefix():
    t = np.linspace(0, 1.9, 80)
    explosion = 1 / (2 - t)[:, None]  # x' = x^2, infinite at t = 2
    ahead = sparse_ode(t, explosion)(np.linspace(5, 9, 7))
    assert (ahead == ahead[0]).all()
    assert explosion.min() <= ahead[0, 0] <= 60 * explosion.max()


def test_what_forecasts_the_end_of_the_prefix_counts(blended):
    (weights,) = blended.expert_weights_
    assert set(weights) == {NETWORK, *BACKTESTED}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["sparse-ode"] > 0.9  # the weights of the network are random
    np.testing.assert_allclose(blended.predict(FUTURE), orbit(FUTURE), atol=0.05)


def test_the_past_stays_the_network_s(blended, dummy):
    alone = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit([(T, orbit(T))])
    times = np.concatenate([T[50::7], FUTURE])
    seen = times <= T[-1]
    np.testing.assert_array_equal(blended.predict(times)[seen], alone.predict(times)[seen])
    np.testing.assert_array_equal(blended.derivative(times)[seen], alone.derivative(times)[seen])
    assert not np.allclose(blended.predict(times)[~seen], alone.predict(times)[~seen], atol=0.1)


def test_quantiles_narrow_with_the_error_and_widen_with_disagreement(blended, dummy):
    alone = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit([(T, orbit(T))])
    levels = blended.levels_
    ours, theirs = (np.diff(e.predict(FUTURE, quantiles=levels), axis=-1) for e in (blended, alone))
    (ensemble,) = blended._session.opened.blends
    assert 0 < ensemble.width < 0.5
    assert (ours >= ensemble.width * theirs - 1e-9).all()
    forecasts = {NETWORK: alone.predict(FUTURE)} | ensemble._forecasts(FUTURE)
    differences = [ensemble.weights[name] * np.abs(f - blended.predict(FUTURE)) for name, f in forecasts.items()]
    spread = (ours - ensemble.width * theirs).sum(axis=-1)
    np.testing.assert_allclose(spread, 2 * np.sum(differences, axis=0), atol=1e-9)


def test_the_derivative_is_that_of_the_median(blended):
    step = 1e-3
    up, down = (blended.predict(np.append(FUTURE[:-1] + s, FUTURE[-1]))[:-1] for s in (step, -step))
    np.testing.assert_allclose(blended.derivative(FUTURE)[:-1], (up - down) / (2 * step), atol=0.05)


def test_too_little_leaves_the_network_alone(dummy):
    few = [(T[:11], orbit(T[:11]))]
    short = LASSODEForecaster(model=dummy, device="cpu", ensemble="backtest").fit(few)
    alone = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit(few)
    assert short.expert_weights_ == [{NETWORK: 1.0}]
    np.testing.assert_array_equal(short.predict(FUTURE), alone.predict(FUTURE))
    np.testing.assert_array_equal(short.derivative(FUTURE), alone.derivative(FUTURE))


def test_an_expert_that_fails_is_left_out(dummy, monkeypatch):
    def broken(times, values):
        raise np.linalg.LinAlgError("no")

    fits = {"parrot": parrot, "sparse-ode": broken}
    monkeypatch.setattr(blending, "get_expert", lambda name: Expert(name, fits[name], ""))
    fitted = LASSODEForecaster(model=dummy, device="cpu", ensemble="backtest").fit([(T, orbit(T))])
    assert set(fitted.expert_weights_[0]) == {NETWORK, "parrot"}
    assert np.isfinite(fitted.predict(FUTURE)).all()


def test_an_expert_that_fails_later_gives_the_middle(dummy, monkeypatch):
    def broken(times, values):
        def forecast(future):
            if future[0] > T[-1]:
                raise RuntimeError("too stiff")
            return np.zeros((len(future), 2))

        return forecast

    monkeypatch.setattr(blending, "get_expert", lambda name: Expert(name, broken, ""))
    fitted = LASSODEForecaster(model=dummy, device="cpu", ensemble="backtest").fit([(T, orbit(T))])
    assert np.isfinite(fitted.predict(FUTURE)).all()


def test_gaps_are_no_obstacle(dummy):
    holes = orbit(T)
    holes[20:30, 1] = np.nan
    fitted = LASSODEForecaster(model=dummy, device="cpu", ensemble="backtest", missing="keep").fit([(T, holes)])
    np.testing.assert_allclose(fitted.predict(FUTURE), orbit(FUTURE), atol=0.1)


def test_the_score_is_the_blend_s(blended, dummy):
    alone = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit([(T, orbit(T))])
    assert -0.01 < blended.score([(T, orbit(T))]) <= 0
    assert alone.score([(T, orbit(T))]) < 10 * blended.score([(T, orbit(T))])


def test_refit_without_an_ensemble_forgets_it(dummy):
    fitted = LASSODEForecaster(model=dummy, device="cpu", ensemble="backtest").fit([(T, orbit(T))])
    fitted.set_params(ensemble=None).fit([(T, orbit(T))])
    assert not hasattr(fitted, "expert_weights_")
    with pytest.raises(ValueError, match="ensemble must be None, 'auto' or 'backtest', got 'all'"):
        fitted.set_params(ensemble="all").fit([(T, orbit(T))])


def test_the_width_is_never_more_than_the_network_s(dummy):
    network = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit([(T, orbit(T))])._session.opened.network
    noise = np.random.default_rng(0).normal(size=(60, 1))
    assert Ensemble(network, T[:60], noise, FITS).width <= 1


def test_a_burst_of_points_makes_no_fine_grid_of_the_whole():
    t = np.concatenate([np.linspace(0, 1e-9, 50), [1.0, 2.0, 3.0, 4.0]])
    forecast = parrot(t, np.cos(t)[:, None])(np.array([4.5, 6.0]))
    assert forecast.shape == (2, 1)
    assert np.isfinite(forecast).all()


def test_experts_leave_the_warning_filters_alone(blended, monkeypatch):
    def changed(*_, **__):
        raise AssertionError("the filters belong to the whole process")

    for name in ("catch_warnings", "simplefilter", "filterwarnings"):
        monkeypatch.setattr(warnings, name, changed)
    curve = blended._session.opened
    weights = Ensemble(curve.network, T, orbit(T), FITS).weights
    monkeypatch.undo()
    assert set(weights) == {NETWORK, *BACKTESTED}


def test_what_an_expert_warns_of_is_not_for_the_user(blended, monkeypatch):
    def anxious(times, values):
        warn("not for the user")
        return parrot(times, values)

    network = blended._session.opened.network
    assert set(Ensemble(network, T, orbit(T), {"anxious": anxious}).weights) == {NETWORK, "anxious"}


@pytest.mark.parametrize("ensemble", ["auto", "backtest"])
def test_each_variable_goes_on_from_its_own_last_value(dummy, ensemble):
    rising = np.where(T > 8, T - 8, 0.0) + 0.01 * np.sin(9 * T)
    values = np.column_stack([rising, np.where(T > 8, np.nan, np.sin(2 * T))])
    params = {"model": dummy, "device": "cpu", "ensemble": ensemble}
    both = LASSODEForecaster(missing="keep", **params).fit([(T, values)])
    (weights,) = both.expert_weights_
    assert sum(weights.values()) == pytest.approx(1)
    alone = [LASSODEForecaster(**params).fit([(t, x)]).expert_weights_[0] for t, x in
             ((T, rising), (T[T <= 8], np.sin(2 * T[T <= 8])))]  # fmt: skip
    assert weights == pytest.approx({name: (alone[0][name] + alone[1][name]) / 2 for name in weights})
    ahead = both.predict(FUTURE[:10])
    np.testing.assert_allclose(ahead[:, 0], FUTURE[:10] - 8, atol=0.3)
    assert both.derivative(FUTURE).shape == both.predict(FUTURE).shape == (40, 2)
    within = T[(T > 8) & (T < 9)]
    np.testing.assert_allclose(both.predict(within)[:, 1], np.sin(2 * within), atol=0.3)


@pytest.mark.parametrize("ensemble", ["auto", "backtest"])
def test_variables_of_which_little_is_missing_at_the_end_stay_together(dummy, ensemble):
    values = orbit(T)
    values[[10, 30, -1], [0, 1, 1]] = np.nan
    params = {"model": dummy, "device": "cpu", "ensemble": ensemble}
    gaps = LASSODEForecaster(missing="keep", **params).fit([(T, values)])
    rows = ~np.isnan(values).any(axis=1)
    assert gaps.expert_weights_ == LASSODEForecaster(**params).fit([(T[rows], values[rows])]).expert_weights_
