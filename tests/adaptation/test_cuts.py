"""Fine-tuning on cuts of the series."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import torch

from skdyn import LASSODEForecaster, Trajectories
from skdyn.adaptation import CutSettings
from skdyn.adaptation.cuts import CutTraining, _draw, train_on_cuts, with_factors
from skdyn.exceptions import TrajectoryError
from skdyn.models.weights import load_model
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, load_low_rank_state

SETTINGS = CutSettings(rank=2, epochs=3, lr=1e-2)


@pytest.fixture(scope="module")
def folder(request):
    return request.path.parents[1] / "dummy" / "lass-ode-tiny"


@pytest.fixture(scope="module")
def network(folder):
    return load_model(folder).network


def waves(count=3, points=60):
    rng = np.random.default_rng(0)
    t = np.linspace(0, 12, points)
    return [(t, np.column_stack([np.cos(t + p), np.sin(t + p)])) for p in rng.uniform(0, 6, count)]


@pytest.fixture(scope="module")
def tuned(network):
    before = copy.deepcopy(network.state_dict())
    result = train_on_cuts(network, Trajectories(waves()), SETTINGS)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items()), "the base was changed"
    return result


def forecast(network, series):
    from skdyn.forecasting.curve import Curve

    return Curve(network, *series, 18.0).values(np.linspace(12.5, 18, 9))


def test_updates_change_nothing_at_the_start(network):
    adapted = add_low_rank(network, attention_projections(network), 4, 8.0)
    initialise(adapted, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(forecast(adapted, waves(1)[0]), forecast(network, waves(1)[0]))


def test_fine_tuning_helps_on_held_out_ends(tuned):
    state, record = tuned
    error = record["held_out_error"]
    assert error["chosen"] < error["start"]
    assert error["chosen"] == min(error["curve"])
    assert record["epochs"] == int(np.argmin(error["curve"]))
    assert all(factor.shape[0] == 2 for name, factor in state.items() if name.endswith(".down"))


def test_merged_answers_as_unmerged(network, tuned):
    state, _ = tuned
    adapted = add_low_rank(network, attention_projections(network), 2, 4.0)
    load_low_rank_state(adapted, state)
    expected = forecast(adapted, waves(1)[0])
    assert np.abs(expected - forecast(network, waves(1)[0])).max() > 1e-4
    np.testing.assert_allclose(forecast(with_factors(network, state), waves(1)[0]), expected, atol=1e-5)


def test_the_same_seed_gives_the_same_factors(network, tuned):
    again, record = train_on_cuts(network, Trajectories(waves()), SETTINGS)
    assert all(torch.equal(factor, again[name]) for name, factor in tuned[0].items())
    assert record["loss"] == tuned[1]["loss"]
    other = CutTraining(network, waves(), dataclasses.replace(SETTINGS, seed=2))
    assert other.step() != record["loss"]["search"][0]


def test_the_checks_are_of_the_factors_as_they_are(network):
    """Their average is not delayed, so that the kept ones are those that were checked."""
    training = CutTraining(network, waves(), SETTINGS)
    training.step()
    for name, value in training.low_rank.average.items():
        assert torch.equal(value, training.low_rank.network.get_parameter(name).detach())


def test_cuts_leave_enough_before_and_something_after():
    rng = np.random.default_rng(0)
    for _ in range(20):
        for task in _draw(waves(2, 25), rng):
            assert (task.prefix[2].sum(axis=1) >= 3).all()
            assert task.times[-1] > task.cut >= task.times[0]


def test_gaps_many_channels_and_short_series(network):
    t = np.linspace(0, 9, 40)
    wide = np.sin(t[:, None] + np.arange(12))
    wide[5:9, 3] = np.nan
    short = (np.arange(4.0), np.ones((4, 12)))
    _, record = train_on_cuts(network, Trajectories.with_gaps([(t, wide), short]), CutSettings(rank=1, epochs=1))
    assert np.isfinite(record["held_out_error"]["curve"]).all()
    with pytest.raises(TrajectoryError, match="every series is too short to be cut"):
        train_on_cuts(network, Trajectories([np.ones((3, 1))]), SETTINGS)


@pytest.mark.parametrize("origin", [2.0**14, 2.0**21])
def test_it_does_not_matter_where_times_begin(network, origin):
    """Cuts differ in length, and what pads the shorter ones must not be far from their times."""
    times = [np.arange(count) / 4 for count in (60, 50, 40)]  # which stay exact when they are moved
    series = [(t, np.column_stack([np.cos(t), np.sin(t)])) for t in times]
    _, record = train_on_cuts(network, Trajectories(series), SETTINGS)
    _, later = train_on_cuts(network, Trajectories([(t + origin, x) for t, x in series]), SETTINGS)
    assert record["epochs"] > 0
    np.testing.assert_allclose(later["loss"]["search"], record["loss"]["search"], rtol=1e-5)
    assert later["held_out_error"]["curve"] == pytest.approx(record["held_out_error"]["curve"], rel=1e-5)


def test_an_epoch_without_a_step_has_no_loss(network, monkeypatch):
    monkeypatch.setattr("skdyn.adaptation.cuts.descend", lambda *_: False)
    assert np.isnan(CutTraining(network, waves(), SETTINGS).step())


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_the_estimator_keeps_its_fine_tuning(folder):
    options = {"rank": 2, "epochs": 3, "lr": 1e-2}
    plain = LASSODEForecaster(model=folder, device="cpu", ensemble=None).fit(waves())
    tuned = LASSODEForecaster(model=folder, device="cpu", ensemble=None, fine_tune=options).fit(waves())
    assert tuned.fine_tuning_["settings"] == options | {"seed": 0}
    later = np.linspace(12.5, 18, 9)
    assert np.abs(tuned.predict(later) - plain.predict(later)).max() > 1e-4
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(tuned)).predict(later), tuned.predict(later))
    tuned.set_params(fine_tune=None).fit(waves())
    np.testing.assert_array_equal(tuned.predict(later), plain.predict(later))
    assert not hasattr(tuned, "fine_tuning_")


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_a_saved_estimator_is_tuned_alike(folder, tmp_path):
    options = {"rank": 2, "epochs": 2}
    tuned = LASSODEForecaster(model=folder, device="cpu", ensemble=None, fine_tune=options).fit(waves())
    tuned.save(tmp_path)
    loaded = LASSODEForecaster.load(tmp_path)
    assert loaded.fine_tune == {"rank": 2, "epochs": 2}
    np.testing.assert_allclose(loaded.predict(horizon=5), tuned.predict(horizon=5), atol=1e-9)
