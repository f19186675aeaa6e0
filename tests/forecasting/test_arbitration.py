"""The network and classical experts, weighed by the trained arbiter."""

import shutil

import numpy as np
import pytest

from skdyn import LASSODEForecaster
from skdyn.exceptions import PluginError, WeightsError
from skdyn.forecasting import blending
from skdyn.forecasting.arbiter_files import FOLDER, load_arbiter
from skdyn.forecasting.arbitrated import Evidence, ask
from skdyn.forecasting.evidence import Backtest
from skdyn.forecasting.experts.registry import STANDARD, Expert, get_expert
from skdyn.forecasting.features import OF_FORECASTERS, OF_TIMES, bounded

pytestmark = pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")

T = np.linspace(0, 12, 121)
FUTURE = np.linspace(12.1, 16, 40)


def orbit(t):
    return np.column_stack([np.exp(-0.1 * t) * np.cos(2 * t), np.exp(-0.1 * t) * np.sin(2 * t)])


@pytest.fixture(scope="module")
def dummy(request):
    return str(request.path.parents[1] / "dummy" / "lass-ode-tiny")


@pytest.fixture(scope="module")
def judged(dummy):
    return LASSODEForecaster(model=dummy, device="cpu").fit([(T, orbit(T))])


def test_a_network_that_knows_nothing_is_outvoted(judged):
    (weights,) = judged.expert_weights_
    assert set(weights) == {*STANDARD, "network"}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["network"] < 0.1
    np.testing.assert_allclose(judged.predict(FUTURE), orbit(FUTURE), atol=0.05)


def test_the_past_stays_the_network_s(judged, dummy):
    alone = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit([(T, orbit(T))])
    times = np.concatenate([T[50::7], FUTURE])
    seen = times <= T[-1]
    np.testing.assert_array_equal(judged.predict(times)[seen], alone.predict(times)[seen])


def test_noise_widens_the_interval(judged, dummy):
    noisy = orbit(T) + 0.1 * np.random.default_rng(0).normal(size=(121, 2))
    other = LASSODEForecaster(model=dummy, device="cpu").fit([(T, noisy)])
    width = [np.ptp(e.predict(FUTURE, quantiles=(0.1, 0.9)), axis=-1).mean() for e in (judged, other)]
    assert width[1] > 2 * width[0]


@pytest.mark.parametrize("rate", [0.5, -0.5])
def test_growth_and_decay_go_on(judged, rate):
    t = np.linspace(0, 4, 80)
    later = np.linspace(4.05, 8, 79)
    est = LASSODEForecaster(device="cpu").fit([(t, np.exp(rate * t)[:, None])])
    np.testing.assert_allclose(est.predict(later)[:, 0], np.exp(rate * later), rtol=0.05)


def test_a_prefix_twice_as_long_of_logistic_growth_goes_on():
    t = np.linspace(-4, 1, 80)
    later = np.linspace(1.05, 6, 60)
    est = LASSODEForecaster(device="cpu").fit([(t, 1 / (1 + np.exp(-t))[:, None])])
    np.testing.assert_allclose(est.predict(later)[:, 0], 1 / (1 + np.exp(-later)), rtol=0.05)


def test_too_little_leaves_the_network_alone(dummy):
    few = [(T[:11], orbit(T[:11]))]
    short = LASSODEForecaster(model=dummy, device="cpu").fit(few)
    alone = LASSODEForecaster(model=dummy, device="cpu", ensemble=None).fit(few)
    assert short.expert_weights_ == [{"network": 1.0}]
    np.testing.assert_array_equal(short.predict(FUTURE), alone.predict(FUTURE))


def test_further_experts_are_asked_and_may_fail(dummy, monkeypatch):
    def oracle(times, values):
        return orbit

    def broken(times, values):
        raise np.linalg.LinAlgError("no")

    fits = {"oracle": oracle, "broken": broken}
    monkeypatch.setattr(
        blending, "get_expert", lambda name: Expert(name, fits[name], "") if name in fits else get_expert(name)
    )
    est = LASSODEForecaster(model=dummy, device="cpu", experts=["oracle", "broken"])
    (weights,) = est.fit([(T, orbit(T))]).expert_weights_
    assert weights["broken"] == 0
    assert weights["oracle"] > 0.01


def test_workers_give_the_same(judged, dummy):
    series = [(T, orbit(T)), (T, orbit(T + 1))]
    shared = LASSODEForecaster(model=dummy, device="cpu", n_jobs=2).fit(series)
    np.testing.assert_allclose(shared.predict(FUTURE)[0], judged.predict(FUTURE), atol=1e-9)


def test_a_season_that_is_known_is_used(dummy):
    t = np.arange(20.0)
    values = (10 + np.tile([0.0, 3, 1, 2, 7], 4) + 0.5 * np.random.default_rng(3).normal(size=20))[:, None]
    weights = [
        LASSODEForecaster(model=dummy, device="cpu", season=season).fit([(t, values)]).expert_weights_
        for season in (5, 1)
    ]
    assert weights[0][0]["seasonal-naive"] > 0
    assert weights[1][0]["seasonal-naive"] == 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"experts": "parrot"}, "experts must be a list of names"),
        ({"ensemble": None, "experts": ["parrot"]}, "experts belong to an ensemble, but ensemble is None"),
        ({"experts": ["nobody"]}, "nothing is registered as 'nobody'"),
        ({"season": 0}, "season must be"),
        ({"ensemble": None, "season": 12}, "season is for the experts of an ensemble, but ensemble is None"),
    ],
)
def test_experts_are_checked(dummy, params, message):
    with pytest.raises((ValueError, PluginError), match=message):
        LASSODEForecaster(model=dummy, **params).fit([(T, orbit(T))])


