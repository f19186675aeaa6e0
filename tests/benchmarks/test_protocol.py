import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn.benchmarks.protocol import (
    PUBLISHED,
    SETTINGS,
    TASKS,
    cases,
    corrupt,
    corruption_rng,
    percent_passed,
    published,
)


def wave(length=200, dim=2):
    t = np.linspace(0.0, 6.0, length)[:, None]
    return np.sin(t + np.arange(dim)) * 10.0 ** np.arange(dim)


def test_settings_and_published_rows():
    assert SETTINGS == ((0, 0), (0.03, 0), (0.05, 0), (0, 0.5), (0.03, 0.5), (0.05, 0.5))
    assert len(PUBLISHED) == len({(row.method, row.task, row.setting) for row in PUBLISHED}) == 10
    for row in PUBLISHED:
        assert row.task in TASKS
        assert row.setting in SETTINGS
        assert 0 < row.percent < 100
        # A percentage of 122 cases, to one decimal.
        assert min(abs(100 * n / 122 - row.percent) for n in range(123)) < 0.051
    assert [row.percent for row in published("generalization", (0.03, 0.0))] == [32.8, 27.9]
    assert published("generalization", (0.0, 0.0)) == ()
    with pytest.raises(ValueError, match=r"^task: "):
        published("forecast", (0.0, 0.0))


def test_cases():
    same, other = cases("reconstruction"), cases("generalization")
    assert len(same) == len(other) == 122
    assert all(case.context == case.target for case in same)
    assert all(case.context == 1 - case.target for case in other)
    assert [(case.system.id, case.target) for case in same] == [(i, k) for i in range(1, 62) for k in (0, 1)]
    assert [(case.system.id, case.target) for case in same] == [(case.system.id, case.target) for case in other]
    assert {case.system.dim for case in cases(dims=(3,))} == {3}
    with pytest.raises(ValueError, match=r"^task: .*'forecast'"):
        cases("forecast")


def test_random_numbers_are_reproducible_and_differ_between_contexts():
    drawn = {
        (number, trajectory, setting, seed): corruption_rng(number, trajectory, setting, seed).integers(2**62)
        for number in (1, 55)
        for trajectory in (0, 1)
        for setting in SETTINGS
        for seed in (0, 1)
    }
    assert len(set(drawn.values())) == len(drawn)
    for key, value in drawn.items():
        assert corruption_rng(*key).integers(2**62) == value
    by_hand = np.random.default_rng(np.random.SeedSequence([7, 55, 1, 50, 500]))
    assert corruption_rng(55, 1, (0.05, 0.5), 7).random() == by_hand.random()


@given(
    length=st.integers(1, 200),
    dim=st.integers(1, 3),
    sigma=st.floats(0, 1),
    rho=st.floats(0, 0.99),
    seed=st.integers(0, 2**32),
)
def test_corruption_keeps_the_right_points(length, dim, sigma, rho, seed):
    x = wave(length, dim)
    if math.floor(round((1 - rho) * length, 9)) == 0:
        with pytest.raises(ValueError, match="leaves none"):
            corrupt(x, sigma, rho, np.random.default_rng(seed))
        return
    kept, noisy = corrupt(x, sigma, rho, np.random.default_rng(seed))
    assert len(kept) == math.floor(round((1 - rho) * length, 9))
    assert noisy.shape == (len(kept), dim)
    assert (np.diff(kept) > 0).all()
    assert kept[0] >= 0
    assert kept[-1] < length
    # Dropping does not disturb the noise: the same points are equally noisy in the complete context.
    everything, complete = corrupt(x, sigma, 0.0, np.random.default_rng(seed))
    np.testing.assert_array_equal(everything, np.arange(length))
    np.testing.assert_array_equal(noisy, complete[kept])


@pytest.mark.parametrize(("rho", "count"), [(0.0, 200), (0.3, 140), (0.5, 100), (0.9, 20), (0.999, 0), (0.33, 134)])
def test_number_of_points_kept(rho, count):
    if count:
        assert len(corrupt(wave(), 0.0, rho, np.random.default_rng(0))[0]) == count
    else:
        with pytest.raises(ValueError, match="leaves none of 200 points"):
            corrupt(wave(), 0.0, rho, np.random.default_rng(0))


def test_no_corruption_is_the_identity():
    kept, noisy = corrupt(wave(), 0.0, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, wave())
    np.testing.assert_array_equal(kept, np.arange(200))


def test_noise_has_the_stated_size_and_every_point_may_go():
    x = np.full((200, 3), 5.0)
    counts = np.zeros(200)
    relative = []
    for seed in range(200):
        kept, noisy = corrupt(x, 0.05, 0.5, corruption_rng(1, 0, (0.05, 0.5), seed))
        counts[kept] += 1
        relative.append(noisy / 5.0 - 1.0)
    assert np.std(relative) == pytest.approx(0.05, rel=0.02)
    assert abs(np.mean(relative)) < 0.001
    # Binomial with mean 100 and standard deviation 7.
    assert counts.min() > 65
    assert counts.max() < 135


@pytest.mark.parametrize(
    ("x", "sigma", "rho", "name"),
    [
        (np.zeros(5), 0.0, 0.0, "x"),
        (wave(), -0.1, 0.0, "sigma"),
        (wave(), math.nan, 0.0, "sigma"),
        (wave(), 0.0, 1.0, "rho"),
        (wave(), 0.0, -0.5, "rho"),
        (wave(), 0.0, math.nan, "rho"),
    ],
)
def test_bad_corruption(x, sigma, rho, name):
    with pytest.raises(ValueError, match=f"^{name}: "):
        corrupt(x, sigma, rho, np.random.default_rng(0))


def test_percent_passed():
    assert percent_passed([[0.91, 0.9], [math.nan, -math.inf]]) == 25.0
    with pytest.raises(ValueError, match=r"^r2: "):
        percent_passed([])
