"""Numbers and sources of randomness are checked in one way."""

import numpy as np
import pytest

from skdyn.data.parameters import check_number, check_size, read_generator


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (1, {}),
        (0.5, {}),
        (np.float32(2), {}),
        (np.int64(3), {"whole": True}),
        (0, {"include_low": True}),
        (1, {"high": 1}),
    ],
)
def test_numbers_in_range(value, options):
    check_number("n", value, **options)


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (0, {}, "n must be positive and finite, got 0"),
        (np.nan, {}, "n must be positive and finite, got nan"),
        (np.inf, {}, "n must be positive and finite, got inf"),
        (True, {}, "n must be positive and finite, got True"),
        ("1", {}, "n must be positive and finite, got '1'"),
        (None, {}, "n must be positive and finite, got None"),
        (np.array([1, 2]), {}, r"n must be positive and finite, got array"),
        (1.0, {"whole": True}, "n must be a positive integer, got 1.0"),
        (1, {"whole": True, "low": 2, "include_low": True}, "n must be an integer of at least 2, got 1"),
        (-1e-9, {"include_low": True}, "n must be finite and at least 0, got -1e-09"),
        pytest.param(10**400, {}, "n must be positive and finite, got 1000", id="huge"),
        (1.5, {"high": 1}, "n must be a number above 0 and at most 1, got 1.5"),
    ],
)
def test_numbers_that_are_refused(value, options, message):
    with pytest.raises(ValueError, match=message):
        check_number("n", value, **options)


def test_sources_of_randomness():
    assert read_generator(7).random() == np.random.default_rng(7).random()
    given = np.random.default_rng(1)
    assert read_generator(given) is given
    first, second = (read_generator(np.random.RandomState(3)).random() for _ in range(2))
    assert first == second
    state = np.random.RandomState(3)
    assert read_generator(state).random() != read_generator(state).random()
    for bad in (-1, True, 1.5, "seed"):
        with pytest.raises(ValueError, match="random_state must be None, a non-negative integer"):
            read_generator(bad)


def test_answers_too_large_for_memory():
    check_size("it", 2**29)
    check_size("it", 0, 10**30)
    with pytest.raises(ValueError, match=r"it of shape \(1, 536870913\) would take 4 GiB, more than 4: ask for fewer"):
        check_size("it", 1, 2**29 + 1)
    with pytest.raises(ValueError, match=r"would take 7.45e.21 GiB"):
        check_size("it", np.int64(10**15), np.int64(10**15))
