"""A small file of trajectories."""

import numpy as np
import pytest


@pytest.fixture
def csv_file(tmp_path):
    t = np.linspace(0, 8, 40)
    lines = ["group,time,prey,predator"]
    for k in range(2):
        lines += [f"{k},{a},{(k + 1) * np.cos(a)},{-(k + 1) * np.sin(a)}" for a in t]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
