import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn.benchmarks.protocol import (
    PUBLISHED,
    SETTINGS,
    TASKS,
    bootstrap_interval,
    cases,
    corrupt,
    corruption_rng,
    mcnemar,
    percent_passed,
    published,
    sign_test,
    variance_weighted_r2,
    wilson_interval,
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


def test_r2_by_hand():
    truth = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0]])  # SS_tot 8 and 6
    prediction = np.array([[0.0, 0.0], [2.0, 1.0], [2.0, 3.0]])  # SS_res 4 and 1
    assert variance_weighted_r2(truth, prediction) == pytest.approx((8 * 0.5 + 6 * 5 / 6) / 14)
    assert variance_weighted_r2(truth, truth) == 1.0
    assert variance_weighted_r2(truth, np.broadcast_to(truth.mean(axis=0), truth.shape)) == pytest.approx(0.0)


@given(
    seed=st.integers(0, 2**32),
    exponent=st.integers(-3, 10),
    shift=st.floats(-100, 100),
    error=st.floats(0.001, 2.0),
)
def test_r2_ignores_units_and_origin(seed, exponent, shift, error):
    rng = np.random.default_rng(seed)
    truth = wave()
    prediction = truth + error * rng.standard_normal(truth.shape)
    score = variance_weighted_r2(truth, prediction)
    assert score < 1.0
    scale = 2.0**exponent
    assert variance_weighted_r2(scale * truth + shift, scale * prediction + shift) == pytest.approx(score, abs=1e-9)
    assert variance_weighted_r2(truth[:, ::-1], prediction[:, ::-1]) == pytest.approx(score, abs=1e-12)
    assert variance_weighted_r2(truth[::-1], prediction[::-1]) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200, 1e308])
def test_r2_of_a_failure_is_minus_infinity(bad):
    truth = wave()
    for row, column in [(0, 0), (199, 1)]:
        prediction = truth.copy()
        prediction[row, column] = bad
        assert variance_weighted_r2(truth, prediction) == -math.inf


def test_r2_of_constant_truth():
    constant = np.ones((10, 2))
    assert variance_weighted_r2(constant, constant) == 1.0
    assert variance_weighted_r2(constant, constant + 0.1) < 0
    half = np.column_stack([np.arange(10.0), np.ones(10)])
    off = half + np.array([0.0, 5.0])
    assert variance_weighted_r2(half, off) == 1.0  # a dimension without variance has no weight
    off[3, 1] = math.nan
    assert variance_weighted_r2(half, off) == -math.inf


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (wave(10), wave(11), "equal shapes"),
        (np.ones(4), np.ones(4), "equal shapes"),
        (np.ones((0, 2)), np.ones((0, 2)), "equal shapes"),
        (np.full((4, 1), np.nan), np.ones((4, 1)), "^truth: finite"),
    ],
)
def test_bad_r2(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        variance_weighted_r2(truth, prediction)


def test_percent_passed():
    assert percent_passed([[0.91, 0.9], [math.nan, -math.inf]]) == 25.0
    with pytest.raises(ValueError, match=r"^r2: "):
        percent_passed([])


def test_mcnemar_by_hand():
    both, neither, only_first, only_second = 20, 5, 8, 1
    first = np.repeat([True, False, True, False], [both, neither, only_first, only_second])
    second = np.repeat([True, False, False, True], [both, neither, only_first, only_second])
    result = mcnemar(first, second)
    assert result[:2] == (8, 1)
    assert result.p_value == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(second, first) == (1, 8, result.p_value)
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_sign_test_counts_failures_as_ties():
    first = [0.9, 0.8, -math.inf, 0.5, 0.3]
    second = [0.1, 0.7, -math.inf, -math.inf, 0.4]
    assert sign_test(first, second) == (3, 1, pytest.approx(2 * 5 / 16))
    assert sign_test([-math.inf], [-math.inf]) == (0, 0, 1.0)


def test_bad_pairs():
    with pytest.raises(ValueError, match=r"^first and second: one value"):
        sign_test([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match=r"^first and second: booleans"):
        mcnemar([0.95, 0.2], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"^first and second: scores must not be NaN"):
        sign_test([math.nan], [0.1])


def test_wilson_interval():
    # Standard example: 15 of 50 at 95 %.
    estimate, low, high = wilson_interval([True] * 15 + [False] * 35)
    assert estimate == pytest.approx(30.0)
    assert low == pytest.approx(19.10, abs=0.01)
    assert high == pytest.approx(43.75, abs=0.01)
    assert wilson_interval([True] * 10).high == pytest.approx(100.0)
    assert wilson_interval([False] * 10).low == pytest.approx(0.0, abs=1e-12)
    wide, narrow = (wilson_interval([True, False] * 20, confidence) for confidence in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high
    with pytest.raises(ValueError, match=r"^passed: "):
        wilson_interval([])
    with pytest.raises(ValueError, match=r"^passed: "):
        wilson_interval([0.3, 0.99])
    with pytest.raises(ValueError, match=r"^confidence: "):
        wilson_interval([True], confidence=95)


def test_bootstrap_resamples_systems_not_cases():
    passed = np.repeat(np.arange(40) % 4 > 0, 6)  # six repetitions of each system that all agree
    systems = np.repeat(np.arange(40), 6)
    by_system = bootstrap_interval(100.0 * passed, systems, rng=np.random.default_rng(0))
    by_case = bootstrap_interval(100.0 * passed, np.arange(240), rng=np.random.default_rng(0))
    assert by_system.estimate == by_case.estimate == 75.0
    assert by_system.low < by_case.low < 75.0 < by_case.high < by_system.high
    # The standard error of 40 independent systems is 6.85 points.
    assert by_system.high - by_system.low == pytest.approx(2 * 1.96 * 6.85, rel=0.1)


def test_bootstrap_of_a_paired_difference():
    gain = np.array([100.0, 0.0, 0.0, 100.0, 0.0, -100.0])
    systems = np.array(["a", "a", "b", "b", "c", "c"])
    interval = bootstrap_interval(gain, systems, rng=np.random.default_rng(1))
    assert interval.estimate == pytest.approx(100 / 6)
    assert (interval.low, interval.high) == (-50.0, 50.0)
    again = bootstrap_interval(gain, systems, rng=np.random.default_rng(1))
    assert again == interval


@pytest.mark.parametrize(
    ("values", "systems", "options", "message"),
    [
        ([1.0], [1, 2], {}, "equal lengths"),
        ([], [], {}, "equal lengths"),
        ([math.nan], [1], {}, "^values: finite"),
        ([1.0], [1], {"n_resamples": 0}, "^n_resamples: "),
        ([1.0], [1], {"confidence": 1.0}, "^confidence: "),
    ],
)
def test_bad_bootstrap(values, systems, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(values, systems, rng=np.random.default_rng(0), **options)
