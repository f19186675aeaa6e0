"""The network's forecasts as their users see them; the contract suite holds what every forecaster keeps."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skdyn import FIMODERegressor, LASSODEForecaster, Trajectories
from skdyn.exceptions import ForecastWarning, SkdynError, TrajectoryError, WeightsError
from skdyn.forecasting.positive import logarithms

pytestmark = pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")


@pytest.fixture(scope="module")
def forecaster(request):
    model = request.path.parents[1] / "dummy" / "lass-ode-tiny"
    return LASSODEForecaster(model=model, device="cpu", ensemble=None)


def wave(points=60, dim=2):
    t = np.linspace(0, 6, points)
    return t, np.column_stack([np.sin(2 * t + d) for d in range(dim)])


LATER = np.linspace(6.2, 10, 12)


@pytest.mark.parametrize("dim", [1, 12])
def test_few_and_many_variables(forecaster, dim):
    assert forecaster.fit([wave(dim=dim)]).predict(LATER).shape == (12, dim)


def test_missing_values_of_one_variable_cost_the_others_nothing(forecaster):
    t, x = wave()
    holes = x.copy()
    holes[10:20, 1] = np.nan
    holes[-1, 1] = np.nan
    keeping = type(forecaster)(forecaster.model, device="cpu", missing="keep")
    with pytest.raises(TrajectoryError, match="takes no inputs nor parameters, but X has u0"):
        keeping.fit([(t, holes, t)])
    kept = keeping.fit([(t, holes)])
    assert np.isfinite(kept.predict(LATER)).all()
    dropped = type(forecaster)(forecaster.model, device="cpu", missing="drop").fit([(t, holes)])
    assert dropped.context_.n_points == 49
    assert kept.context_.n_points == 60
    assert np.abs(kept.predict(LATER) - dropped.predict(LATER)).max() > 1e-3


def test_rows_without_any_value_do_not_matter(forecaster):
    t, x = wave()
    holes = x.copy()
    holes[25:30] = np.nan
    keeping = type(forecaster)(forecaster.model, device="cpu", missing="keep")
    expected = keeping.fit([(np.delete(t, range(25, 30)), np.delete(x, range(25, 30), axis=0))]).predict(LATER)
    np.testing.assert_array_equal(keeping.fit([(t, holes)]).predict(LATER), expected)


def test_gaps_survive_saving(forecaster, tmp_path):
    t, x = wave()
    x[10:20, 1] = np.nan
    fitted = type(forecaster)(forecaster.model, device="cpu", missing="keep").fit([(t, x)])
    fitted.save(tmp_path)
    np.testing.assert_array_equal(LASSODEForecaster.load(tmp_path).predict(LATER), fitted.predict(LATER))


def test_a_fine_tuning_without_a_seed_loads_as_the_same(forecaster, tmp_path):
    generator = np.random.default_rng(3)
    for given in (None, generator, 7):
        params = {"fine_tune": {"epochs": 1}, "random_state": given}
        fitted = clone(forecaster).set_params(ensemble=None, **params).fit([wave()])
        assert fitted.random_state is given
        fitted.save(tmp_path)
        loaded = LASSODEForecaster.load(tmp_path)
        assert loaded.random_state == loaded.seed_ == fitted.seed_
        np.testing.assert_array_equal(loaded.predict(LATER), fitted.predict(LATER))
        loaded.save(tmp_path)
    assert fitted.seed_ == 7
    with pytest.raises(SkdynError, match="parameter random_state is 8 now, but was 7"):
        fitted.set_params(random_state=8).save(tmp_path)


def test_an_irregular_series_with_most_points_dropped(forecaster):
    t, x = wave(200)
    keep = np.sort(np.random.default_rng(0).choice(200, 80, replace=False))
    assert np.isfinite(forecaster.fit([(t[keep], x[keep])]).predict(LATER)).all()


def test_a_constant_variable(forecaster):
    t, x = wave()
    x[:, 1] = 7.0
    assert np.abs(forecaster.fit([(t, x)]).predict(LATER)[:, 1] - 7.0).max() < 0.1


def test_dates_and_frames(forecaster, tmp_path):
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    frame = pd.DataFrame({"t": days, "a": np.sin(np.arange(40) / 3), "b": np.cos(np.arange(40) / 3)})
    forecaster.fit(frame)
    assert list(forecaster.feature_names_in_) == ["a", "b"]
    later = pd.date_range("2024-02-10", periods=5, freq="D")
    ahead = forecaster.predict(horizon=5)
    assert list(ahead.columns) == ["t", "a", "b"]
    assert list(ahead["t"]) == list(later)
    np.testing.assert_allclose(forecaster.predict(later), ahead[["a", "b"]], atol=1e-6)
    quantiles = forecaster.predict(horizon=2, quantiles=(0.1, 0.5))
    assert list(quantiles.columns) == ["t", "a_0.1", "a_0.5", "b_0.1", "b_0.5"]
    forecaster.save(tmp_path)
    pd.testing.assert_frame_equal(LASSODEForecaster.load(tmp_path).predict(horizon=5), ahead)


def test_a_table_of_several_series_names_them(forecaster):
    pl = pytest.importorskip("polars")
    rows = {"id": ["p"] * 30 + ["q"] * 30, "t": [*range(30), *range(5, 35)], "x": list(np.sin(np.arange(60) / 3))}
    ahead = forecaster.fit(pl.DataFrame(rows)).predict(horizon=2)
    assert isinstance(ahead, pl.DataFrame)
    assert ahead["id"].to_list() == ["p", "p", "q", "q"]
    assert ahead["t"].to_list() == [30.0, 31.0, 35.0, 36.0]


def test_a_table_goes_on_as_it_came(forecaster):
    rows = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=40), "a": np.sin(np.arange(40) / 3)})
    as_column = forecaster.fit(rows).predict(horizon=2)
    assert list(as_column.columns) == ["date", "a"]
    for called in ("taken", None):
        ahead = forecaster.fit(rows.set_index("date").rename_axis(called)).predict(horizon=2)
        pd.testing.assert_frame_equal(ahead, as_column.set_index("date").rename_axis(called))
    assert list(forecaster.fit(rows[["a"]]).predict(horizon=2).columns) == ["t", "a"]


def test_dates_go_on_in_their_zone_and_a_series_as_a_table(forecaster, tmp_path):
    days = pd.date_range("2024-03-01", periods=30, tz="Europe/Berlin", name="day")
    flow = pd.Series(np.sin(np.arange(30) / 3), index=days, name="flow")
    ahead = forecaster.fit(flow).predict(horizon=3)
    assert list(ahead.columns) == ["flow"]
    assert list(ahead.index) == list(pd.date_range("2024-03-31", periods=3, tz="Europe/Berlin"))  # over a lost hour
    assert ahead.index.name == "day"
    plain = pd.Series(flow.to_numpy(), index=days.tz_localize(None), name="flow")
    np.testing.assert_allclose(ahead, forecaster.fit(plain).predict(horizon=3), rtol=1e-5)
    forecaster.fit(flow).save(tmp_path / "zoned")
    pd.testing.assert_frame_equal(LASSODEForecaster.load(tmp_path / "zoned").predict(horizon=3), ahead)


@pytest.mark.parametrize("levels", [["shop", "date"], ["date", "shop"], ["date", "id"]])
def test_series_are_told_apart_as_in_the_table(forecaster, levels, tmp_path):
    days = pd.date_range("2024-01-01", periods=30)
    columns = {"date": [*days, *days], "a": np.sin(np.arange(60) / 3)}
    (identity,) = set(levels) - {"date"}
    rows = pd.DataFrame({identity: ["p"] * 30 + ["q"] * 30} | columns)
    indexed = rows.set_index(levels)
    ahead = forecaster.fit(indexed).predict(horizon=2)
    forecaster.save(tmp_path)
    pd.testing.assert_frame_equal(LASSODEForecaster.load(tmp_path).predict(horizon=2), ahead)
    assert list(ahead.index.names) == levels
    assert list(ahead.index.get_level_values(identity)) == ["p", "p", "q", "q"]
    assert list(ahead.index.get_level_values("date")[:2]) == list(pd.date_range("2024-01-31", periods=2))
    assert list(ahead.columns) == ["a"]
    if identity == "id":
        as_columns = forecaster.fit(rows).predict(horizon=2)
        pd.testing.assert_frame_equal(as_columns.set_index(levels), ahead, check_freq=False)


def test_positive_series_stay_positive(forecaster):
    t, x = wave()
    positive = type(forecaster)(forecaster.model, device="cpu", ensemble=None, positive=True)
    fitted = positive.fit([(t, np.exp(x))])
    logs, moved = logarithms(np.exp(x), "x")
    plain = forecaster.fit([(t, logs)])
    np.testing.assert_allclose(fitted.predict(LATER), np.exp(plain.predict(LATER) + moved), rtol=1e-6)
    quantiles = fitted.predict(LATER, quantiles=(0.1, 0.9))
    assert (quantiles > 0).all()
    step = 1e-4
    times = np.sort(np.concatenate([LATER[:-1] - step, LATER[:-1] + step, LATER[-1:]]))
    path = fitted.predict(times)[:-1].reshape(-1, 2, 2)
    np.testing.assert_allclose(fitted.derivative(LATER)[:-1], (path[:, 1] - path[:, 0]) / (2 * step), atol=1e-2)
    with pytest.raises(TrajectoryError, match="trajectory 0, row 0, column 0: 0 is not positive"):
        positive.fit([(t, x - x[0])])
    with pytest.raises(ValueError, match="positive must be True or False"):
        type(forecaster)(forecaster.model, positive=1).fit([(t, x)])


@pytest.mark.parametrize("ensemble", [None, "auto", "backtest"])
def test_positive_series_are_forecast_the_same_in_any_unit(forecaster, ensemble):
    t, x = wave()
    positive = type(forecaster)(forecaster.model, device="cpu", ensemble=ensemble, positive=True)
    expected = positive.fit([(t, np.exp(x))]).predict(LATER)
    for unit in (1e-9, 0.37, 1e6):
        found = positive.fit([(t, unit * np.exp(x))]).predict(LATER)
        np.testing.assert_allclose(found / unit, expected, rtol=1e-4)


def test_logarithms_are_moved_and_constants_too():
    values = np.array([[1.0, 5.0], [np.nan, 5.0], [np.e**2, 5.0]])
    logs, moved = logarithms(values, "x")
    np.testing.assert_allclose(logs, [[5.0, 6.0], [np.nan, 6.0], [7.0, 6.0]])
    np.testing.assert_allclose(np.exp(logs + moved), values)


@pytest.mark.filterwarnings("default::skdyn.exceptions.ForecastWarning")
def test_quantiles_below_zero_are_named(forecaster):
    t, x = wave()
    with pytest.warns(ForecastWarning):
        forecaster.fit([(t, np.abs(x) + 1e-3)])
    with pytest.warns(ForecastWarning, match="goes below zero in 'x0', of which all values are positive"):
        forecaster.predict(LATER, quantiles=(0.1, 0.9))


def test_dates_of_several_series_share_one_axis(forecaster):
    start = np.datetime64("2024-01-01")
    x = np.sin(np.arange(30) / 3)[:, None]
    both = forecaster.fit([(start + np.arange(30), x), (start + np.arange(5, 35), x)])
    first, second = both.predict([start + np.arange(30, 33), start + np.arange(35, 38)])
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_states_give_the_field_near_the_forecast(forecaster):
    fitted = forecaster.fit([wave()])
    near = fitted.predict(LATER)
    field = fitted.predict(near)
    np.testing.assert_array_equal(field, fitted.vector_field(near))
    assert np.isfinite(field).all()
    assert fitted.vector_field(near.reshape(3, 4, 2)).shape == (3, 4, 2)
    assert fitted.vector_field(near[0]).shape == (2,)


@pytest.mark.filterwarnings("default::skdyn.exceptions.ForecastWarning")
def test_the_field_is_not_known_far_away(forecaster):
    with pytest.warns(ForecastWarning):
        fitted = forecaster.fit([wave()])
    with pytest.warns(ForecastWarning, match="1 of 2 points are far from the forecast"):
        field = fitted.vector_field([[100.0, 100.0], fitted.predict(LATER)[0]])
    assert np.isnan(field[0]).all()
    assert np.isfinite(field[1]).all()


def test_equilibria_lie_near_the_forecast_and_the_field_vanishes_there(forecaster):
    fitted = forecaster.fit([wave()])
    for point in fitted.equilibria():
        np.testing.assert_allclose(fitted.vector_field(point.state), 0, atol=1e-5)
    with pytest.raises(ValueError, match="tolerance must be a number from 0 to 1, got -1"):
        fitted.equilibria(tolerance=-1)


def test_equilibria_say_their_unit_and_whether_they_lie_beyond_the_data(forecaster, monkeypatch):
    fitted = forecaster.fit(Trajectories([wave()], time_unit="day"))

    class Linear:
        center, half, states = np.zeros(2), np.ones(2), np.array([[-4.0, -4.0], [4.0, 4.0]])

        def __call__(self, x):
            return x - self.rest, np.broadcast_to(np.eye(2), (len(x), 2, 2))

        def is_far(self, x):
            return np.zeros(len(x), dtype=bool)

    monkeypatch.setattr(fitted, "_local_field", Linear)
    for rest, beyond in ((0.1, False), (2.0, True)):
        Linear.rest = rest
        (point,) = fitted.equilibria()
        assert (point.time_unit, point.extrapolated) == ("day", beyond)


def test_experts_are_a_list_of_names(forecaster):
    for experts in (None, "sparse-ode", 3, [1]):
        with pytest.raises(ValueError, match="experts must be a list of names"):
            type(forecaster)(forecaster.model, experts=experts).fit([wave()])


@pytest.mark.filterwarnings("default::skdyn.exceptions.ForecastWarning")
def test_little_support_is_said(forecaster):
    t, x = wave()
    with pytest.warns(ForecastWarning, match="the network reconstructs 1 of 1 series poorly"):
        forecaster.fit([(t, x)])
    assert forecaster.reconstruction_error_.shape == (1,)
    assert forecaster.reconstruction_error_[0] > 0.05
    t = np.linspace(0, 1, 9)
    with pytest.warns(ForecastWarning, match="1 of 1 series have fewer than 10 values of a variable"):
        forecaster.fit([(t, 3.0 + 0.01 * t[:, None])])


def test_the_reconstruction_error_is_in_half_ranges(forecaster):
    t, x = wave()
    first = forecaster.fit([(t, x)]).reconstruction_error_
    np.testing.assert_allclose(forecaster.fit([(t, 50 * x)]).reconstruction_error_, first, rtol=1e-3)
    curve = forecaster.fit([(t, x)])._session.opened.curves[0]
    median = curve.values(t)[..., 4]
    np.testing.assert_allclose(first[0], np.mean(((median - x) / (np.ptp(x, axis=0) / 2)) ** 2), rtol=1e-3)


def test_the_score_is_the_error_of_the_unseen_part(forecaster):
    t, x = wave(100)
    score = forecaster.fit([wave()]).score([(t, x)])
    seen = t <= 0.6 * t[-1]
    forecast = forecaster.fit([(t[seen], x[seen])]).predict(t[~seen])
    error = np.clip((forecast - x[~seen]) / (np.ptp(x, axis=0) / 2), -5, 5)
    np.testing.assert_allclose(score, -np.mean(error**2), rtol=1e-6)


def test_cross_validation_runs(forecaster):
    from sklearn.model_selection import cross_val_score

    X = Trajectories([wave(40), wave(50), wave(60), wave(70)])
    assert np.isfinite(cross_val_score(forecaster, X, cv=2)).all()


def test_a_pickle_refuses_other_weights(forecaster, tmp_path):
    import shutil

    shutil.copytree(forecaster.model, tmp_path / "model")
    fitted = LASSODEForecaster(model=tmp_path / "model", device="cpu", ensemble=None).fit([wave()])
    content = pickle.dumps(fitted)
    other = (tmp_path / "model" / "config.json").read_text().replace('"kernel_width": 0.04', '"kernel_width": 0.05')
    (tmp_path / "model" / "config.json").write_text(other)
    (tmp_path / "model" / "SHA256SUMS").unlink()
    with pytest.raises(WeightsError, match="are not those this estimator was fitted with"):
        pickle.loads(content).predict(LATER)


def test_fields_and_forecasters_are_not_taken_for_each_other(forecaster, dummy_folder):
    with pytest.raises(WeightsError, match="is a model of a vector field, not a forecaster: use FIMODERegressor"):
        LASSODEForecaster(model=dummy_folder).fit([wave()])
    with pytest.raises(SkdynError, match="is a forecaster, not a model of a vector field: use LASSODEForecaster"):
        FIMODERegressor(model=forecaster.model).fit([wave()])


@pytest.mark.parametrize("last", [6000.0, 1.7e9, 1e300])
def test_forecasts_too_far_ahead_are_refused(forecaster, last):
    fitted = forecaster.fit([wave(), wave()])
    for ask in (fitted.predict, fitted.derivative):
        with pytest.raises(ValueError, match=r"^series 0: t = .* is too far ahead: .* check their unit"):
            ask([6.5, last])
    with pytest.raises(ValueError, match=r"series 1: t = .* is too far ahead"):
        fitted.predict([np.array([6.5]), np.array([last])])


def test_a_score_over_a_far_gap_is_refused(forecaster):
    t, x = wave()
    with pytest.raises(TrajectoryError, match=r"trajectory 1 cannot be scored: t = 1e.09 is too far ahead"):
        forecaster.fit([wave()]).score([wave(), (np.append(t, 1e9), np.vstack([x, x[:1]]))])


def test_answers_too_large_for_memory_are_refused(forecaster):
    with pytest.raises(ValueError, match=r"the forecast of shape \(1, 1000000000, 2\) would take 14.9 GiB"):
        forecaster.fit([wave()]).predict(horizon=10**9)
    with pytest.raises(ValueError, match="too far ahead"):
        forecaster.predict(horizon=10**6)


@pytest.mark.parametrize("positive", [False, True])
def test_series_are_forecast_alike_in_parts_and_by_workers(forecaster, monkeypatch, capsys, positive):
    series = [wave(points) for points in (40, 60, 50, 45, 55)]
    series = [(t, 2 + x) for t, x in series]
    settings = {"device": "cpu", "positive": positive}
    together = type(forecaster)(forecaster.model, **settings).fit(series)
    monkeypatch.setattr("skdyn.estimators._forecast_session._AT_ONCE", 2)
    parted = type(forecaster)(forecaster.model, **settings).fit(series)
    shared = type(forecaster)(forecaster.model, **settings, n_jobs=2, progress=True).fit(series)
    np.testing.assert_allclose(parted.reconstruction_error_, together.reconstruction_error_, rtol=1e-4)
    np.testing.assert_array_equal(shared.reconstruction_error_, parted.reconstruction_error_)
    np.testing.assert_allclose(parted.predict(LATER), together.predict(LATER), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(shared.predict(LATER), parted.predict(LATER))
    assert "forecast: 100%" in capsys.readouterr().err


def test_an_error_names_the_series_of_any_part(forecaster, monkeypatch):
    monkeypatch.setattr("skdyn.estimators._forecast_session._AT_ONCE", 2)
    fitted = forecaster.fit([wave() for _ in range(3)])
    with pytest.raises(ValueError, match="series 2: t = 1e\\+06 is too far ahead"):
        fitted.predict([LATER, LATER, np.array([7.0, 1e6])])
