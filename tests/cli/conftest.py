"""Small files of trajectories, saved estimators, and how to call the command."""

import json
from pathlib import Path

import numpy as np
import pytest

from skdyn.cli import main

DUMMY = Path(__file__).parents[1] / "dummy"
TINY = {"ode": str(DUMMY / "fim-ode-16d"), "sde": str(DUMMY / "fim-sde-16d"), "forecast": str(DUMMY / "lass-ode-tiny")}
"""Models with random weights, by kind."""


@pytest.fixture
def csv_file(tmp_path):
    t = np.linspace(0, 8, 40)
    lines = ["group,time,prey,predator"]
    for k in range(2):
        lines += [f"{k},{a},{(k + 1) * np.cos(a)},{-(k + 1) * np.sin(a)}" for a in t]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def call(capsys):
    """Call the command with any words; returns exit code, output and errors."""

    def run(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def call_json(call):
    """Call the command with --json; returns what it says, which is all that it prints."""

    def run(*words):
        code, out, _ = call(*words, "--json")
        assert code == 0
        return json.loads(out, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))

    return run


@pytest.fixture
def saved(tmp_path):
    """The folder of a saved estimator of any class, fitted to two circles."""

    def save(estimator):
        t = np.linspace(0, 6, 30)
        circles = [(t, np.column_stack([r * np.cos(t), -r * np.sin(t)])) for r in (1, 2)]
        estimator.fit(circles).save(tmp_path / "model")
        return tmp_path / "model"

    return save
