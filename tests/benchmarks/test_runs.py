"""The commands of ``python -m skdyn.benchmarks``, on two systems."""

import json

import numpy as np
import pytest

from skdyn import FIMODERegressor
from skdyn.benchmarks import calibration, odebench
from skdyn.benchmarks.__main__ import main
from skdyn.benchmarks.options import write_cases
from skdyn.benchmarks.protocol import Setting
from skdyn.datasets.odebench import load_odebench


@pytest.fixture(autouse=True)
def _two_systems(monkeypatch):
    chosen = {1: load_odebench((1,))[:1], 2: load_odebench((2,))[:1]}
    few = lambda dims: tuple(system for dim in dims for system in chosen.get(dim, ()))  # noqa: E731
    monkeypatch.setattr(odebench, "load_odebench", few)


def test_short_steps_bring_the_truth_back_onto_chaotic_paths(monkeypatch):
    chosen = tuple(system for system in load_odebench((3,)) if system.name == "Lorenz system, standard parameters")
    monkeypatch.setattr(odebench, "load_odebench", lambda dims: chosen)
    shares = [odebench.followed_by_the_truth((3,), substeps) for substeps in (2, 8)]
    assert shares == [0.0, 100.0]


@pytest.mark.slow
def test_batched_and_single_fits_agree():
    setting = Setting(0.05, 0.5)
    jobs = list(odebench.make_jobs(setting, 0, (2,)))
    estimator = FIMODERegressor(device="cpu")
    batched, _ = odebench._batched(estimator, jobs, 2)
    single = np.concatenate([odebench._single(estimator, [job], 2)[0] for job in jobs])
    np.testing.assert_allclose(batched, single, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_fields_that_a_choice_keeps_are_integrated_at_once(monkeypatch):
    jobs = list(odebench.make_jobs(Setting(0.05, 0.5), 0, (2,)))
    estimator = FIMODERegressor(device="cpu", refine="auto")
    kept = iter([True, False])
    monkeypatch.setattr(FIMODERegressor, "_is_surer", lambda *_: next(kept))
    together, _ = odebench._single(estimator, jobs, 1)
    monkeypatch.setattr(FIMODERegressor, "_is_surer", lambda *_: True)
    searched = odebench._single(estimator, jobs[:1], 1)[0][0]
    one_pass = odebench._batched(estimator, jobs[1:], 1)[0][0]
    np.testing.assert_array_equal(together[0], searched)
    np.testing.assert_array_equal(together[1], one_pass)


def test_odebench_prints_writes_and_compares(tmp_path, capsys):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    settings = ["--settings", "0,0", "0.05,0.5", "--seeds", "1", "--substeps", "1"]
    assert main(["odebench", *settings, "--json", str(first)]) == 0
    out = capsys.readouterr().out
    assert "published FIM-ODE" in out
    assert "The true equations, integrated in the same way: 100.0% of the paths" in out
    cases = json.loads(first.read_text())["cases"]
    assert len(cases) == 2 * 2 * 2 * 2  # settings, systems, contexts, tasks
    assert {case["task"] for case in cases} == {"reconstruction", "generalization"}
    assert max(case["r2"] for case in cases) > 0.99
    quick = ["--estimator", "sparse-ode", "--params", '{"library": {"degree": 2, "functions": false}}']
    assert main(["odebench", *quick, *settings, "--json", str(second), "--compare", str(first)]) == 0
    out = capsys.readouterr().out
    assert "sparse-ode less fim-ode" in out
    assert out.count("McNemar") == 4


@pytest.mark.parametrize(
    ("params", "batched"),
    [
        ({}, True),
        ({"missing": "keep", "query_chunk": 7}, True),
        ({"missing": "drop"}, False),
        ({"adapter": "adapters/mine"}, False),
        ({"max_context": 20}, False),
        ({"refine": "sparse"}, False),
    ],
)
def test_only_one_pass_is_batched(params, batched):
    assert odebench.is_batched(FIMODERegressor(**params)) is batched


def test_cases_of_something_else_are_not_compared(tmp_path):
    path = tmp_path / "cases.json"
    result = odebench.Result("generalization", 0.0, 0.0, 0, 1, 1, 0, 1.0, 0.1)
    for about, case, said in (
        ({"benchmark": "forced"}, {}, "these are cases of forced, not of odebench"),
        ({"benchmark": "odebench"}, {"seed": 1}, "none of its cases is one of these"),
    ):
        write_cases(path, [result._asdict() | case], estimator="other", **about)
        with pytest.raises(ValueError, match=said):
            odebench.print_comparison("one", [result], path, benchmark="odebench")


def test_a_comparison_says_what_else_was_different(tmp_path, capsys):
    path = tmp_path / "cases.json"
    result = odebench.Result("generalization", 0.0, 0.0, 0, 1, 1, 0, 1.0, 0.1)
    write_cases(path, [result._asdict()], estimator="other", benchmark="odebench", substeps=2)
    odebench.print_comparison("one", [result], path, benchmark="odebench", substeps=8)
    assert ", substeps=2)" in capsys.readouterr().out


def test_what_an_estimator_refuses_is_a_failed_case(monkeypatch):
    from skdyn.exceptions import TrajectoryError

    def refuse(self, context):
        raise TrajectoryError("no")

    monkeypatch.setattr(FIMODERegressor, "_fit", refuse)
    (job, *_) = odebench.make_jobs(Setting(0, 0), 0, (1,))
    with pytest.warns(UserWarning, match="system 1, context 0: no"):
        paths, _ = odebench._single(FIMODERegressor(device="cpu"), [job], 2)
    assert np.isnan(paths).all()


def test_calibration_prints_coverage_and_draws(tmp_path, capsys):
    assert main(["calibration", "--plot", str(tmp_path / "curve.png")]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines() if line.startswith(("path", "box"))]
    assert len(rows) == 2 * 2 * 3
    for row in rows:
        shares = [float(share) for share in row[-3:]]
        assert shares == sorted(shares)
        assert shares[0] >= 0
        assert shares[-1] <= 100
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_intervals_hold_their_share_of_a_laplace_distribution():
    draws = np.abs(np.random.default_rng(0).laplace(size=200_000))
    for level in (0.5, 0.8, 0.95):
        assert abs(np.mean(draws < calibration.interval(level)) - level) < 0.005


def test_unknown_estimators_are_an_error(capsys):
    assert main(["odebench", "--estimator", "no-such"]) == 1
    assert "no-such" in capsys.readouterr().err
