"""How a diagnosis reads."""

import numpy as np

from skdyn.diagnosis import Check, Diagnosis

FAILED = Check("jumps", 0.7, 0.3, "above", "the share of jumps", "jumps", "a model with jumps", hopeless=True)
WEAK = Check("cycles", 0.0, 1.0, "below", "the number of cycles", "a short recording", "a longer one")
PASSED = Check("clocks", 2.0, 30.0, "above", "the ratio of rates")
UNKNOWN = Check("noise", np.nan, 0.3, "above", "the share of noise", hopeless=True)


def test_what_failed_comes_first_and_the_worst_before():
    diagnosis = Diagnosis((PASSED, WEAK, UNKNOWN, FAILED))
    assert diagnosis.findings == (FAILED, WEAK)
    assert not diagnosis.adequate
    assert repr(diagnosis).splitlines() == [
        "Diagnosis: 2 of 4 checks speak against the model",
        "  ! jumps: the share of jumps is 0.7 (> 0.3)",
        "    likely: jumps",
        "    try: a model with jumps",
        "  ! cycles: the number of cycles is 0 (< 1)",
        "    likely: a short recording",
        "    try: a longer one",
        "  passed: clocks",
        "  too few data for: noise",
    ]
    assert diagnosis.warning() == (
        "jumps: the share of jumps is 0.7 (> 0.3); likely jumps; try a model with jumps (see diagnose())"
    )


def test_what_is_not_hopeless_is_not_warned_of():
    assert Diagnosis((WEAK, PASSED)).adequate
    assert Diagnosis((WEAK, PASSED)).warning() is None
    assert repr(Diagnosis((PASSED,))).startswith("Diagnosis: nothing speaks against the model")
