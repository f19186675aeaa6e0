"""The benchmark of known inputs."""

import numpy as np
import pytest
from sklearn.base import clone

from skdyn import FIMODERegressor, SparseODERegressor
from skdyn.benchmarks.forced import SETTINGS, evaluate, load_forced, make_jobs
from skdyn.datasets.odebench import odebench_times


def test_paths_obey_the_forced_equations():
    """Where the input moves little, slopes exceed the free rates by the input, or by it times the rates."""
    t = odebench_times()
    for forced in load_forced((1,)):
        assert np.isfinite(forced.paths).all()
        for values, path in zip(forced.values, forced.paths, strict=True):
            rates = forced.system.field(path)[:, 0]
            still = np.flatnonzero(np.abs(np.diff(values)) < 0.05)
            free = (rates[still] + rates[still + 1]) / 2
            extra = np.diff(path[:, 0])[still] / np.diff(t)[still] - free
            expected = (values[still] + values[still + 1]) / 2 * (free if forced.multiplied else 1.0)
            assert np.corrcoef(extra, expected)[0, 1] > 0.95, forced.system.name


def test_inputs_are_the_same_in_every_run_and_known_without_noise():
    jobs = list(make_jobs(SETTINGS[1], 0, (1,)))
    assert len(jobs) == 46
    for job in jobs[:6]:
        np.testing.assert_array_equal(job.observed.inputs[0][:, 0], job.forced.values[job.context])
        assert job.observed.given.holds == job.forced.holds[job.context]
        assert not np.array_equal(job.observed.states[0], job.forced.paths[job.context])


@pytest.mark.slow
def test_together_and_one_by_one_agree(monkeypatch):
    """FIM-ODE's batches, and fits one by one, score alike."""
    import skdyn.benchmarks.forced as benchmark

    few = benchmark.load_forced((1,))[1:2]
    monkeypatch.setattr(benchmark, "load_forced", lambda dims: few)
    together = evaluate(FIMODERegressor(), SETTINGS[:1], dims=(1,))
    single = [
        result
        for job in make_jobs(SETTINGS[0], 0, (1,))
        for paths in benchmark._single(clone(FIMODERegressor()), [job])[0]
        for result in benchmark.results_of(job, paths, 0.0)
    ]
    assert [r[:7] for r in together] == [r[:7] for r in single]
    np.testing.assert_allclose([r.r2 for r in together], [r.r2 for r in single], atol=1e-3)
    assert len(evaluate(SparseODERegressor(), SETTINGS[:1], dims=(1,))) == len(together)
