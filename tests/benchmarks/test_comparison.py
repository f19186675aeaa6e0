import math

import numpy as np
import pytest

from skdyn.benchmarks.comparison import bootstrap_interval, mcnemar, sign_test, wilson_interval


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
