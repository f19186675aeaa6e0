"""``python -m skdyn.benchmarks individuals``: systems, measures, textbook equations, and the command."""

import json

import numpy as np
import pytest

from skdyn import SparseODERegressor, Trajectories, Trajectory
from skdyn.benchmarks import individuals_real
from skdyn.benchmarks.__main__ import main
from skdyn.benchmarks.fields import Fit
from skdyn.benchmarks.individual_systems import SYSTEMS
from skdyn.benchmarks.individuals import WITH, WITHOUT, context_of, held_out_error, make_job
from skdyn.benchmarks.textbook import Textbook, limited, logistic, warmed


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_the_covariate_matters_and_nothing_leaves_the_box(system):
    rng = np.random.default_rng(0)
    _, state = system.draw(rng)
    times = np.linspace(0, system.duration, 15)
    low, high = (system.path(covariate, state, times) for covariate in (system.low, system.high))
    assert np.abs(high - low).max() > 0.2 * np.ptp(np.concatenate([low, high]))
    assert min(low.min(), high.min()) > -1e-6


def test_noise_changes_only_what_is_measured():
    clean, noisy = (make_job(SYSTEMS[0], noise, 0) for noise in (0.0, 0.05))
    np.testing.assert_array_equal(clean.paths, noisy.paths)
    np.testing.assert_array_equal(clean.covariates, noisy.covariates)
    assert 0.02 < (noisy.measured / clean.measured - 1).std() < 0.1
    assert context_of(noisy, WITH).parameter_names == ("clearance",)
    assert context_of(noisy, WITHOUT).parameter_names == ()


def test_errors_of_the_truth_and_of_failures():
    job = make_job(SYSTEMS[0], 0.0, 0)
    with_it = SparseODERegressor(library="polynomial").fit(context_of(job, WITH))
    without = SparseODERegressor(library="polynomial").fit(context_of(job, WITHOUT))
    good = held_out_error(Fit(with_it, "", 0.0), job, WITH)
    assert good < 1e-3
    assert held_out_error(Fit(without, "", 0.0), job, WITHOUT) > 20 * good

    class Diverged:
        def simulate(self, x0, t, **given):
            return np.full((len(x0), len(t), 1), np.nan)

    assert held_out_error(Fit(Diverged(), "", 0.0), job, WITHOUT) == 10


@pytest.mark.parametrize(
    ("rates", "numbers", "start"),
    [(logistic, (0.8, 5.0), 0.3), (limited, (0.4, 5.0), 0.3)],
    ids=["logistic", "limited"],
)
def test_textbooks_find_their_own_numbers(rates, numbers, start):
    truth = Textbook(rates, numbers)
    truth.numbers_ = np.array(numbers)
    t = np.linspace(0, 8, 20)
    item = Trajectory(t, np.zeros((20, 1)))
    path = truth.path(np.array([start]), item)
    found = Textbook(rates, (0.3, 8.0)).fit(Trajectories([(t, path)]))
    np.testing.assert_allclose(found.numbers_, numbers, rtol=1e-4)


def test_a_textbook_reads_a_held_input():
    t = np.linspace(0, 6, 40)
    u = (t > 3).astype(float)
    item = Trajectory(t, np.zeros((40, 1)), u=u, input_names=["activity"], interpolation="previous")
    book = Textbook(warmed, (1.0, 1.0, 1.0))
    book.numbers_ = np.array([2.0, 1.0, 3.0])
    path = book.path(np.array([0.0]), item)[:, 0]
    jump = np.flatnonzero(u)[0]
    np.testing.assert_allclose(path[: jump + 1], 1 - np.exp(-2 * t[: jump + 1]), atol=1e-4)
    assert path[-1] == pytest.approx(4, abs=0.1)


def test_what_is_foretold_was_not_seen():
    for table in individuals_real.tables():
        for question in table.questions:
            for seen, asked in individuals_real.splits(table, question):
                assert asked.given == seen.given == table.data.given
                for item in asked:
                    same = [k for k, own in enumerate(seen) if own.id == item.id]
                    if question == individuals_real.LATER:
                        assert seen.times[same[0]][-1] == item[0][0]  # the last that was seen is where it begins
                    else:
                        assert not any(np.array_equal(item[1], x) for x in seen.states)


def test_command(capsys, tmp_path):
    path = tmp_path / "cases.json"
    options = ["--estimators", "sparse-ode", "--systems", "bolus", "--seeds", "0", "--jobs", "1", "--json", str(path)]
    assert main(["individuals", *options, "--params", '{"sparse-ode": {"library": "polynomial"}}']) == 0
    printed = capsys.readouterr().out
    assert "with the covariate / without" in printed
    assert len(json.loads(path.read_text())["cases"]) == 4
    assert main(["individuals", "--systems", "nobody", "--estimators", "sparse-ode"]) == 1
    assert "nobody" in capsys.readouterr().err


def test_real_command(capsys, monkeypatch):
    few = [table for table in individuals_real.tables() if table.name == "orange trees"]
    monkeypatch.setattr(individuals_real, "tables", lambda: few)
    assert main(["individuals", "--real", "--estimators", "fim-ode", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "orange trees, left out" in printed
    assert "last value" in printed
