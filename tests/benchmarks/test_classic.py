"""``python -m skdyn.benchmarks classic``: the tasks, and the command on one of them."""

import functools
import json

import numpy as np
import pytest

import skdyn.adaptation
from skdyn import FIMODERegressor
from skdyn.benchmarks.__main__ import main
from skdyn.benchmarks.classic import make_tasks
from skdyn.benchmarks.classic_tasks import MOTION, MSE, OBSERVED_START, PROJECTED, PUBLISHED, TASKS, make_task
from skdyn.datasets import make_trajectories
from skdyn.exceptions import TrajectoryError


@pytest.mark.parametrize("name", [name for name in TASKS if name not in MOTION])
def test_the_true_field_solves_planar_tasks(name):
    task = make_task(name)
    system = "fitzhugh_nagumo" if name.startswith("fhn") else "van_der_pol"
    paths = np.stack([x for _, x in make_trajectories(system, task.starts, task.times)])
    errors = task.measure(paths)
    assert errors[MSE] < 1e-4  # what the published solver left
    assert errors[OBSERVED_START] > errors[MSE]  # the first observation is noisy
    assert task.measure(np.full_like(paths, np.nan)) == {MSE: np.inf, OBSERVED_START: np.inf}


def test_a_cut_recording_has_the_same_points():
    whole, cut = make_task("fhn"), make_task("fhn-cut")
    assert len(whole.context) == 1
    assert len(cut.context) == 2
    np.testing.assert_array_equal(np.concatenate(cut.context.states), whole.context.states[0])
    assert cut.context.times[0][-1] < cut.times[1] < cut.times[-1] < cut.context.times[1][0]


@pytest.mark.parametrize(("name", "paths", "frames"), [("mocap09-short", 6, 50), ("mocap39-long", 6, 250)])
def test_motion_is_seen_in_scaled_components(name, paths, frames):
    task = make_task(name, 5)
    assert len(task.context) == paths
    assert all(x.shape == (frames, 5) for x in task.context.states)
    states = np.concatenate(make_task("mocap09-long", 5).context.states)
    assert 0.5 < states.std(axis=0).min() < states.std(axis=0).max() < 1.5


def test_no_estimate_is_better_than_the_components():
    three, five = make_task("mocap09-short", 3), make_task("mocap09-short", 5)
    assert three.floor > five.floor > 1
    rng = np.random.default_rng(0)
    paths = rng.normal(size=(2, 120, 3))
    assert three.measure(paths)[MSE] > three.floor
    # With the missing components at their mean, three components are five.
    padded = np.pad(paths, ((0, 0), (0, 0), (0, 2)))
    assert five.measure(padded) == pytest.approx(three.measure(paths))
    # Errors against the angles and against their projection differ by what the projection leaves.
    errors = five.measure(padded)
    assert errors[MSE] == pytest.approx(errors[PROJECTED] + five.floor)
    assert three.measure(np.full_like(paths, np.nan)) == {MSE: np.inf, PROJECTED: np.inf}


def test_components_multiply_tasks_of_motion_alone():
    names = [task.name for task in make_tasks(["fhn", "mocap09-short"], [3, 5])]
    assert names == ["fhn", "mocap09-short", "mocap09-short (5 components)"]


def test_published_rows_are_of_known_tasks():
    assert {row.task for row in PUBLISHED} <= set(TASKS)


def test_the_command_prints_and_writes(tmp_path, capsys):
    path = tmp_path / "cases.json"
    assert main(["classic", "--tasks", "fhn", "--estimators", "sparse-ode,fim-ode:sparse", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "published GP-ODE" in out
    assert "Errors over those of sparse-ode" in out
    assert "fim-ode:sparse: " in out
    cases = json.loads(path.read_text())["cases"]
    assert [(case["estimator"], case["measure"]) for case in cases] == [
        (name, measure) for name in ("sparse-ode", "fim-ode:sparse") for measure in (MSE, OBSERVED_START)
    ]
    assert cases[0]["mse"] < 0.05


def test_what_is_refused_is_printed(monkeypatch, capsys):
    def refuse(self, context):
        raise TrajectoryError("too many variables")

    monkeypatch.setattr(FIMODERegressor, "_fit", refuse)
    assert main(["classic", "--tasks", "mocap09-short", "--estimators", "fim-ode"]) == 0
    out = capsys.readouterr().out
    assert "refused" in out
    assert "fim-ode gave no answer: too many variables" in out
    assert "projection alone" in out


@pytest.mark.slow
def test_adapters_are_rows_of_their_own(monkeypatch, capsys):
    few = functools.partial(skdyn.adaptation.adapt, steps=2, check_every=1, contexts=1, starts=2)
    monkeypatch.setattr(skdyn.adaptation, "adapt", few)
    assert main(["classic", "--tasks", "fhn", "--estimators", "fim-ode", "--adapt", "0,1"]) == 0
    out = capsys.readouterr().out
    assert "fim-ode:adapted, seed 0" in out
    assert "fim-ode:adapted, seed 1: " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "pendulum"], "task: expected one of"),
        (["--components", "6", "--tasks", "mocap09-short"], "components: 1 to 5"),
        (["--estimators", "lass-ode"], "'lass-ode' is not an estimator of an ODE"),
        (["--estimators", "no-such"], "no-such"),
        (["--estimators", "fim-ode", "--reference", "sindy"], "--reference: 'sindy' is none of the rows fim-ode"),
        (["--estimators", "fim-ode", "--params", '{"sparse-ode": {}}'], "'sparse-ode' is none of the estimators"),
    ],
)
def test_wrong_options(arguments, message, capsys):
    assert main(["classic", *arguments]) == 1
    assert message in capsys.readouterr().err