def test_the_evidence_of_a_series(judged):
    evidence = Evidence(
        judged._session.opened.network, T, orbit(T), {name: get_expert(name).fit for name in ("mean", "hankel-dmd")}
    )
    assert [len(backtest.truth) for backtest in evidence.backtests] == [48, 24, 12]
    asked = evidence.questions(FUTURE, np.zeros((40, 2, 9)))
    assert asked.of_forecasters.shape == (40, 2, 3, OF_FORECASTERS)
    assert asked.of_times.shape == (40, 2, OF_TIMES)
    assert np.isfinite(asked.of_forecasters).all()
    (second, truth, leads), (third, later, _) = evidence.earlier()
    np.testing.assert_array_equal(truth, orbit(T)[97:])
    np.testing.assert_array_equal(later, orbit(T)[109:])
    assert len(leads) == 24
    assert second.forecasts.shape == (3, 24, 2)
    assert third.forecasts.shape == (3, 12, 2)


def test_an_earlier_question_knows_nothing_of_what_came_later(judged):
    values = orbit(T)
    changed = np.where(np.arange(len(T))[:, None] >= 97, values[::-1], values)
    network, fits = judged._session.opened.network, {"mean": get_expert("mean").fit}
    questions = [Evidence(network, T, these, fits).earlier()[0][0] for these in (values, changed)]
    for name in ("of_forecasters", "of_times", "forecasts"):
        np.testing.assert_array_equal(getattr(questions[0], name), getattr(questions[1], name))


def test_long_series_are_tested_on_what_follows_an_origin_at_once(judged, monkeypatch):
    monkeypatch.setattr("skdyn.forecasting.evidence.MOST_TESTED", 20)
    evidence = Evidence(judged._session.opened.network, T, orbit(T), {"mean": get_expert("mean").fit})
    first, last, _ = evidence.backtests
    np.testing.assert_array_equal(first.truth, orbit(T)[73:93])
    np.testing.assert_array_equal(last.truth, orbit(T)[97:117])
    _, truth, leads = evidence.earlier()[0]
    np.testing.assert_array_equal(truth, last.truth)
    np.testing.assert_allclose(leads, (T[97:117] - T[96]) / (T[96] - T[0]))


def test_only_where_two_who_did_well_would_go_may_a_forecast_go():
    errors, nobody = np.array([[0.1], [3.0], [0.2], [0.15]]), np.zeros(4, dtype=bool)
    said = np.array([9.0, 50.0, 0.5, -7.0])[:, None, None]
    held = bounded(said, errors, np.zeros(1), np.ones(1), nobody)
    assert held.ravel().tolist() == [7.0, 7.0, 0.5, -7.0]
    alone = np.array([9.0, 50.0, 0.5, -0.1])[:, None, None]
    assert bounded(alone, errors, np.zeros(1), np.ones(1), nobody).ravel().tolist() == [2.0, 2.0, 0.5, -0.1]
    for lawful, expected in ((0, [9.0, 9.0, 0.5, -0.1]), (1, [2.0, 2.0, 0.5, -0.1])):  # the second did badly
        held = bounded(alone, errors, np.zeros(1), np.ones(1), np.arange(4) == lawful)
        assert held.ravel().tolist() == expected


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_a_curve_of_growth_counts_alone_where_backtests_leave_no_doubt(dummy, noise):
    def gompertz(t):
        return np.exp(-4 * np.exp(-4 * t))[:, None]

    t = np.linspace(0, 1, 60)
    seen = gompertz(t) + noise * np.random.default_rng(0).normal(size=(60, 1))
    est = LASSODEForecaster(model=dummy, device="cpu").fit([(t, seen)])
    assert est.expert_weights_[0]["growth"] == pytest.approx(1)
    np.testing.assert_allclose(est.predict([1.5, 2.0]), gompertz(np.array([1.5, 2.0])), rtol=1e-3)


@pytest.mark.parametrize(("error", "lawful", "expected"), [(0.5, 0, True), (0.9, 0, False), (0.5, 1, False)])
def test_only_who_is_lawful_and_far_ahead_counts_alone(error, lawful, expected):
    def backtest(points):
        forecasts = np.multiply.outer([error, 1.0, 1.0], np.ones((points, 1)))
        return Backtest(np.linspace(0.1, 0.5, points), np.zeros((points, 1)), forecasts, np.ones((points, 1)))

    values, leads = np.random.default_rng(0).normal(size=(40, 1)), np.linspace(0.1, 0.5, 5)
    tested = [backtest(points) for points in (16, 8, 4)]
    asked = ask(np.zeros((3, 5, 1)), np.ones((5, 1)), leads, values, tested, np.arange(3) == lawful)
    assert asked.alone.tolist() == [[expected, False, False]]


def test_a_damaged_arbiter_is_refused(tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "arbiter")
    assert set(load_arbiter(folder)[1]) <= {*STANDARD, "network"}
    (tmp_path / "other").mkdir()
    for name in ("config.json", "model.safetensors", "SHA256SUMS"):
        shutil.copy(folder / name, tmp_path / "other")
    content = (tmp_path / "other" / "config.json").read_text().replace('"width"', '"depth"')
    (tmp_path / "other" / "config.json").write_text(content)
    with pytest.raises(WeightsError):
        load_arbiter(tmp_path / "other")
    (tmp_path / "other" / "SHA256SUMS").write_text("")
    with pytest.raises(WeightsError, match=r"does not list config\.json"):
        load_arbiter(tmp_path / "other")
