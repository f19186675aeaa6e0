"""The generated attack in a short form; ``python -m tests.fuzz.inputs`` is the long one."""

import pytest

from skdyn.data import cleaning
from tests.fuzz.inputs import FAMILIES, OUTCOMES, attack

COUNT = 40


@pytest.mark.parametrize("family", FAMILIES)
def test_every_input_is_read_right_or_refused_by_place(family, tmp_path):
    results = [attack(family, seed, tmp_path) for seed in range(COUNT)]
    assert [story for outcome, story in results if outcome not in OUTCOMES[:2]] == []
    assert {outcome for outcome, _ in results} == set(OUTCOMES[:2])


def test_a_door_that_lets_everything_through_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(cleaning, "check_increasing", lambda *_: None)
    outcomes = {attack("FIMODERegressor", seed, tmp_path)[0] for seed in range(150)}
    assert outcomes & {"misread", "foreign exception", "leaked warning"}
