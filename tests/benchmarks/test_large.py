"""``python -m skdyn.benchmarks large``: systems, measures, and the command on one system."""

import json
import math
import os
import time

import numpy as np
import pytest

from skdyn import FIMODERegressor
from skdyn.benchmarks.__main__ import main
from skdyn.benchmarks.fields import print_ratios
from skdyn.benchmarks.large import field_error, make_job, valid_share
from skdyn.benchmarks.large_systems import load_large_systems
from skdyn.benchmarks.limited import LimitedCalls
from skdyn.benchmarks.protocol import Setting
from skdyn.exceptions import TrajectoryError

SYSTEMS = {system.name: system for system in load_large_systems()}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_fields_are_of_each_state_alone(system):
    states = np.stack([system.start(np.random.default_rng(seed)) for seed in range(3)])
    assert states.shape == (3, system.dim)
    assert system.name.endswith(f"-{system.dim}")
    fields = system.field(states)
    for state, field in zip(states, fields):
        np.testing.assert_allclose(system.field(state), field, rtol=1e-12, atol=1e-12)
    assert np.isfinite(fields).all()
    assert (np.abs(fields).max(axis=0) > 0).all()


@pytest.mark.parametrize(
    ("name", "state", "derivative"),
    [
        ("lorenz96-5", [1, 2, 3, 4, 5], [-3, 4, 11, 13, -5]),
        ("goodwin-4", [1, 1, 1, 1], [0, 0, 0, 0]),
        ("epidemic-5", [0.5, 0.1, 0.2, 0.1, 0.1], [-0.14, 0.1, -0.03, 0.0, 0.07]),
        ("repressilator-6", [1, 2, 3, 1, 2, 3], [20 / 10 - 0.8, 20 / 2 - 1.8, 20 / 5 - 2.8, 0, 0, 0]),
        ("brusselators-4", [1, 2.6, 1, 2.8], [0, 0.05 * 0.4, 0, -0.05 * 0.4]),
        ("ring-6", [1, 1, 0, 0, 0, 0], [1, -1 - 0.6, 0, 0.3, 0, 0.3]),
    ],
)
def test_fields_by_hand(name, state, derivative):
    np.testing.assert_allclose(SYSTEMS[name].field(np.array(state, dtype=float)), derivative, atol=1e-12)


@pytest.mark.parametrize("name", ["epidemic-5", "epidemic-8"])
def test_nobody_is_lost_in_an_epidemic(name):
    system = SYSTEMS[name]
    state = system.start(np.random.default_rng(0))
    assert abs(system.field(state).sum()) < 1e-12


def test_settings_corrupt_the_same_recordings():
    clean, noisy = (make_job(SYSTEMS["seir-4"], Setting(*s), 0, 2, 40) for s in ((0, 0), (0.05, 0.5)))
    np.testing.assert_array_equal(clean.tests, noisy.tests)
    assert clean.tests.shape == (2, 40, 4)
    assert [len(x) for x in clean.observed.states] == [40, 40]
    assert [len(x) for x in noisy.observed.states] == [20, 20]
    ratio = noisy.observed.states[0] / clean.observed.states[0][np.isin(clean.times, noisy.observed.times[0])]
    assert 0.02 < ratio.std() < 0.1
    assert not np.array_equal(make_job(SYSTEMS["seir-4"], Setting(0, 0), 1, 2, 40).tests, clean.tests)


def test_measures():
    job = make_job(SYSTEMS["goodwin-4"], Setting(0, 0), 0, 1, 40)
    assert field_error(job.system.field, job) == 0
    assert field_error(lambda points: np.zeros_like(points), job) == pytest.approx(1)

    def refuse(points):
        raise ValueError

    assert field_error(refuse, job) == np.inf
    test = job.tests[0]
    assert valid_share(test, test) == 1
    path = test.copy()
    path[10:] = np.nan
    assert valid_share(path, test) == 10 / 40
    path = test + 0.5 * test.std(axis=0) * (np.arange(40) >= 30)[:, None]
    assert valid_share(path, test) == 30 / 40


def test_ratios_count_failures_as_the_worst(capsys):
    errors = {"a": {1: 1.0, 2: 1.0}, "b": {1: 0.1, 2: math.inf}, "c": {1: math.nan}, "d": {}}
    print_ratios(errors, "a", {1: "x", 2: "y"}, worst=1000.0)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "  b: 10 [0.1, 1e+03]; lower in 1, higher in 1 of 2",
        "  c: 1e+03 [1e+03, 1e+03]; lower in 0, higher in 1 of 1",
        "  d: no case that both answered",
    ]


def test_the_command_prints_and_writes(monkeypatch, tmp_path, capsys):
    def refuse(self, context):
        raise TrajectoryError("too many variables")

    monkeypatch.setattr(FIMODERegressor, "_fit", refuse)
    path = tmp_path / "cases.json"
    arguments = ["--systems", "seir-4", "--trajectories", "2", "--points", "30", "--seeds", "0", "--settings", "0,0"]
    arguments += ["--estimators", "fim-ode,sparse-ode", "--params", '{"sparse-ode": {"max_degree": 2}}']
    assert main(["large", *arguments, "--reference", "sparse-ode", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "fim-ode gave no answer: too many variables" in out
    row = next(line.split() for line in out.splitlines() if line.startswith("seir-4"))
    assert row[1] == "refused"
    assert float(row[2]) < 0.01
    refused, answered = json.loads(path.read_text())["cases"]
    assert (refused["outcome"], refused["field_error"]) == ("refused", None)
    assert answered["valid"] == 1


def test_unknown_systems(capsys):
    assert main(["large", "--systems", "sun"]) == 1
    assert "--systems: expected some of" in capsys.readouterr().err


@pytest.mark.slow
def test_calls_with_a_limit():
    limited = LimitedCalls(2.0)
    try:
        assert limited(math.sqrt, 4.0) == 2.0
        process = limited(os.getpid)
        assert process != os.getpid()
        with pytest.raises(RuntimeError, match="ValueError: "):
            limited(math.sqrt, -1.0)
        assert limited(os.getpid) == process
        with pytest.raises(TimeoutError, match="more than 2 s"):
            limited(time.sleep, 60)
        assert limited(os.getpid) != process
    finally:
        limited.close()
