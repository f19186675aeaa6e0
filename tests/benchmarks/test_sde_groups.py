"""Groups of other contexts, and recordings, in ``python -m skdyn.benchmarks sde``."""

import numpy as np
import pytest

from skdyn import Trajectories
from skdyn.benchmarks import sde_groups, sde_real
from skdyn.benchmarks.real_series import Recorded
from skdyn.benchmarks.sde_groups import ORNSTEIN_UHLENBECK, SETTINGS, Case, make_windows, measure_windows, print_groups
from skdyn.benchmarks.sde_peers import PEERS
from skdyn.benchmarks.sde_real import AutoregressionWithNoise
from skdyn.datasets.sde_systems import load_sde_systems
from skdyn.exceptions import TrajectoryError


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(sde_groups, "_REFERENCE", 2000)


def test_contexts_are_as_their_settings_say():
    systems = (*load_sde_systems(["duffing"]), ORNSTEIN_UHLENBECK)
    made = list(make_windows(systems, ["short", "irregular"], [0, 1]))
    chosen = [setting for setting in SETTINGS if setting.group != "noise"]
    assert len(made) == 2 * 2 * len(chosen)
    for windows in made:
        assert len(windows.observed) == windows.setting.paths
        assert {len(t) for t in windows.observed.times} == {windows.setting.points}
        steps = np.concatenate([np.diff(t) for t in windows.observed.times])
        assert (np.ptp(steps) > 1e-9) == windows.setting.irregular
        assert abs(steps.mean() / (sde_groups.DT * windows.setting.every) - 1) < 0.3


def test_a_context_depends_on_its_own_system_setting_and_seed_only():
    alone = list(make_windows((ORNSTEIN_UHLENBECK,), ["noise"], [1]))
    among = list(make_windows((*load_sde_systems(["hopf"]), ORNSTEIN_UHLENBECK), ["short", "noise"], [0, 1]))
    for windows in alone:
        (same,) = [w for w in among if (w.system.name, w.setting, w.seed) == ("ornstein-uhlenbeck", windows.setting, 1)]
        np.testing.assert_array_equal(np.concatenate(same.observed.states), np.concatenate(windows.observed.states))
        np.testing.assert_array_equal(same.path, windows.path)


class Truth:
    def fit(self, observed):
        return self

    def _coefficients(self, points):
        return ORNSTEIN_UHLENBECK.drift_diffusion(points)

    def diffusion(self, points, return_std):
        return np.full_like(points, 0.3), np.full_like(points, 0.1)


class TruthWithoutErrors(Truth):
    def diffusion(self, points, return_std):
        raise ValueError("TruthWithoutErrors does not predict the error of its diffusion")


def test_an_estimator_that_predicts_no_error_has_no_coverage():
    windows = next(iter(make_windows((ORNSTEIN_UHLENBECK,), ["short"], [0])))
    case = measure_windows("truth", TruthWithoutErrors(), windows)
    assert (case.drift, case.diffusion, case.covered) == (0.0, 0.0, None)


def test_the_first_is_ahead_where_all_others_failed(capsys):
    cases = [Case("first", "a", "set", 0, 0.1, 0.1, None), Case("second", "a", "set", 0, np.nan, np.nan, None)]
    print_groups(cases, ["first", "second"])
    assert "first has the least mean error in 2 of 2 cells" in capsys.readouterr().out


class Refuses:
    def fit(self, observed):
        raise TrajectoryError("no motion")


def test_errors_and_failures():
    windows = next(iter(make_windows((ORNSTEIN_UHLENBECK,), ["short"], [0])))
    truth = measure_windows("truth", Truth(), windows)
    assert (truth.drift, truth.diffusion, truth.covered) == (0.0, 0.0, 1.0)
    assert np.isnan(measure_windows("no", Refuses(), windows).drift)
    assert measure_windows("peer", PEERS["kramers-moyal"](), windows).diffusion > 0


def test_the_table_counts_and_names_losses(capsys):
    cases = [
        Case("ours", system, "short 5 x 10, tau 0.1", seed, drift, 0.1, 0.9)
        for system, drift in (("hopf", 0.1), ("wang", 0.5))
        for seed in (0, 1)
    ] + [
        Case("peer", system, "short 5 x 10, tau 0.1", seed, 0.2, 0.4, None)
        for system in ("hopf", "wang")
        for seed in (0, 1)
    ]
    print_groups(cases, ["ours", "peer"])
    said = capsys.readouterr().out
    assert "ours has the least mean error in 3 of 4 cells" in said
    assert "drift, short 5 x 10, tau 0.1: wang" in said
    assert "0.90" in said


def autoregression(noise, points=400, seed=0):
    rng = np.random.default_rng(seed)
    x = np.zeros(points)
    for i in range(1, points):
        x[i] = 0.8 * x[i - 1] + 0.6 * rng.normal()
    return Trajectories([(np.arange(float(points)), (x + noise * rng.normal(size=points))[:, None])])


def test_the_simple_models_are_fitted_by_likelihood():
    clean, noisy = autoregression(0.0), autoregression(0.7)
    exact = AutoregressionWithNoise(reverting=True, noisy=False).fit(clean)
    decay = np.exp(-np.exp(exact.parameters_[2]))
    assert abs(decay - 0.8) < 0.07
    x = clean.states[0][:, 0]
    left = x[1:] - decay * x[:-1]
    assert abs(exact.score(clean) + 0.5 * (np.log(2 * np.pi * left.var()) + 1)) < 0.01
    plain, other = (AutoregressionWithNoise(reverting=True, noisy=n).fit(noisy).score(noisy) for n in (False, True))
    assert other > plain + 0.005
    assert AutoregressionWithNoise(reverting=False, noisy=False).fit(clean).score(clean) < exact.score(clean)


def test_recordings_are_split_twice_and_losses_shown(monkeypatch, capsys, tmp_path):
    series = Recorded("walk", 1, autoregression(0.0, points=150).states[0][:, 0])
    monkeypatch.setattr(sde_real, "_recorded", lambda: [series])
    found = list(sde_real.splits())
    assert [(split.series, split.name) for split in found] == [
        ("walk", "last fifth"), ("walk", "windows"), ("walk, half", "last fifth"), ("walk, half", "windows"),
    ]  # fmt: skip
    first, windows = found[:2]
    assert first.held_out.times[0][0] == first.context.times[0][-1]
    assert len(windows.context) + len(windows.held_out) == 15
    assert {len(t) for t in windows.held_out.times} == {10}
    monkeypatch.setattr(sde_real, "make_estimator", lambda name, **params: AutoregressionWithNoise(False, False))
    assert sde_real.run_real("fim-sde", {}, tmp_path / "real.json") == 0
    said = capsys.readouterr().out
    assert "fim-sde is ahead of every simple model in 0 of 4 splits" in said
    assert (tmp_path / "real.json").is_file()
