import math
from dataclasses import replace

import pytest

from skdyn.benchmarks.__main__ import main
from skdyn.benchmarks.scale import AXES, exponent


def test_exponents():
    assert exponent([10, 100, 1000], [1.0, 10.0, 100.0]) == pytest.approx(1)
    assert exponent([1, 10, 20, 40], [9.0, 1.0, 4.0, 16.0]) == pytest.approx(2)
    assert math.isnan(exponent([10, 100], [0.0, 1.0]))


def test_sizes_grow_and_names_are_different():
    assert len({axis.name for axis in AXES}) == len(AXES)
    for axis in AXES:
        assert list(axis.sizes) == sorted(set(axis.sizes))


@pytest.mark.slow
def test_every_axis_runs_at_a_small_size(capsys, monkeypatch):
    monkeypatch.setattr("skdyn.benchmarks.scale.AXES", [_short(axis) for axis in AXES])
    for axis in AXES:
        assert main(["scale", "--axes", axis.name]) == 0
    assert capsys.readouterr().out.count("exponent") == len(AXES)


@pytest.mark.slow
def test_each_of_several_axes_has_a_process_of_its_own(capfd):
    assert main(["scale", "--axes", "variables", "channels", "--most", "4"]) == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines() if "seconds" in line] == [
        "variables",
        "channels",
    ]


@pytest.mark.slow
def test_a_panel_has_the_same_rows_in_one_process_and_in_two(capsys):
    assert main(["scale", "--panel", "6", "--backends", "alone", "processes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("6 groups of 50 points")
    assert "the same" in lines[-1]


def _short(axis):
    return replace(axis, sizes=(max(2, axis.sizes[0] // 100),))
