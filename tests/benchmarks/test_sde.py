"""``python -m skdyn.benchmarks sde`` on short paths: contexts, peers, failures, tables."""

import json
from pathlib import Path

import numpy as np
import pytest

from skdyn.benchmarks import sde, sde_peers, sde_report
from skdyn.benchmarks.__main__ import main
from skdyn.datasets.sde_systems import load_sde_systems
from skdyn.exceptions import TrajectoryError

DUMMY = Path(__file__).parents[1] / "dummy" / "fim-sde-16d"


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(sde, "_PIECES", 12)
    monkeypatch.setattr(sde, "_PIECE", 40)
    monkeypatch.setattr(sde, "_PATH_STEP", 5)


def contexts(name="duffing", steps=(1,), levels=(0.0,), seeds=(0,), points=100, mmd="all", stride=4):
    return list(
        sde.make_contexts(load_sde_systems([name]), list(steps), list(levels), list(seeds), points, mmd, stride)
    )


def test_a_context_does_not_depend_on_what_else_is_asked_for():
    (alone,) = contexts(steps=(5,), levels=(0.1,), seeds=(1,))
    many = contexts(steps=(1, 5, 10), levels=(0.0, 0.1), seeds=(0, 1))
    assert len(many) == 12
    (same,) = [c for c in many if (c.every, c.noise, c.seed) == (5, 0.1, 1)]
    np.testing.assert_array_equal(alone.observed.states[0], same.observed.states[0])
    np.testing.assert_array_equal(alone.reference, same.reference)
    np.testing.assert_allclose(alone.observed.times[0], 0.01 * np.arange(100))


def test_noise_and_thinning_are_of_one_path():
    clean, noisy, thinned = contexts(steps=(1, 5), levels=(0.0, 0.1))[:3]
    np.testing.assert_array_equal(thinned.observed.states[0][:20], clean.observed.states[0][::5])
    half_range = np.ptp(clean.observed.states[0], axis=0) / 2
    noise = (noisy.observed.states[0] - clean.observed.states[0]) / half_range
    assert 0.08 < noise.std() < 0.12


def test_which_contexts_are_simulated():
    for mmd, expected in (("none", [False, False]), ("clean", [True, False]), ("all", [True, True])):
        assert [context.mmd is not None for context in contexts(levels=(0.0, 0.1), mmd=mmd)] == expected


def test_the_truth_has_no_error():
    for context in contexts("wang"):
        result = sde.measure("truth", None, context)
        errors = [value for key, value in result._asdict().items() if key.startswith(("drift", "diffusion"))]
        assert errors == [0.0] * 4
        assert -0.3 < result.mmd < 0.1


@pytest.mark.parametrize("peer", sde_peers.PEERS)
def test_peers_learn(peer):
    (context,) = contexts("damped-linear", steps=(10,), points=5000)
    result = sde.measure(peer, sde_peers.PEERS[peer](), context)
    assert result.drift_path_relative < 0.5
    assert result.diffusion_path_relative < 0.05
    assert result.diverged == 0
    truth = sde.measure("truth", None, context)
    assert abs(result.mmd - truth.mmd) < 0.1


