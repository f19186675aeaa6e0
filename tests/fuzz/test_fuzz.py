"""The short form of the fuzzing of folders: see `tests.fuzz.folders` and `tests.fuzz.kills` for the long ones."""

import os
import signal
import time

import numpy as np
import pytest

from tests.forks import needs_fork
from tests.fuzz.folders import COLUMNS, GOOD, fuzz, outcome_of, table
from tests.fuzz.kills import WHOLE, attack
from tests.fuzz.kinds import KINDS

pytestmark = [pytest.mark.slow, needs_fork]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_folders_are_read_or_refused(kind, tmp_path):
    counts, examples = fuzz(tmp_path, 20, 0, [kind])
    assert examples == []
    assert sum(counts[kind].values()) == sum(counts[kind][column] for column in GOOD) == 20
    assert table(counts).count("\n") == 3


@pytest.mark.parametrize("kind", KINDS)
def test_kills_while_saving_leave_a_whole_copy(kind, tmp_path):
    killed, beside = attack(KINDS[kind], tmp_path, 5, 0)
    for counts in (killed, beside):
        assert sum(counts.values()) == sum(counts[column] for column in WHOLE) == 5


class Kind:
    """What loads as it is told to."""

    def ask(self, loaded):
        return np.array([loaded]), ""


@pytest.mark.parametrize(
    ("load", "column"),
    [
        (lambda: 1.0, "read"),
        (lambda: 2.0, "silently wrong"),
        (lambda: 1 / 0, "foreign exception"),
        (lambda: exit(3), "foreign exception"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "crash"),
        (lambda: time.sleep(60), "hang"),
        (lambda: float(np.ones(2**28 + 2**27)[0]), "memory"),
    ],
)
def test_the_harness_sees_each_fault(load, column, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.fuzz.folders._SECONDS", 2.0 if column == "hang" else 20.0)
    assert column in COLUMNS
    assert outcome_of(load, Kind(), tmp_path, (np.array([1.0]), ""), False)[0] == column
