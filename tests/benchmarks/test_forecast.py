import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from skdyn.benchmarks import __main__, forecast
from skdyn.benchmarks.forecast import evaluate, print_table
from skdyn.benchmarks.forecast_baselines import BASELINES, Baseline, last_value, on_grid, quietly
from skdyn.benchmarks.forecast_cases import CLIP, RATIOS, SETTINGS, Setting, make_cases
from skdyn.benchmarks.forecast_pool import backtest_case, blend, bounded, select

DUMMY = str(Path(__file__).parent.parent / "dummy" / "lass-ode-tiny")
CLEAN, NOISY, DROPPED = SETTINGS


@pytest.fixture(scope="module")
def cases():
    return list(make_cases("hopf", CLEAN, 2))


def test_cases(cases):
    assert [(case.series, case.ratio) for case in cases] == [(k, r) for k in (0, 1) for r in RATIOS]
    for case in cases:
        total = len(case.times) + len(case.future)
        assert 100 <= total <= 200
        assert len(case.times) == round(case.ratio * total)
        assert case.times[-1] < case.future[0]
        whole = np.concatenate([case.values, case.truth])
        np.testing.assert_allclose(case.middle + case.half_range, whole.max(axis=0))
        np.testing.assert_allclose(case.middle - case.half_range, whole.min(axis=0))
    again = list(make_cases("hopf", CLEAN, 2))
    assert all(np.array_equal(a.values, b.values) for a, b in zip(cases, again, strict=True))
    assert make_cases("duffing", CLEAN, 1).__next__().split == "zero-shot"


def test_corruption_is_of_the_prefix_alone(cases):
    noisy, dropped = (list(make_cases("hopf", setting, 2)) for setting in (NOISY, DROPPED))
    for clean, other in zip(cases, noisy, strict=True):
        assert np.array_equal(clean.truth, other.truth)
        relative = (other.values - clean.values) / (2 * clean.half_range)
        assert 0.03 < relative.std() < 0.07
    for clean, other in zip(cases, dropped, strict=True):
        assert 0.4 < len(other.times) / len(clean.times) < 0.8
        assert set(other.times) <= set(clean.times)
        assert np.array_equal(clean.truth, other.truth)
    # One corruption of a recording, cut at each ratio.
    assert np.array_equal(noisy[0].values, noisy[1].values[: len(noisy[0].values)])


def test_errors(cases):
    case = cases[0]
    assert case.error(case.truth) == 0
    assert case.error(case.truth + 0.1 * case.half_range) == pytest.approx(0.01)
    middle = np.broadcast_to(case.middle, case.truth.shape)
    assert 0 < case.error(middle) < 1
    wild = np.where(np.arange(2) == 0, np.nan, np.inf) * np.ones_like(case.truth)
    assert (CLIP - 1) ** 2 <= case.error(wild) <= (CLIP + 1) ** 2
    constant = dataclasses.replace(case, half_range=case.half_range * [1.0, 0.0])
    off = case.truth + np.array([0.0, 1.0])
    assert constant.error(off) == 0


def test_trivial_forecasts():
    t, x, future = np.arange(4.0), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0], [7.0, 2.0]]), np.arange(4.0, 7.0)
    assert last_value(t, x, future).tolist() == [[7.0, 2.0]] * 3
    assert BASELINES["mean"].forecast(t, x, future).tolist() == [[4.0, 2.0]] * 3
    assert BASELINES["last-value"].forecast(t, x, future).tolist() == [[7.0, 2.0]] * 3


def test_grids_lose_nothing_on_even_times_and_interpolate_others():
    line = on_grid(
        lambda values, step, count: values[-1] + np.arange(1, count + 1)[:, None] * np.diff(values, axis=0)[-1]
    )
    t = np.linspace(3.0, 5.0, 21)
    np.testing.assert_allclose(line(t[:15], 2 * t[:15, None], t[15:])[:, 0], 2 * t[15:])
    uneven = np.delete(t, [2, 5, 6, 11])[:12]
    future = np.array([4.73, 4.9, 5.0])
    np.testing.assert_allclose(line(uneven, 2 * uneven[:, None], future)[:, 0], 2 * future)


def test_what_fails_falls_back_to_the_last_value():
    def broken(times, values, future):
        raise np.linalg.LinAlgError("no")

    forecast = quietly(broken, np.arange(3.0), np.eye(3), np.arange(3.0, 5.0))
    assert forecast.tolist() == [[0, 0, 1]] * 2