@pytest.mark.parametrize("peer", sde_peers.PEERS)
def test_peers_work_in_the_units_of_the_data(peer):
    from skdyn.data.trajectories import Trajectories

    (context,) = contexts(points=600, mmd="none")
    (t,), (x,) = context.observed.times, context.observed.states
    points = x[::50]
    drift, diffusion = sde_peers.PEERS[peer]().fit(context.observed)._coefficients(points)
    scaled = sde_peers.PEERS[peer]().fit(Trajectories([(4 * t, [2, 3] * x + 1)]))
    moved = scaled._coefficients([2, 3] * points + 1)
    np.testing.assert_allclose(moved[0], [2, 3] * drift / 4, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(moved[1], [2, 3] * diffusion / 2, rtol=1e-3, atol=1e-3)


def test_bins_hold_means_and_deviations_of_their_own_moves():
    rng = np.random.default_rng(0)
    start = np.repeat([[0.1], [0.9]], 5, axis=0)
    data = sde_peers.Transitions(start, rng.normal(size=(10, 1)), np.full((10, 1), 0.25))
    drift, diffusion = sde_peers._binned(data, 4)(np.array([[-7.0], [0.2], [0.8]]))
    left, right = data.moved[:5], data.moved[5:]
    np.testing.assert_allclose(drift[:, 0], [left.mean() * 4, left.mean() * 4, right.mean() * 4])
    np.testing.assert_allclose(diffusion[:, 0], 2 * np.array([left.std(ddof=1), left.std(ddof=1), right.std(ddof=1)]))


class Explosive:
    def fit(self, observed):
        return self

    def _coefficients(self, points):
        return 1e6 * points, np.ones_like(points)


class Refusing(Explosive):
    def fit(self, observed):
        raise TrajectoryError("no")


def test_diverging_paths_are_counted():
    (context,) = contexts()
    result = sde.measure("explosive", Explosive(), context)
    assert np.isnan(result.mmd)
    assert result.diverged == 12
    assert result.drift_grid > 1e9


def test_what_an_estimator_refuses_it_fails():
    (context,) = contexts()
    with pytest.warns(UserWarning, match="refusing, duffing: no"):
        result = sde.measure("refusing", Refusing(), context)
    assert np.isnan([result.drift_grid, result.diffusion_path_relative, result.mmd]).all()


def test_behind_means_by_more_than_the_standard_error():
    ours, nan = np.array([1.0, 2.0, 3.0]), np.nan
    assert sde_report.is_behind(ours, ours - 0.1)
    assert not sde_report.is_behind(ours - 0.1, ours)
    assert not sde_report.is_behind(ours, ours)
    assert not sde_report.is_behind(ours, np.array([1.0, 1.0, 3.9]))
    assert sde_report.is_behind(np.array([nan, 1.0, 1.0]), ours)
    assert not sde_report.is_behind(ours, np.array([nan, 1.0, 1.0]))
    assert not sde_report.is_behind(np.array([nan]), np.array([nan]))


def test_run_prints_writes_and_draws(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sde_peers.PEERS, "explosive", Explosive)
    arguments = [
        "sde",
        "--estimators",
        "fim-sde,kramers-moyal,explosive,truth",
        "--params",
        json.dumps({"model": str(DUMMY)}),
    ]
    arguments += ["--systems", "hopf,double-well", "--every", "1,5", "--noise", "0,0.1", "--seeds", "0,1"]
    arguments += [
        "--groups",
        "paths",
        "--points",
        "120",
        "--json",
        str(tmp_path / "cases.json"),
        "--plot",
        str(tmp_path / "errors.png"),
    ]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "Where fim-sde is behind kramers-moyal" in out
    assert "behind truth" not in out
    assert "tau = 0.01, noise = 0.1" in out
    rows = [line for line in out.splitlines() if line.startswith("hopf ")]
    assert [row.split()[-2] == "failed" for row in rows] == [True, False, True, False]  # no MMD with noise
    content = json.loads((tmp_path / "cases.json").read_text())
    assert content["estimators"]["fim-sde"]["model"] == str(DUMMY)
    assert len(content["cases"]) == 4 * 2 * 2 * 2 * 2
    by_name = {name: [c for c in content["cases"] if c["estimator"] == name] for name in content["estimators"]}
    assert {case["drift_grid"] for case in by_name["truth"]} == {0.0}
    assert {case["diverged"] for case in by_name["explosive"] if case["noise"] == 0} == {12}
    assert all(np.isfinite(case["drift_grid"]) for case in by_name["fim-sde"])
    assert (tmp_path / "errors.png").read_bytes()[:4] == b"\x89PNG"


def test_quick_means_fewer_settings(capsys):
    assert (
        main(
            [
                "sde",
                "--quick",
                "--estimators",
                "kramers-moyal",
                "--systems",
                "hopf",
                "--points",
                "60",
                "--groups",
                "paths",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("tau = ")] == [
        "tau = 0.002, noise = 0",
        "tau = 0.02, noise = 0",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--systems", "brusselator"], "no stochastic system 'brusselator'"),
        (["--estimators", "no-such"], "no-such"),
        (["--groups", "paths,long"], "no group of contexts 'long'"),
        (["--mmd-stride", "0"], "--mmd-stride must be from 1 to"),
    ],
)
def test_bad_options(arguments, message, capsys):
    assert main(["sde", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_the_truth_alone_is_a_yardstick(tmp_path, capsys):
    path = tmp_path / "truth.json"
    command = [
        "sde",
        "--estimators",
        "truth",
        "--systems",
        "double-well",
        "--every",
        "1",
        "--noise",
        "0",
        "--seeds",
        "0",
    ]
    assert main([*command, "--mmd", "none", "--points", "50", "--groups", "paths", "--json", str(path)]) == 0
    assert [case["estimator"] for case in json.loads(path.read_text())["cases"]] == ["truth"]
