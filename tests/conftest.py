"""What many tests share: small data, the tiny model for plumbing and the bundled one for meaning."""

import os

# Before anything loads NumPy or torch: threads cost small fits more than they give, and tests run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.property.effort import REPEATABLE

# The same examples each time; or, with HYPOTHESIS_PROFILE=explore, many new ones, of which failing ones are kept.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, max_examples=REPEATABLE)
settings.register_profile(
    "explore",
    deadline=timedelta(minutes=1),
    derandomize=False,
    database=DirectoryBasedExampleDatabase(Path(__file__).parents[1] / ".hypothesis" / "explore"),
    max_examples=20 * REPEATABLE,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

TESTS = Path(__file__).parent
# Scripts that the search for doctests would run by importing them: one trains, one is for a type checker alone.
collect_ignore = ["pretrain/run/ddp_worker.py", "typing/user_script.py"]
SLOW_ROOMS = ("adaptation", "pretrain", "property", "sparse")
"""Rooms whose tests train, search or try many examples; elsewhere, a slow test says so itself."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).parts[0] in SLOW_ROOMS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def dummy_folder():
    """The folder of the tiny 16-dimensional model with random weights."""
    return TESTS / "dummy" / "fim-ode-16d"


@pytest.fixture(scope="session")
def orbits():
    """Three ragged, irregular pieces of damped rotations in two variables."""
    rng = np.random.default_rng(7)
    pieces = []
    for radius, points in ((1.0, 40), (2.0, 31), (0.5, 23)):
        t = np.sort(rng.uniform(0, 8, points))
        decay = radius * np.exp(-0.1 * t)
        pieces.append((t, np.column_stack([decay * np.cos(t), -decay * np.sin(t)])))
    return pieces


@pytest.fixture(scope="session")
def fitted(orbits):
    """The bundled model fitted to `orbits`; tests must not modify it."""
    from skdyn import FIMODERegressor

    return FIMODERegressor(device="cpu").fit(orbits)