@pytest.mark.parametrize("name", [name for name in BASELINES if BASELINES[name].installed])
def test_every_installed_baseline_answers(cases, name):
    case = cases[1]
    forecast = quietly(BASELINES[name].forecast, case.times, case.values, case.future)
    assert forecast.shape == case.truth.shape
    assert np.isfinite(forecast).all()


def test_pooling(cases):
    case = cases[0]
    inner = backtest_case(case)
    assert len(inner.times) + len(inner.future) == len(case.times)
    assert np.array_equal(np.concatenate([inner.values, inner.truth]), case.values)  # nothing but the prefix
    forecasts = {"good": case.truth, "bad": case.truth + 1.0}
    errors = {"good": 0.0, "bad": 1.0}
    assert select(forecasts, errors) is case.truth
    np.testing.assert_allclose(blend(forecasts, errors), case.truth, atol=2e-4)
    np.testing.assert_allclose(blend(forecasts, {"good": 0.5, "bad": 0.5}), case.truth + 0.5)


def test_what_runs_away_is_held_near_the_prefix(cases):
    case = cases[0]
    middle = np.broadcast_to((case.values.min(axis=0) + case.values.max(axis=0)) / 2, case.truth.shape)
    half = np.ptp(case.values, axis=0) / 2
    held = bounded(case, {"up": middle + np.inf, "far": middle - 1e6, "near": middle + half})
    np.testing.assert_array_equal(held["up"], middle)
    np.testing.assert_allclose(held["far"], middle - 2 * half)
    np.testing.assert_allclose(held["near"], middle + half)


@pytest.mark.slow
def test_evaluate(cases, capsys):
    results = evaluate(cases, ["last-value", "parrot"], DUMMY, ensembles=["auto"])
    methods = ["last-value", "parrot", "lass-ode", "blend", "select", "blend+model", "lass-ode, auto"]
    assert [r.method for r in results[:: len(cases)]] == methods
    assert len(results) == len(methods) * len(cases)
    for result in results:
        assert 0 <= result.unseen_true <= (CLIP + 1) ** 2
        assert result.full_true == pytest.approx(result.unseen_true * (1 - result.ratio))
    parrots = [r.unseen_true for r in results if r.method == "parrot"]
    assert parrots == [case.error(BASELINES["parrot"].forecast(case.times, case.values, case.future)) for case in cases]
    print_table(results, CLEAN)
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if line.startswith("parrot"))
    assert f"{100 * np.mean(parrots):.2f}" in row
    assert "in-domain, 2 recordings" in printed


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        forecast, "split_families", lambda split: {"in-domain": ("logistic",), "zero-shot": ("sir",)}[split]
    )
    monkeypatch.setitem(BASELINES, "absent", Baseline(last_value, "no_such_package"))
    arguments = ["forecast", "--model", DUMMY, "--methods", "last-value,absent", "--quick", "--series", "1"]
    assert __main__.main([*arguments, "--json", str(tmp_path / "cases.json")]) == 0
    printed = capsys.readouterr().out
    assert "absent: skipped, because no_such_package is not installed" in printed
    assert "zero-shot, 1 recordings" in printed
    rows = json.loads((tmp_path / "cases.json").read_text())["cases"]
    assert {row["family"] for row in rows} == {"logistic", "sir"}
    assert {(row["noise"], row["dropped"]) for row in rows} == {(0.0, 0.0)}
    assert __main__.main(["forecast", "--methods", "chronos"]) == 1
    assert "unknown method 'chronos'" in capsys.readouterr().err


def test_an_unknown_split_is_named(capsys):
    assert __main__.main(["forecast", "--methods", "last-value", "--splits", "in-domain,held-out"]) == 1
    assert "unknown split 'held-out'" in capsys.readouterr().err


def test_settings_are_read():
    parser = argparse.ArgumentParser()
    forecast.add_arguments(parser)
    assert parser.parse_args(["--settings", ".05,0.4", "0,0"]).settings == [Setting(0.05, 0.4), CLEAN]


@pytest.mark.parametrize("family", ["van_der_pol", "brusselator"])
def test_the_bundled_model_is_better_than_repeating(family):
    results = evaluate(list(make_cases(family, CLEAN, 3)), ["last-value", "mean"], pool=False)
    mean = {name: np.mean([r.unseen_true for r in results if r.method == name]) for name in {r.method for r in results}}
    assert mean["lass-ode"] < 0.7 * min(mean["last-value"], mean["mean"])
    coverage = np.mean([r.coverage for r in results if r.method == "lass-ode"])
    assert 0.4 < coverage < 0.99
