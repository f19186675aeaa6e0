"""What the checks of an SDE say of simulated paths."""

import numpy as np
import pytest

from skdyn import FIMCoarseGrainer, FIMSDERegressor, ModelWarning, Trajectories
from skdyn.diagnosis import Diagnosis
from skdyn.diagnosis.sde import relaxations, sde_checks
from tests.estimators.test_stochastic import OrnsteinUhlenbeck

STEP = 0.05


def paths(count=2000, mixing=((1.0, 0.0), (0.0, 1.0)), seed=0):
    rng = np.random.default_rng(seed)
    x = np.zeros((count, 2))
    for i in range(count - 1):
        x[i + 1] = x[i] - STEP * x[i] + np.sqrt(STEP) * np.array(mixing) @ rng.normal(size=2)
    return x


def findings(x):
    checks = sde_checks(Trajectories([(STEP * np.arange(len(x)), x)]))
    return [check.name for check in Diagnosis(tuple(checks)).findings]


def test_sound_paths_pass():
    for seed in range(5):
        assert findings(paths(seed=seed)) == []


def test_each_breach_is_found():
    rng = np.random.default_rng(1)
    x = paths()
    assert findings(x + rng.normal(size=x.shape)) == ["measurement noise"]
    jumps = np.cumsum((rng.random(x.shape) < 0.02) * 3 * rng.normal(size=x.shape), axis=0)
    assert "jumps" in findings(x + jumps)
    assert findings(paths(mixing=((1.0, 0.0), (0.9, 0.44)))) == ["correlated noise"]
    assert "increments" in findings(x[:60])
    assert "relaxations" in findings(x[:110] + np.linspace(0, 20, 110)[:, None])
    t = STEP * np.arange(300)
    assert "smooth paths" in findings(np.column_stack([np.cos(t), np.sin(t)]))


@pytest.mark.parametrize(("points", "count"), [(4, 600), (6, 400), (1200, 2)])
def test_noise_of_the_observation_is_found_in_short_paths_too(points, count):
    rng, t = np.random.default_rng(0), STEP * np.arange(points)
    white = {c.name: c for c in sde_checks(Trajectories([(t, rng.normal(size=(points, 1))) for _ in range(count)]))}
    sound = {c.name: c for c in sde_checks(Trajectories([(t, paths(points, seed=k)) for k in range(count)]))}
    assert white["measurement noise"].evidence == pytest.approx(1.0, abs=0.15)
    assert white["measurement noise"].hopeless
    assert not sound["measurement noise"].failed


@pytest.mark.parametrize("points", [2, 3])
def test_paths_that_are_too_short_to_say_are_not_passed(points):
    t = STEP * np.arange(points)
    checks = {c.name: c.evidence for c in sde_checks(Trajectories([(t, paths(points, seed=k)) for k in range(300)]))}
    assert np.isnan(checks["measurement noise"])
    assert np.isnan(checks["relaxations"])


def test_relaxations_do_not_depend_on_the_order():
    t = STEP * np.arange(200)
    pairs = [(t, np.sin(speed * t)[:, None]) for speed in (0.3, 5.0, 5.0)]
    assert relaxations(Trajectories(pairs)) == pytest.approx(relaxations(Trajectories(pairs[::-1])))
    still = [(t, np.column_stack([x, np.full(200, 0.1)])) for t, x in pairs]
    assert relaxations(Trajectories(still)) == pytest.approx(relaxations(Trajectories(pairs)))


def test_relaxations_are_those_of_paths_with_points_enough():
    rng = np.random.default_rng(0)
    long = [(0.1 * np.arange(400), np.cumsum(rng.normal(size=(400, 1)), axis=0)) for _ in range(5)]
    assert relaxations(Trajectories([*long, (20.0 * np.arange(5), rng.normal(size=(5, 1)))])) > 0


def test_noise_that_the_fit_estimates_is_no_reason_to_warn():
    x = paths() + 3 * np.random.default_rng(2).normal(size=(2000, 2))
    estimator = FIMSDERegressor(device="cpu").fit(x, t=STEP)
    assert (estimator.noise_ > 2).all()
    diagnosis = estimator.diagnose()
    assert diagnosis.adequate
    (finding,) = diagnosis.findings
    assert finding.name == "measurement noise"
    assert "estimated as noise_" in finding.likely
    assert "simulate(observed=True)" in finding.advice


def test_fit_warns_of_noise_that_the_equation_takes_for_its_own():
    white = np.random.default_rng(2).normal(size=(300, 1))
    fast = OrnsteinUhlenbeck(theta=100.0, sigma=np.sqrt(200.0))
    with pytest.warns(
        ModelWarning, match=r"measurement noise: .*; likely noise of the observation, which an SDE takes"
    ):
        fast.fit(white, t=STEP)
    assert fast.noise_ == 0
    assert not fast.diagnose().adequate


def test_noise_must_be_estimated_where_the_data_show_it():
    x = paths()
    x[:, 1] += np.random.default_rng(1).normal(size=2000)
    for found, hopeless in (([0.0, 1.0], False), ([1.0, 0.0], True)):
        checks = {c.name: c for c in sde_checks(Trajectories(x, t=STEP), lambda noise=found: np.array(noise))}
        assert checks["measurement noise"].hopeless == hopeless
    sde_checks(Trajectories(paths(), t=STEP), lambda: pytest.fail("sound paths need no estimate"))


def test_a_grainer_answers_for_its_codes():
    frames = paths(200) @ np.random.default_rng(0).normal(size=(2, 5))
    grainer = FIMCoarseGrainer(max_iter=2, hidden=(4,), random_state=0, device="cpu").fit(frames, t=STEP)
    assert {check.name for check in grainer.diagnose().checks} >= {"increments", "jumps"}


def test_one_variable_shares_its_noise_with_none():
    x = paths()
    assert "correlated noise" in [check.name for check in sde_checks(Trajectories(x))]
    assert "correlated noise" not in [check.name for check in sde_checks(Trajectories(x[:, :1]))]
