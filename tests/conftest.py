"""What many tests share: small data, the tiny model for plumbing and the bundled one for meaning."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, max_examples=25)
settings.load_profile("repeatable")

collect_ignore = ["pretrain/ddp_worker.py"]  # a script: importing it, as the search for doctests does, would train


@pytest.fixture(scope="session")
def dummy_folder():
    """The folder of the tiny 16-dimensional model with random weights."""
    return Path(__file__).parent / "dummy" / "fim-ode-16d"


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
