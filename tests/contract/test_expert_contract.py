"""The experts against their contract, and experts that only one check need catch."""

import contextlib
import random
import socket

import numpy as np
import pytest

from skdyn.exceptions import PluginError
from skdyn.forecasting.experts.registry import CATALOGUE
from skdyn.plugins import Expert, get_expert, on_grid
from skdyn.testing import check_expert, expert_checks

SLOW = {"sparse-ode"}
EXPERTS = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CATALOGUE.names() if
    CATALOGUE.is_builtin(name)
]  # fmt: skip


@pytest.mark.parametrize("name", EXPERTS)
def test_contract(name):
    check_expert(get_expert(name))


def last(times, values):
    return lambda later: np.tile(values[-1], (len(later), 1))


def silent(times, values):
    raise ValueError("nothing to say")


def forgets_to_return(times, values):
    last(times, values)


def flat(times, values):
    return lambda later: np.full(len(later), values[-1, 0])


def one_variable(times, values):
    return lambda later: last(times, values)(later)[:, :1]


def text(times, values):
    return lambda later: last(times, values)(later).astype(str)


def mistaken(times, values):
    return values.nothing


def moves_the_values(times, values):
    values -= values.mean(axis=0)
    return last(times, values)


def moves_the_later_times(times, values):
    def forecast(later):
        later -= times[-1]
        return last(times, values)(later)

    return forecast


def counts_its_fits():
    fits = []

    def fit(times, values):
        fits.append(0)
        count = len(fits)
        return lambda later: last(times, values)(later) + count

    return fit


def refuses_read_only(times, values):
    if not values.flags.writeable:
        raise ValueError("buffer source array is read-only")
    return last(times, values)


def seeds(times, values):
    random.seed(3)
    return last(times, values)


def calls_home(times, values):
    with contextlib.suppress(Exception):
        socket.create_connection(("127.0.0.1", 9), timeout=0.1)
    return last(times, values)


BROKEN = [
    (silent, "check_answers", "nothing finite is said"),
    (forgets_to_return, "check_answers", "returns a NoneType, not a forecast"),
    (flat, "check_answers", r"1 times of 1 variable\(s\) are answered with \(1,\), not \(1, 1\)"),
    (one_variable, "check_answers", r"1 times of 2 variable\(s\) are answered with \(1, 1\), not \(1, 2\)"),
    (text, "check_answers", "not of real numbers"),
    (mistaken, "check_answers", "no attribute 'nothing'"),
    (moves_the_values, "check_arguments_unchanged", "the expert changes in place"),
    (moves_the_later_times, "check_arguments_unchanged", "the forecast changes in place"),
    (counts_its_fits(), "check_repeats", "the forecast of a second fit differs"),
    (refuses_read_only, "check_repeats", "one to read-only arrays"),
    (last, "check_season", "season"),
    (seeds, "check_process", "the state of random"),
    (calls_home, "check_process", r"connections were opened, to .*127\.0\.0\.1"),
]


@pytest.mark.parametrize(("fit", "name", "words"), BROKEN)
def test_broken_experts_are_caught(fit, name, words):
    expert = Expert("own", fit, "nothing", seasonal=name == "check_season")
    with pytest.raises(AssertionError, match=f"^the expert 'own' fails {name}: .*{words}"):
        check_expert(expert)


def test_each_check_has_something_to_catch():
    assert {name for _, name, _ in BROKEN} == {name for name, _ in expert_checks()}


def test_a_sound_expert_of_a_plugin_passes():
    def even(values, season=None):
        return lambda count: np.tile(values[-1], (count, 1))

    check_expert(Expert("own", on_grid(even), "random walks", seasonal=True))


@pytest.mark.parametrize(
    ("name", "fit", "suits", "words"),
    [
        ("a", 3, "x", "fit of the expert 'a' must be callable"),
        (3, last, "x", "has a name"),
        ("", last, "x", "has a name"),
        ("a", last, None, "has a name and a word on what it suits"),
    ],
)
def test_what_is_no_expert_is_refused(name, fit, suits, words):
    with pytest.raises(PluginError, match=words):
        Expert(name, fit, suits)
