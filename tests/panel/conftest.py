import numpy as np
import pandas as pd
import pytest


def recording(patient, rate, points=30):
    t = np.linspace(0, 6, points)
    decay = np.exp(-0.1 * t)
    states = {"x": decay * np.cos(rate * t), "y": -decay * np.sin(rate * t)}
    return pd.DataFrame({"patient": patient, "time": t, **states})


@pytest.fixture(scope="session")
def patients():
    """Five recordings of different lengths; one that says nothing of dynamics, and one with a hole."""
    parts = [recording(name, 0.8 + 0.3 * i, 30 + i) for i, name in enumerate("edcba")]
    still = recording("still", 1.0)
    still[["x", "y"]] = 1.0
    hole = recording("torn", 1.0)
    hole.loc[3, "x"] = np.nan
    return pd.concat([*parts, still, hole], ignore_index=True)
